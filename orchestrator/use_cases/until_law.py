"""From which point of a sweep on a law is possible: how many sizes of each budget are done, and how many it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.fitting.minima import FEWEST_SIZES
from analysis.wording import format_flops, join_words, plural
from orchestrator.states import RunState
from orchestrator.store import RunRecord
from orchestrator.use_cases.variant import variant_label

FEWEST_BUDGETS = 3
"""Budgets with a curve that a law needs."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """How much of one budget's curve there is."""

    budget: float
    """Training FLOPs."""
    done: int
    """Sizes of which a run is done."""
    planned: int
    """Sizes that have a run, and none that is hopeless."""

    @property
    def missing(self) -> int:
        """Sizes that a curve still needs."""
        return max(FEWEST_SIZES - self.done, 0)


def awaited(runs: Sequence[RunRecord], variant: str = "") -> list[Awaited]:
    """The budgets of a variant of a sweep, ascending."""
    done: dict[float, set[int]] = {}
    planned: dict[float, set[int]] = {}
    for run in runs:
        if run.cell is None or run.role != "grid" or not _is_of(run, variant):
            continue
        sizes = planned.setdefault(run.cell.budget, set())
        if run.state is RunState.DONE:
            done.setdefault(run.cell.budget, set()).add(run.cell.params)
        if run.state is RunState.DONE or not run.state.terminal:
            sizes.add(run.cell.params)
    return [Awaited(budget, len(done.get(budget, ())), len(sizes)) for budget, sizes in sorted(planned.items())]


def until_law(budgets: Sequence[Awaited]) -> str:
    """From which point on a law is possible, in a sentence or two."""
    able = sorted((each for each in budgets if each.planned >= FEWEST_SIZES), key=lambda each: each.missing)
    needs = f"A law needs {FEWEST_SIZES} sizes at each of {FEWEST_BUDGETS} budgets."
    if len(able) < FEWEST_BUDGETS:
        have = f"only {plural(len(able), 'budget')}" if able else "no budget"
        return f"{needs} Here {have} can have so many: extend the sweep, or retry what failed."
    first = able[:FEWEST_BUDGETS]
    missing = sum(each.missing for each in first)
    if not missing:
        return f"{needs} They are done: a law is possible now."
    where = [f"{each.missing} at {format_flops(each.budget)}" for each in first if each.missing]
    return f"{needs} It is possible after {plural(missing, 'more run')} at the least: {join_words(where)} FLOPs."


def _is_of(run: RunRecord, variant: str) -> bool:
    """Whether a run belongs to a variant; every run does where nothing varies."""
    combinations = run.cell.combinations if run.cell else ()
    return not variant or any(variant_label(values) == variant for values in combinations)
