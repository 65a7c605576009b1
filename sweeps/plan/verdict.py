"""Whether a plan's grid will give a law, and if not, the change that would: found by planning it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from analysis.fitting.estimators import FEWEST_BUDGETS
from analysis.fitting.minima import FEWEST_SIZES
from sweeps.file.spec import SweepSpec
from sweeps.plan.changes import Change, changes, enough_budgets_and_sizes
from sweeps.plan.combination import NOTHING_VARIED, Combination
from sweeps.plan.expected_width import USUAL_NOISE, Expected, KnownNoise, expect
from sweeps.plan.hours import wall_hours
from sweeps.plan.records import Cause, DroppedCell, Plan, PlanError

MOST_SIMULATED: Final = 4
"""Changes that are simulated before the search ends."""

Replan = Callable[[SweepSpec], Plan]
"""Plans a changed sweep on the same data and device. May raise PlanError."""


@dataclass(frozen=True)
class Remedy:
    """A change of the sweep that gives a law, and what the changed plan has."""

    overrides: tuple[str, ...]
    """Keys to replace, as `key=value` of the command line."""
    cells: int
    """Cells that the changed plan keeps."""
    of_cells: int
    """Cells of the changed grid."""
    seconds: float | None
    """Predicted seconds until its last run ends; None where the device's speed is unknown."""


@dataclass(frozen=True)
class Verdict:
    """Whether a grid gives a law, by its weakest combination of axes."""

    gives_law: bool
    """Whether enough curves are complete and their simulation gives a law."""
    vary: Combination
    """The weakest combination: the one with the fewest complete curves."""
    curves: int
    """Budgets of it that keep enough sizes for a curve."""
    budgets: int
    """Budgets of the sweep."""
    largest_budget: float
    """Largest budget, FLOPs; 0 without budgets."""
    cause: Cause | None = None
    """The rule that drops most cells of the incomplete curves; None where no cell is dropped there."""
    refusal: str = ""
    """Why the simulated runs gave no law; empty where they gave one or were not simulated."""
    reach: float = 0.0
    """Largest multiple of the largest budget up to which the expected intervals are useful; 0 where none is."""
    remedy: Remedy | None = None
    """A change that gives a law with all its curves, or at least one; None where none is needed or found."""

    @property
    def complete(self) -> bool:
        """Whether there will be a law with a curve at every budget."""
        return self.gives_law and self.curves == self.budgets

    @property
    def reason(self) -> str:
        """What is missing, in words; empty for a complete verdict."""
        if self.budgets < FEWEST_BUDGETS:
            return f"{_count(self.budgets, 'budget')}, but a power law needs {FEWEST_BUDGETS}"
        short = self.budgets - self.curves
        if short:
            keep = "keeps" if short == 1 else "keep"
            why = f" ({self.cause.value})" if self.cause else ""
            return f"{short} of {self.budgets} budgets {keep} fewer than {FEWEST_SIZES} sizes{why}{self.vary.clause}"
        return self.refusal

    def to_dict(self) -> dict[str, Any]:
        """As `isoflop plan -o json` shows it."""
        remedy = self.remedy
        return {
            "gives_law": self.gives_law,
            "reason": self.reason or None,
            "curves": self.curves,
            "budgets": self.budgets,
            "reach": self.reach,
            "remedy": remedy
            and {
                "overrides": list(remedy.overrides),
                "cells": remedy.cells,
                "of_cells": remedy.of_cells,
                "seconds": remedy.seconds,
            },
        }


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def judge(plan: Plan, expected: tuple[Expected, ...]) -> Verdict:
    """The verdict on a plan without a remedy; `expected` is its simulation."""
    curves = {vary: _curves(plan, vary) for vary in _combinations(plan)}
    vary = min(curves, key=lambda combination: curves[combination], default=NOTHING_VARIED)
    count = curves.get(vary, 0)
    refusal = next((one.refusal for one in expected if one.refusal), "")
    enough = count >= FEWEST_BUDGETS
    gives_law = enough and bool(expected) and not refusal
    budgets = plan.spec.budgets
    return Verdict(
        gives_law=gives_law,
        vary=vary,
        curves=count,
        budgets=len(budgets),
        largest_budget=max(budgets, default=0.0),
        cause=_cause(plan, vary),
        refusal=refusal,
        reach=min((one.reach for one in expected), default=0.0) if gives_law else 0.0,
    )


def verdict(
    plan: Plan,
    expected: tuple[Expected, ...],
    replan: Replan,
    *,
    noise: KnownNoise = USUAL_NOISE,
    workers: int = 1,
) -> Verdict:
    """The verdict on a plan, with the first change that gives a law where this grid gives none or lacks curves.

    Args:
        plan: the plan.
        expected: its simulation.
        replan: plans a changed sweep.
        noise: the noise between seeds to simulate with.
        workers: runs at a time, for the seconds of the changed plan.
    """
    found = judge(plan, expected)
    return found if found.complete else replace(found, remedy=_remedy(plan.spec, found, replan, noise, workers))


def _remedy(spec: SweepSpec, found: Verdict, replan: Replan, noise: KnownNoise, workers: int) -> Remedy | None:
    """The first change that gives every budget its curve and a law; else, without a law, the first that gives one."""
    start = enough_budgets_and_sizes(Change(spec))
    cause = found.cause
    candidates = [start] if start.overrides else []
    if start.overrides:
        try:
            cause = judge(replan(start.spec), ()).cause
        except PlanError:
            cause = found.cause
    fallback: Remedy | None = None
    simulated = 0
    for change in (*candidates, *changes(start, cause)):
        try:
            plan = replan(change.spec)
        except PlanError:
            continue
        seen = judge(plan, ())
        if seen.curves < FEWEST_BUDGETS or (seen.curves < seen.budgets and (found.gives_law or fallback)):
            continue
        simulated += 1
        if judge(plan, expect(plan, noise)).gives_law:
            remedy = _as_remedy(change, plan, workers)
            if seen.curves == seen.budgets:
                return remedy
            fallback = fallback or remedy
        if simulated == MOST_SIMULATED:
            break
    return fallback


def _as_remedy(change: Change, plan: Plan, workers: int) -> Remedy:
    kept = len({(vary, run.budget, run.size_id) for vary, runs in plan.by_combination.items() for run in runs})
    hours = wall_hours(plan, workers)
    return Remedy(change.overrides, kept, kept + len(plan.dropped), None if hours is None else hours * 3600)


def _combinations(plan: Plan) -> tuple[Combination, ...]:
    """Every combination of the grid, those without a run included."""
    return tuple(dict.fromkeys((*plan.by_combination, *(cell.vary for cell in plan.dropped))))


def _sizes(plan: Plan, vary: Combination) -> dict[float, int]:
    """Sizes that are left at each budget."""
    runs = plan.by_combination.get(vary, ())
    return {budget: len({run.params for run in runs if run.budget == budget}) for budget in plan.spec.budgets}


def _curves(plan: Plan, vary: Combination) -> int:
    """Budgets with enough sizes for a curve."""
    return sum(sizes >= FEWEST_SIZES for sizes in _sizes(plan, vary).values())


def _cause(plan: Plan, vary: Combination) -> Cause | None:
    """The rule that drops most cells at the budgets without a curve."""
    short = {budget for budget, sizes in _sizes(plan, vary).items() if sizes < FEWEST_SIZES}
    dropped: list[DroppedCell] = [cell for cell in plan.dropped if cell.vary == vary and cell.budget in short]
    counts = Counter(cell.cause for cell in dropped)
    return counts.most_common(1)[0][0] if counts else None
