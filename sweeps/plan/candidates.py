"""Every cell of a recipe's ladder that could be added to a sweep: budgets and sizes beyond its own grid. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from analysis.suggest.cells import Cells
from analysis.wording import typed_flops
from sweeps.file.spec import SweepSpec
from sweeps.plan.combination import NOTHING_VARIED, Combination
from sweeps.plan.corpus_end import CurvePasses, corpus_end, data_for_law
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
    """Why larger budgets lack cells, and what would give them; empty where the asked budget or the spend ends them."""
    dropped: str = ""
    """Why a cell of the sweep's own budgets cannot be trained, the last one of those, and which data would give a law;
    empty where all can."""


def candidates(
    spec: SweepSpec,
    facts: DataFacts,
    most: float,
    *,
    vary: Combination = NOTHING_VARIED,
    cost: CostModel | None = None,
    spend: float = math.inf,
) -> Candidates:
    """The cells that a sweep could add, of budgets up to `most` training FLOPs.

    Budgets are the sweep's own, continued at their own ratio up to `most`; none is smaller: the sweep says where its
    models begin to follow a law. Sizes are those of its ladder, and one more at each end. What is said of budgets that
    lack cells keeps to those that `spend`, in training FLOPs, could open.
    """
    own, ratio = sorted(spec.budgets), _ratio(spec)
    further = [own[-1] * ratio**step for step in range(1, MOST_BUDGETS + 1)]
    curves = [_curve(spec, facts, budget, vary, cost) for budget in own]
    dropped = next((curve.reason for curve in reversed(curves) if curve.reason), "")
    curves += [_curve(spec, facts, budget, vary, cost) for budget in further if budget <= most * (1 + 1e-9)]
    passes = [curve.passes for curve in curves]
    return Candidates(
        tuple(sorted((run for curve in curves for run in curve.runs), key=lambda run: (run.budget, run.params))),
        corpus_end(passes, spec.epochs_max, spend) or _no_cells(curves),
        "; ".join(filter(None, (dropped, dropped and data_for_law(passes, spec.epochs_max)))),
    )


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


@dataclass(frozen=True)
class _Curve:
    """The cells of one budget."""

    runs: tuple[PlannedRun, ...]
    """Those that can be trained."""
    reason: str
    """Why the last one of the others cannot."""
    passes: CurvePasses
    """How often they would read the data."""


def _curve(spec: SweepSpec, facts: DataFacts, budget: float, vary: Combination, cost: CostModel | None) -> _Curve:
    """The cells of a budget, each shape once."""
    found: dict[str, PlannedRun] = {}
    passes: dict[str, float] = {}
    whole, reason = 0.0, ""
    unlimited = replace(spec, epochs_max=math.inf)
    for own, params in _sizes(spec, facts, budget, vary):
        try:
            run = plan_single(unlimited, facts, budget, params, cost=cost, vary=vary)
            passes[run.size_id] = run.epochs
            whole = max(whole, run.epochs) if own else whole
            if run.epochs > spec.epochs_max:
                run = plan_single(spec, facts, budget, params, cost=cost, vary=vary)
        except PlanError as error:
            reason = str(error).partition("FLOPs: ")[2] or str(error)
            continue
        found.setdefault(run.size_id, run)
    return _Curve(tuple(found.values()), reason, CurvePasses(budget, tuple(passes.values()), whole))


def _no_cells(curves: Sequence[_Curve]) -> str:
    """The first budget of which nothing can be trained for a reason other than the data, with that; or nothing."""
    for curve in curves:
        if not curve.runs:
            return f"no cell of {typed_flops(curve.passes.budget)} FLOPs can be trained: {curve.reason}"
    return ""


def _sizes(spec: SweepSpec, facts: DataFacts, budget: float, vary: Combination) -> list[tuple[bool, float]]:
    """Sizes of one budget's curve on the ladder that the sweep's own budgets share, and beyond its ends.

    Each with whether it is one of the sweep's own.
    """
    if spec.sizes.params:
        return [(True, float(params)) for params in spec.sizes.params]
    setting = setting_of(spec, facts.vocab, vary)
    first, middle = centre(spec, setting, spec.budgets[0]), centre(spec, setting, budget)
    count = max(spec.sizes.count, 2)
    step = 2 * math.log(spec.sizes.span) / (count - 1)
    rung = round(math.log(middle / first) / step)
    return [
        (0 <= at < count, first * math.exp(step * (rung + at - (count - 1) / 2)))
        for at in range(-BEYOND, count + BEYOND)
    ]


def _ratio(spec: SweepSpec) -> float:
    """The geometric mean ratio of neighbouring budgets."""
    low, high, count = min(spec.budgets), max(spec.budgets), len(spec.budgets)
    return float((high / low) ** (1 / (count - 1))) if count > 1 and high > low else USUAL_RATIO
