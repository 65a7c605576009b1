"""Power laws: exponents of a known surface, the tie of N*, D* and C, floors, and intervals."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from analysis.fitting.cost import TokenCost
from analysis.fitting.estimators import CUBIC
from analysis.fitting.parameters import LineTheta
from analysis.fitting.parts import fit_parts
from analysis.fitting.powerlaws import _frontier_law, power_laws
from analysis.law import Law, fit
from analysis.names import EstimatorName
from analysis.records import LawError, PowerLaw
from analysis.refusals import TooFewCurves
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import SMALL_COST, small, sweep, table

A = 0.28 / 0.62
G = 0.34 * 0.28 / 0.62


@pytest.fixture(scope="module")
def law() -> Law:
    return fit(table(noise=0.0, seed=0), holdout=False)


def of(law: Law, quantity: str, name: str) -> PowerLaw:
    return next(p for p in law.power_laws if p.quantity == quantity and p.estimator == name)


def test_a_known_surface_gives_its_exponents_and_coefficients(law: Law) -> None:
    scale = (0.34 * 406.4 / (0.28 * 410.7)) ** (1 / 0.62)
    for name in ("additive", "joint_skew"):
        size, data, loss = (of(law, quantity, name) for quantity in ("params", "tokens", "loss"))
        assert size.exponent == pytest.approx(A, abs=2e-3)
        assert data.exponent == pytest.approx(1 - A, abs=2e-3)
        assert size.coefficient * 1e19**size.exponent == pytest.approx(scale * (1e19 / 6) ** A, rel=0.01)
        assert loss.exponent == pytest.approx(-G, rel=0.05) and loss.floor == pytest.approx(1.69, abs=0.05)
        at = loss.floor + loss.coefficient * 1e19**loss.exponent
        n = scale * (1e19 / 6) ** A
        assert at == pytest.approx(1.69 + 406.4 / n**0.34 + 410.7 / (1e19 / 6 / n) ** 0.28, abs=2e-3)
    assert of(law, "params", "headline").floor == 0


def test_a_frontier_through_minima_is_written_as_a_power_law(law: Law) -> None:
    loss = of(law, "loss", "cubic")
    state = next(state for state in law.estimators if state.name == "cubic")
    middle, slope, g = state.theta[2], math.exp(state.theta[3]), state.theta[4]
    assert loss.exponent == pytest.approx(-g) and loss.floor == pytest.approx(middle - slope / g)
    c = math.log(1e19) - law.origin.c
    frontier = middle - slope * (1 - math.exp(-g * c)) / g
    assert loss.floor + loss.coefficient * 1e19**loss.exponent == pytest.approx(frontier)


def test_a_law_needs_two_budgets_with_a_minimum() -> None:
    def mixed(*off_centre: float) -> Law:
        cells = zip((1e18, 3e18, 1e19), off_centre, strict=True)
        frames = [sweep(budgets=(budget,), off_centre=off, seed=int(budget / 1e18)) for budget, off in cells]
        return fit(RunTable.from_frame(pd.concat(frames, ignore_index=True)), holdout=False)

    two, one = mixed(1, 1, 8), mixed(1, 8, 8)
    assert [bool(curve.minima) for curve in two.curves] == [True, True, False]
    assert two.predict(1e19).params > 0
    assert one.refusals[EstimatorName.HEADLINE] == TooFewCurves(1, 3, 2)
    assert one.estimators == () and one.surfaces != ()
    with pytest.raises(LawError, match=r"1 of 3 budgets have a minimum by any .* runs\. The Akima spline has"):
        one.predict(1e19)


def test_where_k_falls_with_n_the_exponents_still_tie() -> None:
    runs = table(truth=small, budgets=(1e11, 3e11, 1e12), span=3.4, noise=0.01, cost=SMALL_COST, repeats=3, seed=2)
    law = fit(runs, cost=SMALL_COST, holdout=False)
    for name in ("headline", "cubic", "additive"):
        size, data = of(law, "params", name), of(law, "tokens", name)
        for flops in (1e11, 1e12):
            n, d = (p.coefficient * flops**p.exponent for p in (size, data))
            assert d * SMALL_COST.flops_per_token(n) == pytest.approx(flops, rel=1e-6)
        assert size.exponent_interval is not None and data.exponent_interval is not None
        width = [p.exponent_interval.high - p.exponent_interval.low for p in (size, data) if p.exponent_interval]
        assert 0.9 < width[1] / width[0] < 1, "F rises a little more slowly than N"
        assert size.exponent_interval.low < size.exponent < size.exponent_interval.high


def test_intervals_grow_with_the_noise_and_cover() -> None:
    widths = []
    for noise in (0.002, 0.008):
        interval = of(fit(table(noise=noise, seed=3), holdout=False), "params", "headline").exponent_interval
        assert interval is not None and A in interval
        widths.append(interval.high - interval.low)
    assert widths[1] > 2 * widths[0]


def test_without_estimators_there_are_no_power_laws() -> None:
    runs = table(budgets=(1e18, 1e19))
    assert power_laws((), fit_parts(runs, TokenCost.constant(6)), TokenCost.constant(6)) == ()


def test_a_straight_frontier_has_a_tiny_exponent(law: Law) -> None:
    straight = _frontier_law(CUBIC, LineTheta(0.0, 0.5, 3.0, math.log(0.2), 0.0), math.log(1e19), float("inf"))
    assert straight.exponent == -1e-6 and straight.exponent_interval is None
    values = [straight.floor + straight.coefficient * c**straight.exponent for c in (1e19, math.e * 1e19)]
    assert values[0] == pytest.approx(3.0, abs=1e-4)
    assert np.diff(values)[0] == pytest.approx(-0.2, abs=1e-4)
