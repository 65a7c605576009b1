"""The interval of one run: the law's, moved and widened by what is known of its budget and size, never below zero."""

from __future__ import annotations

import math

import pytest

from analysis.fitting.valley.runs import OneRun
from analysis.records import Interval
from analysis.scatter import one_run_interval

LAW = Interval(2.9, 3.2)


def test_at_a_new_budget_the_laws_error_its_own_and_the_scatter_add_in_quadrature() -> None:
    interval = one_run_interval(3.0, LAW, OneRun(off=0.0, known=False, half=0.05, scatter=0.02), math.inf)
    assert interval is not None
    own = 0.05**2 + 0.02**2
    assert interval.low == pytest.approx(3.0 - (0.1**2 + own) ** 0.5)
    assert interval.high == pytest.approx(3.0 + (0.2**2 + own) ** 0.5)
    assert interval.level == LAW.level


def test_at_a_budget_that_was_run_its_own_error_replaces_the_laws() -> None:
    interval = one_run_interval(3.0, LAW, OneRun(off=0.0, known=True, half=0.04, scatter=0.03), math.inf)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((2.95, 3.05))


@pytest.mark.parametrize("known", [True, False])
def test_what_its_budget_adds_moves_it(known: bool) -> None:
    still, moved = (one_run_interval(3.0, LAW, OneRun(off, known, 0.04, 0.03), math.inf) for off in (0.0, -0.04))
    assert still is not None and moved is not None
    assert (still.low - moved.low, still.high - moved.high) == pytest.approx((0.04, 0.04))


@pytest.mark.parametrize(("off", "ends"), [(-0.07, (2.88, 3.0)), (0.07, (3.0, 3.12))])
def test_the_laws_own_loss_is_inside(off: float, ends: tuple[float, float]) -> None:
    interval = one_run_interval(3.0, LAW, OneRun(off, True, 0.04, 0.03), math.inf)
    assert interval is not None and (interval.low, interval.high) == pytest.approx(ends)


def test_without_a_law_it_is_not_known_and_no_loss_is_negative() -> None:
    assert one_run_interval(3.0, LAW, None, math.inf) is None
    exact = one_run_interval(3.0, LAW, OneRun(0.0, False, 0.0, 0.0), math.inf)
    assert exact is not None and (exact.low, exact.high) == pytest.approx((2.9, 3.2))
    deep = one_run_interval(3.0, Interval(0.0, 6.0), OneRun(0.0, False, 0.0, 1.0), math.inf)
    assert deep is not None and deep.low == 0.0 and deep.high > 6


def test_no_loss_is_above_the_worst_but_the_laws_own() -> None:
    run = OneRun(off=0.0, known=False, half=0.05, scatter=0.02)
    capped, above = (one_run_interval(3.0, LAW, run, worst) for worst in (3.1, 2.95))
    assert capped is not None and capped.high == 3.1 and capped.low < 2.9
    assert above is not None and above.high == 3.0
