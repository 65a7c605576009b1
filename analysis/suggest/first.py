"""Suggestions before the first run: the curves without which there is no law, then the order of simulated outcomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from analysis.answers.usual import usual_outcomes
from analysis.fitting.cost import TokenCost
from analysis.fitting.estimators import FEWEST_BUDGETS
from analysis.fitting.minima import FEWEST_SIZES
from analysis.law import fit
from analysis.records import LawError, TooLittleError
from analysis.suggest.cells import SAME, Cells, Labels
from analysis.suggest.records import Outcome, SuggestedRun, Suggestion, Target, Why
from analysis.suggest.simulated import Design
from analysis.suggest.suggest import check, suggest
from analysis.table.table import RunTable
from analysis.wording import typed_flops, typed_up

OUTCOMES = 3
"""Simulated outcomes of the first curves; the one of median precision says what follows."""
TRIES = 5
"""Orders that are simulated until one reaches a target: the last has all that the spend pays for."""


def suggest_first(
    cells: Cells,
    flops: float,
    *,
    cost: TokenCost,
    noise: float,
    spend: float,
    least: float = 0.0,
    target: Target | None = None,
    per_hour: bool = False,
) -> Suggestion:
    """The runs of a sweep that has none yet: whole curves at its smallest budgets, and what should follow them.

    What follows is chosen by laws that are fitted to simulated outcomes of these curves, as published sweeps come out
    with this noise between seeds; after the real ones it should be asked again. The first curves are at budgets from
    `least` on where half of the spend pays for them. Raises QuestionError for a question that has no meaning,
    TooLittleError where the spend does not pay for the first curves, LawError where they could give no law.
    """
    cells, target = cells.ordered(), target or Target()
    check(cells, flops, None, target, per_hour=per_hour)
    first = affordable_curves(cells, least, spend)
    return suggest_after(cells, first, flops, cost=cost, noise=noise, spend=spend, target=target, per_hour=per_hour)


def suggest_after(
    cells: Cells,
    first: Labels,
    flops: float,
    *,
    cost: TokenCost,
    noise: float,
    spend: float,
    target: Target | None = None,
    per_hour: bool = False,
) -> Suggestion:
    """The same for given first curves, the indices of their cells. Raises LawError where they could give no law."""
    target = target or Target()
    price = float(cells.flops[first].sum())
    taken = np.bincount(first, minlength=len(cells))
    begun = replace(cells, runs=cells.runs + taken, most=cells.most - taken)
    ask = partial(suggest, cells=begun, flops=flops, spend=spend - price, per_hour=per_hour)
    found, refused = [], LawError("the first curves give no law")
    for table in usual_outcomes(_table(cells, first), noise, OUTCOMES):
        law = fit(table, cost=cost, holdout=False)
        try:
            found.append((ask(law, target=target), partial(ask, law)))
        except LawError as error:
            refused = error
    if not found:
        raise refused
    found.sort(key=lambda one: one[0].expected.log_params_half if one[0].expected else np.inf)
    middle, ask = found[(len(found) - 1) // 2]

    def design(then: Suggestion) -> Design:
        return Design.of([*_own_runs(cells, first, then), *_later(cells, first, then)], flops, noise)

    return replace(_simulated(middle, ask, design, target), now=None, spend=spend, candidates=len(cells))


def _simulated(
    found: Suggestion, ask: Callable[..., Suggestion], design: Callable[[Suggestion], Design], target: Target
) -> Suggestion:
    """A suggestion with its first curves, and with what simulated losses of all its runs say is to be expected.

    A precision that the updates of one law promise too early is asked for more strictly, at last as if out of reach.
    Raises LawError where the runs could give no law.
    """
    for number in range(TRIES):
        made = design(found)
        known = made.known(len(made.runs))
        if found.outcome is not Outcome.REACHED or target.reached(known):
            break
        hoped = found.expected if number < TRIES - 2 else None
        found = ask(target=target.stricter(hoped, known) if hoped else target.out_of_reach)
    runs = made.course(known)
    reached = [at for at, run in enumerate(runs) if run.expected and target.reached(run.expected)]
    outcome = Outcome.REACHED if reached else found.outcome
    return replace(found, target=target, runs=runs[: reached[0] + 1] if reached else runs, outcome=outcome)


def affordable_curves(cells: Cells, least: float, spend: float) -> Labels:
    """Indices of the first curves, from `least` on where half of the spend pays for them.

    Raises TooLittleError where the spend pays for no law and a run after it, LawError where there can be none.
    """
    first = _first_curves(cells, least)
    if not len(first) or float(cells.flops[first].sum()) > spend / 2:
        first = _first_curves(cells, 0.0)
    if not len(first):
        raise LawError(
            f"fewer than {FEWEST_BUDGETS} budgets have {FEWEST_SIZES} sizes that can be trained, which give no law"
        )
    price = float(cells.flops[first].sum())
    least_spend = price + float(cells.flops.min())
    if least_spend > spend * (1 + 1e-9):
        raise TooLittleError(
            f"a spend of {typed_flops(spend)} FLOPs does not pay for the first law and a run after it: "
            f"{FEWEST_BUDGETS} curves of {FEWEST_SIZES} sizes cost {typed_flops(price)} FLOPs, so the least is "
            f"{typed_up(least_spend)}; smaller budgets cost less",
            least_spend,
        )
    return first


def _first_curves(cells: Cells, least: float) -> Labels:
    """Indices of the sizes of whole curves at the cheapest budgets from `least` on that have so many; or none."""
    chosen: list[int] = []
    for budget in cells.budgets[cells.budgets >= least * (1 - SAME)]:
        here = np.flatnonzero((cells.budget == budget) & (cells.most > 0))
        if len(here) >= FEWEST_SIZES + 2:
            here = here[1:-1]
        if len(here) >= FEWEST_SIZES and len(chosen) < FEWEST_BUDGETS * FEWEST_SIZES:
            chosen += here[np.linspace(0, len(here) - 1, FEWEST_SIZES).round().astype(int)].tolist()
    return np.array(chosen if len(chosen) == FEWEST_BUDGETS * FEWEST_SIZES else [], dtype=np.int64)


def _table(cells: Cells, first: Labels) -> RunTable:
    """The first curves as a table, its losses to be simulated."""
    frame = pd.DataFrame(
        {
            "flops": cells.flops[first],
            "params": cells.params[first],
            "tokens": cells.tokens[first],
            "budget": cells.budget[first],
            "loss": np.linspace(4.0, 3.0, len(first)),
        }
    )
    return RunTable.from_frame(frame, loss_unit="nats/token")


def _later(cells: Cells, first: Labels, then: Suggestion) -> tuple[SuggestedRun, ...]:
    """The runs that follow the first curves, what was spent on these added."""
    price = float(cells.flops[first].sum())
    hours = float(cells.hours[first].sum()) if cells.hours is not None else np.nan
    known = np.isfinite(hours)
    return tuple(
        replace(run, spent=run.spent + price, hours=run.hours + hours if run.hours is not None and known else None)
        for run in then.runs
    )


def _own_runs(cells: Cells, first: Labels, then: Suggestion) -> tuple[SuggestedRun, ...]:
    """The first curves as records: nothing is expected before the last of them."""
    hours = np.cumsum(cells.hours[first]) if cells.hours is not None else np.full(len(first), np.nan)
    spent = np.cumsum(cells.flops[first])
    return tuple(
        SuggestedRun(
            budget=float(cells.budget[cell]),
            params=float(cells.params[cell]),
            tokens=float(cells.tokens[cell]),
            flops=float(cells.flops[cell]),
            seed=0,
            why=Why.FIRST,
            spent=float(spent[at]),
            hours=float(hours[at]) if np.isfinite(hours[at]) else None,
            expected=then.now if at == len(first) - 1 else None,
            shape=cells.shapes[cell] if cells.shapes else "",
        )
        for at, cell in enumerate(first.tolist())
    )
