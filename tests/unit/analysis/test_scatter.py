"""The interval of one run: wider than the law's by the scatter of runs, never below zero."""

from __future__ import annotations

import pytest

from analysis.records import Interval
from analysis.scatter import Scatter, one_run_interval

LAW = Interval(2.9, 3.2)


def test_each_half_is_widened_in_quadrature_by_students_multiple() -> None:
    interval = one_run_interval(3.0, LAW, Scatter(0.02, 10))
    assert interval is not None
    scatter = 2.228 * 0.02
    assert interval.low == pytest.approx(3.0 - (0.1**2 + scatter**2) ** 0.5, abs=1e-5)
    assert interval.high == pytest.approx(3.0 + (0.2**2 + scatter**2) ** 0.5, abs=1e-5)
    assert interval.level == LAW.level


def test_few_degrees_of_freedom_widen_it() -> None:
    few, many = (one_run_interval(3.0, LAW, Scatter(0.1, freedom)) for freedom in (1, 1000))
    assert few is not None and many is not None
    assert few.high == pytest.approx(3.0 + (0.2**2 + 1.2706**2) ** 0.5, abs=1e-3)
    assert many.high == pytest.approx(3.0 + (0.2**2 + 0.1962**2) ** 0.5, abs=1e-3)


def test_without_scatter_it_is_not_known_and_no_loss_is_negative() -> None:
    assert one_run_interval(3.0, LAW, None) is None
    exact = one_run_interval(3.0, LAW, Scatter(0.0, 5))
    assert exact is not None and (exact.low, exact.high) == pytest.approx((2.9, 3.2))
    deep = one_run_interval(3.0, Interval(0.0, 6.0), Scatter(1.0, 5))
    assert deep is not None and deep.low == 0.0
