"""What is expected of the parameters: the stated means and widths, and their derivatives by the scales."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.fitting.valley.form import FIXED, ValleyTheta, off_additive
from analysis.fitting.valley.hyper import Scales
from analysis.fitting.valley.prior import additive_prior, prior, unseen_drift, unseen_share
from tests.unit.analysis.fitting.valley.made import THETA, model, parameters, scales, slopes


def test_the_priors_are_those_stated() -> None:
    made = model()
    named = scales(noise=0.02, misfit=0.1, exponent_drift=0.5, slope_drift=0.25, sides=2.0, offset=0.5, tilt=0.1)
    mean, precision, *_ = prior(made, named, THETA)
    sd = 1 / np.sqrt(np.where(precision > 0, precision, np.nan))
    for block, expected in (
        ("path", 0.05), ("floor", float(np.hypot(0.025, unseen_drift(made)))), ("left", 0.2), ("right", 0.2), ("offset", 0.01), ("tilt", 0.002),
        ("size", 0.02 * 0.15),
    ):  # fmt: skip
        assert sd[made.blocks[block]] == pytest.approx(expected), block
        assert (mean[made.blocks[block]] == 0).all()
    fixed, spread = ValleyTheta(*mean[:FIXED]), ValleyTheta(*sd[:FIXED])
    steepness = 0.18 / 2.9
    assert (fixed.flattening, spread.flattening) == pytest.approx((1.5 * steepness, 1.2 * steepness))
    assert (fixed.exponent, spread.exponent) == pytest.approx((0.5, 0.1))
    assert (fixed.log_p, spread.log_q) == pytest.approx((np.log(0.4), 1.2))
    assert spread.depth == pytest.approx(1 / np.hypot(1 / 0.5, 1.0)), "5 φ, and 1 at most"
    assert spread.narrowing == pytest.approx(1 / np.hypot(1 / 0.1, 1 / 0.3))
    assert spread.p_trend == spread.q_trend == pytest.approx(1 / np.hypot(1 / 0.05, 1 / 0.3))
    assert np.isnan([spread.level, spread.log_slope, spread.n0]).all(), "these are free"


def test_the_distance_from_an_additive_valley_is_measured_by_the_misfit() -> None:
    made = model()
    beta = parameters(made)
    precision, rise = additive_prior(made, scales(misfit=0.1, additive=20.0))
    assert precision == pytest.approx(1 / (2.0**2 + (1.5 / 16**2) ** 2)), "five budgets hide little"
    assert rise == pytest.approx(-2 * 4 * precision)
    few = replace(made, budgets=made.budgets[:, :3])
    assert (unseen_drift(few), unseen_drift(made)) == pytest.approx((0.1, 0.1 / 16**2))
    assert additive_prior(few, scales(misfit=0.1, additive=20.0))[0] == pytest.approx(1 / (2.0**2 + 1.5**2))
    off, row = off_additive(ValleyTheta(*beta[made.blocks["fixed"]]))
    found = made.predict(beta)
    assert abs(off) > 0.1 and found.off == made.off_additive(beta) == off
    assert (found.off_row[made.blocks["fixed"]] == row).all() and (found.off_row[FIXED:] == 0).all()


def test_the_priors_log_derivatives_are_finite_differences() -> None:
    made, at = model(), np.array(scales(misfit=0.2))
    _, precision, rises, moves = prior(made, Scales(*at), THETA)
    free = precision == 0
    assert free.sum() == 3 and (rises[:, free] == 0).all()
    expected = slopes(lambda s: np.log(prior(made, Scales(*s), THETA).precision[~free]), at)
    assert rises[:, ~free] == pytest.approx(expected.T, abs=1e-7)
    assert moves == pytest.approx(slopes(lambda s: prior(made, Scales(*s), THETA).mean, at).T, abs=1e-9)
    assert np.count_nonzero(moves) == 1


@pytest.mark.parametrize("share", [0.1, 1 / 3, 0.5, 0.9])
def test_a_frontier_is_expected_to_flatten_by_its_irreducible_share(share: float) -> None:
    made, index = model(), ValleyTheta._fields.index("flattening")
    expected = prior(made, scales(irreducible=share / (1 - share)), THETA)
    steepness = 0.18 / 2.9
    assert expected.mean[index] == pytest.approx(steepness / (1 - share))
    assert expected.precision[index] ** -0.5 == pytest.approx(0.8 * steepness / (1 - share))


def test_each_budget_beyond_three_shows_all_but_a_sixteenth_of_what_was_left() -> None:
    assert [unseen_share(count) for count in (1, 2, 3, 4, 5, 7)] == [1, 1, 1, 1 / 16, 1 / 256, 1 / 65536]
