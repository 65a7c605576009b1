"""Laws, forecasts and comparisons that the tests of charts share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from analysis.answers.compare import Comparison, Side, compare
from analysis.answers.published import PUBLISHED
from analysis.figures.compose import everything
from analysis.figures.forecasts import Forecast
from analysis.law import Law, fit
from analysis.records import Interval
from analysis.table.table import RunTable
from tests.unit.orchestrator.report_fixtures import law, runs


@pytest.fixture(scope="session")
def fitted() -> Law:
    """Three budgets, all with a minimum."""
    return law()


@pytest.fixture(scope="session")
def refused() -> Law:
    """Three budgets, the largest without a minimum."""
    return law(edge=3e12)


@pytest.fixture(scope="session")
def thin() -> Law:
    """Two sizes a budget: no minimum, no law."""
    return law(sizes=2)


@pytest.fixture(scope="session")
def odd(fitted: Law) -> Law:
    """A run of the first curve far above all others, which no frame shows."""
    first, *others = fitted.curves
    far = (first.params[-1] * 20, first.tokens[-1] / 20, 30.0)
    params, tokens, losses = (
        (*has, more) for has, more in zip((first.params, first.tokens, first.losses), far, strict=True)
    )
    return replace(fitted, curves=(replace(first, params=params, tokens=tokens, losses=losses), *others))


@pytest.fixture(scope="session")
def forecasts() -> tuple[Forecast, ...]:
    """One inside its interval, one outside, one that waits."""
    return (
        Forecast(2e5, 1e13, 2e5, 3.0, Interval(2.8, 3.2), 10.0, "nats/token", 3.1),
        Forecast(3e5, 3e13, 3e5, 2.8, Interval(2.7, 2.9), 30.0, "nats/token", 2.65),
        Forecast(1e5, 3e12, 1e5, 3.3, Interval(3.2, 3.4), 3.0, "nats/token"),
    )


@pytest.fixture(scope="session")
def composed(fitted: Law, forecasts: tuple[Forecast, ...]) -> dict[str, Any]:
    """The spec of the figure of all charts, with the published laws."""
    return everything(fitted, forecasts, published=tuple(PUBLISHED.values()), name="lab").to_dict(validate=False)


@pytest.fixture(scope="session")
def comparison(fitted: Law) -> Comparison:
    """A law against one whose losses are 0.1 lower."""
    frame = runs()
    frame["loss"] -= 0.1
    better = fit(RunTable.from_frame(frame, convention="N: matmul parameters", loss_unit="nats/token"))
    return compare(Side("old", fitted, 2.0), Side("new", better, 2.0))
