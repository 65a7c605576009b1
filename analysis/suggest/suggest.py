"""A law, cells and a question → the further runs that narrow its answer most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.threads import one_thread
from analysis.law import Law
from analysis.limits import check_reach
from analysis.records import LawError, QuestionError, TooLittleError
from analysis.suggest.beliefs import Beliefs
from analysis.suggest.cells import Cells
from analysis.suggest.order import Step, choose, expected
from analysis.suggest.records import Outcome, Precision, SuggestedRun, Suggestion, Target
from analysis.suggest.scenarios import likely
from analysis.wording import typed_flops, typed_up

Floats = NDArray[np.float64]

GROWTH = 2.0
"""Factor between the spends that are tried until a target is reached."""
FIRST, LAST = 1 / 16, 256.0
"""The first and the last of them, over the cost of the runs so far, where no spend is given."""


def suggest(
    law: Law,
    cells: Cells,
    flops: float,
    *,
    spend: float | None = None,
    target: Target | None = None,
    per_hour: bool = False,
    begun: Sequence[int] = (),
) -> Suggestion:
    """The further runs that most narrow the answer at a budget, training FLOPs, for each FLOP or each hour.

    `cells` are those that may be run and those that were (`cells.joined`). Without a spend, in FLOPs, as much again as
    the runs so far cost may be spent, or what a target takes. Runs of the cells `begun`, by their place in the order of
    `Cells.ordered`, are being trained: they come first, and the spend pays for them. Equal input gives equal output.
    Raises QuestionError for a question that has no meaning, LawError where no law could be fitted, OutOfReachError for
    a budget so far from its runs that a law says nothing.
    """
    target, cells = target or Target(), cells.ordered()
    if law.valley is None:
        raise LawError("there is no law yet whose answer further runs could narrow: isoflop fit says what is missing")
    check(cells, flops, spend, target, per_hour=per_hour)
    check_reach(flops, law.smallest_budget, law.largest_budget)
    had = float((cells.flops * cells.runs).sum())
    with one_thread(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        held = len(np.unique(cells.budget[cells.runs > 0]))
        now = Beliefs.of(likely(law.valley), cells.select(cells.runs > 0), flops, held).precision()
        found = Suggestion(flops, law.loss_unit, now, target, spend or had, (), Outcome.REACHED, len(cells))
        if target.reached(now):
            return found
        for allowed in _spends(spend or usual_spend(cells, target), had, target):
            found = _within(law, cells, flops, allowed, target, now, per_hour=per_hour, begun=begun)
            if found.outcome is Outcome.REACHED:
                break
    return replace(found, candidates=len(cells))


def check(cells: Cells, flops: float, spend: float | None, target: Target, *, per_hour: bool = False) -> None:
    """Refuse a question without a meaning, naming the nearest that has one. Raises QuestionError."""
    smallest = float(cells.budgets[0]) if len(cells) else np.inf
    if not 0 < flops < np.inf:
        raise QuestionError(f"the asked budget must be a positive number of FLOPs, not {flops:g}")
    if not len(cells) or not (cells.most > 0).any():
        raise QuestionError("there is no cell of which a further run could be trained")
    if flops < smallest:
        raise QuestionError(
            f"the asked budget, {typed_flops(flops)} FLOPs, lies below the smallest of the grid: the model itself "
            f"would cost less than any further run; the least that can be asked about is {typed_up(smallest)}"
        )
    cheapest = float(cells.flops[cells.most > 0].min())
    if spend is not None and not spend >= cheapest:
        raise TooLittleError(
            f"a spend of {typed_flops(spend)} FLOPs pays for no run: the cheapest cell costs {typed_up(cheapest)}",
            cheapest,
        )
    if target.params_factor is not None and not target.params_factor > 1:
        raise QuestionError(f"params={target.params_factor:g} must be a factor above 1, such as 1.2 for ×1.2")
    if target.loss is not None and not target.loss > 0:
        raise QuestionError(f"loss={target.loss:g} must be a half-width above 0, such as 0.02")
    if per_hour and cells.hours is None:
        raise QuestionError("how long a run takes is known for the cells of a sweep only: leave per hour out")


def usual_spend(cells: Cells, target: Target) -> float:
    """What may be spent where no spend is given: as much as the runs so far have cost; LAST times that for a target."""
    had = float((cells.flops * cells.runs).sum())
    return LAST * had if target.any else had


def _spends(spend: float, had: float, target: Target) -> Iterator[float]:
    """What may be spent, in the order in which it is tried."""
    allowed = FIRST * had if target.any else spend
    while allowed < spend:
        yield allowed
        allowed *= GROWTH
    yield spend


def _within(
    law: Law,
    cells: Cells,
    flops: float,
    spend: float,
    target: Target,
    now: Precision,
    *,
    per_hour: bool,
    begun: Sequence[int],
) -> Suggestion:
    """The runs within a spend."""
    assert law.valley is not None
    valley = law.valley
    open_ = (cells.flops <= spend) & (cells.most > 0)
    here = np.flatnonzero((cells.runs > 0) | open_ | np.isin(np.arange(len(cells)), begun))
    kept = cells.select(here)
    price = kept.flops
    if per_hour and kept.hours is not None:
        timed = np.isfinite(kept.hours)
        price = kept.hours * (kept.flops[timed].sum() / kept.hours[timed].sum())
    steps = choose(valley, kept, flops, price, spend, target, np.searchsorted(here, begun).tolist())
    after = expected(valley, kept, flops, steps)
    reached = [index for index, precision in enumerate(after) if target.reached(precision)]
    if reached:
        steps, after = steps[: reached[0] + 1], after[: reached[0] + 1]
    runs = _runs(kept, steps, after)
    left = spend - (runs[-1].spent if runs else 0.0)
    free = kept.most - np.bincount([step.cell for step in steps], minlength=len(kept)) > 0
    affordable = bool((free & (kept.flops <= left)).any())
    outcome = Outcome.REACHED if reached else Outcome.EXHAUSTED if affordable else Outcome.SPENT
    dearest = float(cells.flops[cells.most > 0].max())
    return Suggestion(flops, law.loss_unit, now, target, spend, runs, outcome, len(kept), all_afforded=dearest <= spend)


def _runs(cells: Cells, steps: Sequence[Step], after: Sequence[Precision]) -> tuple[SuggestedRun, ...]:
    """The steps as records."""
    runs = cells.runs.copy()
    spent, hours = 0.0, 0.0
    found = []
    for step, precision in zip(steps, after, strict=True):
        cell = step.cell
        spent += float(cells.flops[cell])
        hours += float(cells.hours[cell]) if cells.hours is not None else np.nan
        found.append(
            SuggestedRun(
                budget=float(cells.budget[cell]),
                params=float(cells.params[cell]),
                tokens=float(cells.tokens[cell]),
                flops=float(cells.flops[cell]),
                seed=int(runs[cell]),
                why=step.why,
                spent=spent,
                hours=hours if np.isfinite(hours) else None,
                expected=precision,
                shape=cells.shapes[cell] if cells.shapes else "",
            )
        )
        runs[cell] += 1
    return tuple(found)
