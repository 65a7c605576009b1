"""Rolling hold-out: fit the earlier budgets, predict each later one, compare with its own curve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from analysis.evidence import HoldoutRecord
from analysis.fitting.estimators import LINES
from analysis.records import Curve, LawError, Prediction
from analysis.table.table import RunTable

FEWEST_TRAINING = 3
"""Budgets below the one that is predicted."""
MOST_BUDGETS, MOST_ROWS = 20, 6_000
"""At most this many budgets, evenly spread, are held out, fewer in tables of many rows: each costs a fit."""


class Answerable(Protocol):
    """Which budgets a law can predict."""

    def __contains__(self, flops: float, /) -> bool:
        """Whether this one."""


class Predictor(Protocol):
    """What is asked of a law fitted to the earlier budgets."""

    @property
    def limits(self) -> Answerable:
        """The budgets that can be predicted. Raises LawError where there is no law."""

    def band(self, flops: Sequence[float]) -> Sequence[Prediction]:
        """Predictions at budgets, training FLOPs. Raises LawError where there is no law."""


def rolling_holdout(
    table: RunTable, curves: Sequence[Curve], fit: Callable[[RunTable], Predictor]
) -> tuple[HoldoutRecord, ...]:
    """One record for each pair of (training budgets, later budget with a minimum of its own).

    `fit` fits a law to the earlier budgets; where it or its predictions raise LawError, there is no record. The truth
    is the median of the estimators that answer on the held-out curve.
    """
    truths = [truth_of(curve) for curve in curves]
    usable = [budget for budget, truth in enumerate(truths) if truth is not None]
    most = max(FEWEST_TRAINING + 2, min(MOST_BUDGETS, MOST_ROWS // len(table)))
    if len(usable) > most:
        usable = [usable[at] for at in np.linspace(0, len(usable) - 1, most).round().astype(int)]
    records: list[HoldoutRecord] = []
    for position in range(FEWEST_TRAINING, len(usable)):
        first = usable[position]
        try:
            law = fit(table.select(table.budget < first))
            later = [budget for budget in usable if budget >= first and float(table.budgets[budget]) in law.limits]
            predictions = law.band([float(table.budgets[budget]) for budget in later])
        except LawError:
            continue
        for budget, prediction in zip(later, predictions, strict=True):
            truth = truths[budget]
            assert truth is not None
            records.append(_record(prediction, *truth))
    return tuple(records)


def truth_of(curve: Curve) -> tuple[float, float] | None:
    """Median N* and L* of the estimators that answer on one budget's curve; None where fewer than two do."""
    minima = [minimum for minimum in curve.minima if minimum.estimator in {kind.name for kind in LINES}]
    if len(minima) < 2:
        return None
    log_n = float(np.median([np.log(minimum.params) for minimum in minima]))
    return float(np.exp(log_n)), float(np.median([minimum.loss for minimum in minima]))


def _record(prediction: Prediction, params: float, loss: float) -> HoldoutRecord:
    """A prediction against N* and L* of the budget's own curve."""
    return HoldoutRecord(
        flops=prediction.flops,
        trained_to=prediction.largest_budget,
        extrapolation=prediction.extrapolation,
        params=params,
        params_predicted=prediction.params,
        params_interval=prediction.params_interval,
        params_covered=params in prediction.params_interval,
        loss=loss,
        loss_predicted=prediction.loss,
        loss_interval=prediction.loss_interval,
        loss_covered=loss in prediction.loss_interval,
        answers=prediction.estimators,
    )
