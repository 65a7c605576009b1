"""Rolling hold-out: fit the earlier budgets, predict each later one, compare with its own curve."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from analysis.evidence import HoldoutRecord
from analysis.fitting.interval import NORMAL
from analysis.fitting.local_minima import LocalMinimum, local_minima, minima_of
from analysis.records import Curve, LawError, Prediction
from analysis.table.table import RunTable
from analysis.wording import format_flops, join_words

FEWEST_TRAINING = 3
"""Budgets below the one that is predicted."""
FAR = 1.5
"""Held-out budgets from this multiple of the largest fitted one on are a test of the law."""
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


def rolling_holdout(table: RunTable, fit: Callable[[RunTable], Predictor]) -> tuple[HoldoutRecord, ...]:
    """One record for each pair of (training budgets, later budget with a minimum of its own).

    `fit` fits a law to the earlier budgets; where it or its predictions raise LawError, there is no record. The truth
    is the minimum of the held-out curve near its lowest loss, whose own error counts (`local_minima`).
    """
    truths = local_minima(table)
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
            records.append(_record(prediction, truth))
    return tuple(records)


def untested_sentence(curves: Sequence[Curve]) -> str:
    """Why there is no record: which of a law's budgets have no minimum by which a forecast could be judged."""
    start = "no budget could be forecast from the smaller ones"
    needed = FEWEST_TRAINING + 1
    if len(curves) < needed:
        return f"{start}: that takes at least {needed} budgets with a minimum; there are {len(curves)} budgets"
    found = minima_of([(np.log(curve.params), np.asarray(curve.losses)) for curve in curves])
    lacking: dict[str, list[str]] = {}
    for curve, one in zip(curves, found, strict=True):
        if isinstance(one, str):
            lacking.setdefault(one, []).append(format_flops(curve.flops))
    known = len(curves) - sum(map(len, lacking.values()))
    if known >= needed:
        return f"{start}: these alone give no law that reaches it. Add budgets, sizes or seeds"
    reasons = "; ".join(f"{join_words(where)} FLOPs: {reason}" for reason, where in lacking.items())
    return (
        f"{start}: that takes at least {needed} budgets whose minimum the runs near the lowest loss determine, and "
        f"{known} of {len(curves)} are such ({reasons}). Add sizes near the lowest loss there, or repeat runs"
    )


def _record(prediction: Prediction, truth: LocalMinimum) -> HoldoutRecord:
    """A prediction against N* and L* of the budget's own curve."""
    sizes = prediction.params_interval
    log_n, log_ends = np.log(prediction.params), np.log([sizes.low, sizes.high])
    return HoldoutRecord(
        flops=prediction.flops,
        trained_to=prediction.largest_budget,
        extrapolation=prediction.extrapolation,
        params=float(np.exp(truth.log_params)),
        params_error=truth.log_params_error,
        params_predicted=prediction.params,
        params_interval=prediction.params_interval,
        params_covered=covered(truth.log_params, truth.log_params_error, log_n, *log_ends),
        loss=truth.loss,
        loss_error=truth.loss_error,
        loss_predicted=prediction.loss,
        loss_interval=prediction.loss_interval,
        loss_covered=covered(
            truth.loss, truth.loss_error, prediction.loss, prediction.loss_interval.low, prediction.loss_interval.high
        ),
        answers=prediction.estimators,
    )


def far(records: Sequence[HoldoutRecord]) -> list[HoldoutRecord]:
    """The records that test a law: those of later budgets, not of the next one that nearly equals the last."""
    return [record for record in records if record.extrapolation >= FAR]


def holdout_sentences(records: Sequence[HoldoutRecord]) -> tuple[str, ...]:
    """How many of the budgets that test a law came out inside; nothing where there are none."""
    tested = far(records)
    inside = sum(record.params_covered and record.loss_covered for record in tested)
    sentence = f"Hold-out: {inside} of {len(tested)} later budgets (×1.5 and more) lay inside both intervals."
    return (sentence,) if tested else ()


def covered(truth: float, error: float, predicted: float, low: float, high: float) -> bool:
    """Whether a truth lies in an interval, to whose halves its own error is added in quadrature."""
    half = high - predicted if truth > predicted else predicted - low
    return bool(abs(truth - predicted) <= widened(half, error))


def widened(half: float, error: float) -> float:
    """Half of an interval, to which the own error of the truth that it should hold is added in quadrature."""
    return math.hypot(half, NORMAL * error)
