"""Every cell of a recipe's ladder that could be added to a sweep: budgets and sizes beyond its own grid. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.suggest.cells import Cells
from analysis.wording import typed_flops
from sweeps.file.spec import SweepSpec
from sweeps.plan.combination import NOTHING_VARIED, Combination
from sweeps.plan.cost import CostModel
from sweeps.plan.grid import centre, setting_of
from sweeps.plan.plan import plan_single
from sweeps.plan.records import DataFacts, PlanError, PlannedRun

BEYOND: Final = 1
"""Sizes that are added to each end of a budget's curve."""
USUAL_RATIO: Final = 10**0.5
"""Ratio of neighbouring budgets where the sweep has but one."""
MOST_BUDGETS: Final = 8
"""Budgets that are added above the sweep's own."""

REPEATS: Final = 4
"""Runs of one cell that differ by their seed alone."""


@dataclass(frozen=True)
class Candidates:
    """Cells that could be trained."""

    runs: tuple[PlannedRun, ...]
    """One run of each cell, seed 0, by budget and size."""
    stopped: str
    """Why no larger budget has cells; empty where the asked budget or the spend ends them."""
    dropped: str = ""
    """Why a cell of the sweep's own budgets cannot be trained, the last one of those; empty where all can."""


def candidates(
    spec: SweepSpec,
    facts: DataFacts,
    most: float,
    *,
    vary: Combination = NOTHING_VARIED,
    cost: CostModel | None = None,
) -> Candidates:
    """The cells that a sweep could add, of budgets up to `most` training FLOPs.

    Budgets are the sweep's own, continued at their own ratio up to `most` or to the end of the data; none is smaller:
    the sweep says where its models begin to follow a law. Sizes are those of its ladder, and one more at each end.
    """
    budgets, ratio = sorted(spec.budgets), _ratio(spec)
    found, dropped = _cells(spec, facts, budgets, vary, cost)
    stopped = ""
    for step in range(1, MOST_BUDGETS + 1):
        budget = budgets[-1] * ratio**step
        if budget > most * (1 + 1e-9):
            break
        here, reason = _cells(spec, facts, [budget], vary, cost)
        if not here:
            stopped = f"no cell of {typed_flops(budget)} FLOPs can be trained: {reason}"
            break
        found += here
    return Candidates(tuple(sorted(found, key=lambda run: (run.budget, run.params))), stopped, dropped)


def as_cells(runs: Sequence[PlannedRun]) -> Cells:
    """Planned runs, one of each cell, as cells of which none was trained."""
    seconds = [run.seconds for run in runs]
    known = [second for second in seconds if second is not None]
    return Cells(
        budget=np.array([run.budget for run in runs]),
        params=np.array([float(run.params) for run in runs]),
        tokens=np.array([float(run.tokens) for run in runs]),
        flops=np.array([run.flops for run in runs]),
        runs=np.zeros(len(runs), dtype=np.int64),
        most=np.full(len(runs), REPEATS, dtype=np.int64),
        hours=np.array(known) / 3600 if known and len(known) == len(runs) else None,
        shapes=tuple(run.shape for run in runs),
    )


def _cells(
    spec: SweepSpec, facts: DataFacts, budgets: list[float], vary: Combination, cost: CostModel | None
) -> tuple[list[PlannedRun], str]:
    """The cells of some budgets that can be trained, and the reason of the last one that cannot."""
    found: dict[tuple[float, str], PlannedRun] = {}
    reason = ""
    for budget in budgets:
        for params in _sizes(spec, facts, budget, vary):
            try:
                run = plan_single(spec, facts, budget, params, cost=cost, vary=vary)
            except PlanError as error:
                reason = str(error).partition("FLOPs: ")[2] or str(error)
                continue
            found.setdefault((budget, run.size_id), run)
    return list(found.values()), reason


def _sizes(spec: SweepSpec, facts: DataFacts, budget: float, vary: Combination) -> list[float]:
    """Sizes of one budget's curve on the ladder that the sweep's own budgets share, and beyond its ends."""
    if spec.sizes.params:
        return [float(params) for params in spec.sizes.params]
    setting = setting_of(spec, facts.vocab, vary)
    first, middle = centre(spec, setting, spec.budgets[0]), centre(spec, setting, budget)
    count = max(spec.sizes.count, 2)
    step = 2 * math.log(spec.sizes.span) / (count - 1)
    rung = round(math.log(middle / first) / step)
    return [first * math.exp(step * (rung + at - (count - 1) / 2)) for at in range(-BEYOND, count + BEYOND)]


def _ratio(spec: SweepSpec) -> float:
    """The geometric mean ratio of neighbouring budgets."""
    low, high, count = min(spec.budgets), max(spec.budgets), len(spec.budgets)
    return float((high / low) ** (1 / (count - 1))) if count > 1 and high > low else USUAL_RATIO
