"""Rolling forecasts: N* and L* of each later budget from the earlier ones, by the headline and the baselines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from analysis.fitting.holdout import far
from analysis.law import Law, fit
from analysis.records import LawError, Prediction
from benchmarks.holdout.baselines import BASELINES, Predictor
from benchmarks.holdout.lines import NOTHING, Forecast
from benchmarks.holdout.rows import HEADLINE, Row
from benchmarks.holdout.sets import Cut, PublishedSet, load

QUANTITIES = ("params", "loss")
"""What is forecast: ln N* and L*."""
WIDTH_AT = 3.0
"""Multiple of the largest training budget where the width of the interval is noted."""


def forecast_budgets(path: Path, cut: Cut, to: float, own_holdout: bool) -> list[Row]:
    """Every forecast from one cut of a file, up to `to` times the largest training budget, by every method."""
    data = load(path)
    train = data.table.select(data.table.budget < cut.first)
    largest = float(train.budgets.max())
    later = [at for at in data.usable if at >= cut.first and data.table.budgets[at] <= to * largest]
    law = fit(train, holdout=own_holdout)
    shares = own_shares(law)
    rows = [
        row
        for flops, at in [(WIDTH_AT * largest, None), *[(float(data.table.budgets[at]), at) for at in later]]
        for row in _by_headline(data, cut, law, flops, at, shares)
    ]
    for name, baseline in BASELINES.items():
        predict = baseline(train)
        for at in later:
            rows += _by_baseline(data, cut, name, predict, largest, at)
    return rows


def headline(law: Law, flops: float) -> tuple[tuple[Forecast, Forecast], str, str]:
    """What a law says of ln N* and L* at a budget, its confidence, and why it refused, where it did."""
    try:
        found: Prediction = law.predict(flops)
    except LawError as error:
        return (NOTHING, NOTHING), "", str(error)
    size, loss = found.params_interval, found.loss_interval
    log_size = Forecast(*(float(np.log(value)) for value in (found.params, size.low, size.high)))
    return (log_size, Forecast(found.loss, loss.low, loss.high)), found.confidence, ""


def own_shares(law: Law) -> tuple[float, float]:
    """Share of a law's own hold-out inside the intervals of N* and of L*; NaN where it has none."""
    records = far(law.holdout)
    if not records:
        return np.nan, np.nan
    covered = [[record.params_covered for record in records], [record.loss_covered for record in records]]
    return float(np.mean(covered[0])), float(np.mean(covered[1]))


def _by_headline(
    data: PublishedSet, cut: Cut, law: Law, flops: float, at: int | None, shares: tuple[float, float]
) -> Iterator[Row]:
    """N* and L* of a later budget, or where `at` is None, of one that no run has tested."""
    found, confidence, refused = headline(law, flops)
    for index, quantity in enumerate(QUANTITIES):
        truth, error = _truth(data, at, quantity)
        yield Row(
            data=data.name,
            kind="width" if at is None else "budget",
            method=HEADLINE,
            quantity=quantity,
            budgets=cut.budgets,
            trained_to=law.largest_budget,
            flops=flops,
            factor=flops / law.largest_budget,
            estimate=found[index].estimate,
            low=found[index].low,
            high=found[index].high,
            truth=truth,
            truth_error=error,
            confidence=confidence,
            own_holdout=shares[index],
            refused=refused,
        )


def _by_baseline(data: PublishedSet, cut: Cut, name: str, predict: Predictor, largest: float, at: int) -> Iterator[Row]:
    flops = float(data.table.budgets[at])
    for quantity, found in zip(QUANTITIES, predict(flops), strict=True):
        truth, error = _truth(data, at, quantity)
        yield Row(
            data=data.name,
            kind="budget",
            method=name,
            quantity=quantity,
            budgets=cut.budgets,
            trained_to=largest,
            flops=flops,
            factor=flops / largest,
            estimate=found.estimate,
            low=found.low,
            high=found.high,
            truth=truth,
            truth_error=error,
            refused="" if np.isfinite(found.estimate) else "no answer",
        )


def _truth(data: PublishedSet, at: int | None, quantity: str) -> tuple[float, float]:
    """The truth of a budget and its standard error; NaN where nothing was run."""
    truth = None if at is None else data.truths[at]
    if truth is None:
        return np.nan, np.nan
    return (truth.log_params, truth.log_params_error) if quantity == "params" else (truth.loss, truth.loss_error)
