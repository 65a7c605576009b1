"""Scenarios: the law's own draws, and beside its likeliest scales those of a worse form."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitting.valley.hyper import Scales
from analysis.fitting.valley.posterior import Valley
from analysis.law import Law
from analysis.suggest.scenarios import WORSE, likely, to_choose_by


@pytest.fixture(scope="module")
def valley(law: Law) -> Valley:
    assert law.valley is not None
    return law.valley


def test_the_laws_own_draws_keep_their_weights(valley: Valley) -> None:
    assert [one.weight for one in likely(valley)] == valley.weights.tolist()


def test_a_worse_form_counts_as_much_as_the_likely_one(valley: Valley) -> None:
    found = to_choose_by(valley)
    assert len(found) == 2 * len(valley.drawn)
    assert sum(one.weight for one in found) == pytest.approx(1)
    plain, worse = found[0], found[1]
    assert np.array_equal(plain.scales, plain.fitted.scales)
    assert plain.weight == worse.weight
    assert Scales(*worse.scales).misfit == pytest.approx(np.log(WORSE))


def test_the_other_scales_are_the_likeliest_with_that_misfit(valley: Valley) -> None:
    worse = to_choose_by(valley)[1]
    solve, held = worse.fitted.linearised.solve, Scales._fields.index("misfit")
    plain = worse.fitted.scales.copy()
    plain[held] = worse.scales[held]
    assert solve(worse.scales).log_evidence >= solve(plain).log_evidence
    gradient = np.delete(solve(worse.scales).gradient, held)
    assert np.abs(gradient).max() < 0.1
