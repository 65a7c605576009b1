"""Rolling hold-out: fit the earlier budgets, predict each later one, compare with its own curve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from analysis.records import Curve, LawError
from analysis.table.table import RunTable

FEWEST_TRAINING = 3
"""Budgets below the one that is predicted."""
MOST_BUDGETS, MOST_ROWS = 20, 6_000
"""Of more budgets only so many, evenly spread, are held out, fewer in long tables: each costs a fit."""


def rolling_holdout(
    table: RunTable, curves: Sequence[Curve], fit: Callable[[RunTable], Any]
) -> tuple[dict[str, Any], ...]:
    """One record for each pair of (training budgets, later budget with a minimum of its own).

    The truth is the median of the estimators that answer on the held-out curve.
    """
    truths = [truth_of(curve) for curve in curves]
    usable = [budget for budget, truth in enumerate(truths) if truth is not None]
    most = max(FEWEST_TRAINING + 2, min(MOST_BUDGETS, MOST_ROWS // len(table)))
    if len(usable) > most:
        usable = [usable[at] for at in np.linspace(0, len(usable) - 1, most).round().astype(int)]
    records: list[dict[str, Any]] = []
    for position in range(FEWEST_TRAINING, len(usable)):
        first = usable[position]
        try:
            law = fit(table.select(table.budget < first))
            later = [budget for budget in usable if budget >= first]
            predictions = law.band([float(table.budgets[budget]) for budget in later])
        except LawError:
            continue
        for budget, prediction in zip(later, predictions, strict=True):
            records.append(_record(table, budget, prediction, truths[budget]))
    return tuple(records)


def truth_of(curve: Curve) -> tuple[float, float] | None:
    """Median N* and L* of the estimators that answer on one budget's curve; None where fewer than two do."""
    minima = [minimum for minimum in curve.minima if minimum.estimator in ("parabola", "cubic", "akima")]
    if len(minima) < 2:
        return None
    log_n = float(np.median([np.log(minimum.params) for minimum in minima]))
    return float(np.exp(log_n)), float(np.median([minimum.loss for minimum in minima]))


def _record(table: RunTable, budget: int, prediction: Any, truth: tuple[float, float] | None) -> dict[str, Any]:
    assert truth is not None
    params, loss = truth
    return {
        "flops": float(table.budgets[budget]),
        "trained_to": prediction.largest_budget,
        "extrapolation": prediction.extrapolation,
        "params": params,
        "params_predicted": prediction.params,
        "params_interval": [prediction.params_interval.low, prediction.params_interval.high],
        "params_covered": params in prediction.params_interval,
        "loss": loss,
        "loss_predicted": prediction.loss,
        "loss_interval": [prediction.loss_interval.low, prediction.loss_interval.high],
        "loss_covered": loss in prediction.loss_interval,
        "estimators": {
            answer.estimator: {"params": answer.params, "loss": answer.loss} for answer in prediction.estimators
        },
    }
