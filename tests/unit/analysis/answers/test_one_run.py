"""The interval of one run: wider than the law's by the scatter of runs, never below zero."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.answers.one_run import one_run_interval
from analysis.records import Interval, Prediction

LAW = Interval(2.9, 3.2)
PREDICTION = Prediction(
    flops=1e12,
    params=5e4,
    tokens=3e6,
    loss=3.0,
    params_interval=Interval(4e4, 6e4),
    tokens_interval=Interval(2e6, 4e6),
    loss_interval=LAW,
    largest_budget=1e12,
    extrapolation=1.0,
    place="within the budgets that were run",
    confidence="high",
    estimators=(),
    convention="",
    loss_unit="nats/token",
    law_id="",
)


def test_each_half_is_widened_in_quadrature_by_students_multiple() -> None:
    interval = one_run_interval(PREDICTION, 0.02, 10)
    assert interval is not None
    scatter = 2.228 * 0.02
    assert interval.low == pytest.approx(3.0 - (0.1**2 + scatter**2) ** 0.5, abs=1e-5)
    assert interval.high == pytest.approx(3.0 + (0.2**2 + scatter**2) ** 0.5, abs=1e-5)
    assert interval.level == LAW.level


def test_few_degrees_of_freedom_widen_it() -> None:
    few, many = (one_run_interval(PREDICTION, 0.1, freedom) for freedom in (1, 1000))
    assert few is not None and many is not None
    assert few.high == pytest.approx(3.0 + (0.2**2 + 1.2706**2) ** 0.5, abs=1e-3)
    assert many.high == pytest.approx(3.0 + (0.2**2 + 0.1962**2) ** 0.5, abs=1e-3)


def test_without_scatter_it_is_not_known_and_no_loss_is_negative() -> None:
    assert one_run_interval(PREDICTION, None, 5) is None
    assert one_run_interval(PREDICTION, 0.02, 0) is None
    exact = one_run_interval(PREDICTION, 0.0, 5)
    assert exact is not None and (exact.low, exact.high) == pytest.approx((2.9, 3.2))
    deep = one_run_interval(replace(PREDICTION, loss_interval=Interval(0.0, 6.0)), 1.0, 5)
    assert deep is not None and deep.low == 0.0
