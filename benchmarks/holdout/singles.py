"""Single runs: the loss of a run that a fit has not seen, inside its budgets (left out) and beyond them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.answers.questions import given_size
from analysis.law import Law, fit
from analysis.records import LawError
from benchmarks.holdout.lines import NOTHING, Forecast
from benchmarks.holdout.rows import HEADLINE, Row
from benchmarks.holdout.sets import Cut, PublishedSet, load

Labels = NDArray[np.int64]

FOLDS = 10
"""Parts of a large table that are left out in turn."""
ONE_BY_ONE = 60
"""Tables of at most this many runs leave them out one by one."""


def folds(budget: Labels, params: NDArray[np.float64]) -> Labels:
    """Which fold each run (n,) is in: counted off along the sizes of budget after budget, so that each spans all."""
    order = np.lexsort((params, budget))
    count = len(budget) if len(budget) <= ONE_BY_ONE else FOLDS
    fold = np.empty(len(budget), dtype=np.int64)
    fold[order] = np.arange(len(budget)) % count
    return fold


def inside(path: Path, part: int, own_holdout: bool) -> list[Row]:
    """The runs of one fold by a fit to the others."""
    data = load(path)
    left_out = folds(data.table.budget, data.table.params) == part
    law = fit(data.table.select(~left_out), holdout=own_holdout)
    cut = Cut(len(data.table.budgets), len(data.usable))
    return [run_row(data, cut, "inside", law, *run) for run in _runs(data, np.flatnonzero(left_out))]


def validation(path: Path, own_holdout: bool) -> list[Row]:
    """The runs that were made to test a forecast, by a fit to all the others."""
    data = load(path)
    law = fit(data.table, holdout=own_holdout)
    cut = Cut(len(data.table.budgets), len(data.usable))
    rows = []
    for index, (flops, params, loss) in data.validation.iterrows():
        kind = "inside" if law.outside(flops) <= 1.05 else "beyond"
        rows.append(run_row(data, cut, kind, law, f"validation {index}", flops, params, loss))
    return rows


def beyond(path: Path, cut: Cut, to: float, own_holdout: bool) -> list[Row]:
    """The runs of later budgets, up to `to` times the largest training budget, by a fit to the earlier ones."""
    data = load(path)
    law = fit(data.table.select(data.table.budget < cut.first), holdout=own_holdout)
    later = (data.table.budget >= cut.first) & (data.table.flops <= to * law.largest_budget)
    return [run_row(data, cut, "beyond", law, *run) for run in _runs(data, np.flatnonzero(later))]


def run_row(
    data: PublishedSet, cut: Cut, kind: str, law: Law, run: str, flops: float, params: float, loss: float
) -> Row:
    """One run against the interval of a run where the law gives one, else that of its mean loss."""
    found, confidence, refused = _of_run(law, flops, params)
    return Row(
        data=data.name,
        kind=kind,
        method=HEADLINE,
        quantity="loss",
        budgets=cut.budgets,
        trained_to=law.largest_budget,
        flops=flops,
        factor=max(law.outside(flops), 1.0),
        estimate=found.estimate,
        low=found.low,
        high=found.high,
        truth=loss,
        params=params,
        run=run,
        confidence=confidence,
        refused=refused,
    )


def _of_run(law: Law, flops: float, params: float) -> tuple[Forecast, str, str]:
    try:
        answer = given_size(law, flops, params)
        confidence = law.predict(flops).confidence
    except LawError as error:
        return NOTHING, "", str(error)
    ends = answer.run_interval or answer.loss_interval
    return Forecast(answer.loss, ends.low, ends.high), confidence, ""


def _runs(data: PublishedSet, rows: Iterable[int]) -> list[tuple[str, float, float, float]]:
    """Name, FLOPs, N and loss of some runs of the table."""
    table = data.table
    return [
        (f"{row} {table.names[row]}", float(table.flops[row]), float(table.params[row]), float(table.loss[row]))
        for row in rows
    ]
