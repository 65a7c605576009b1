"""The budgets, sizes and repeats that fill some hours and give a law as far-reaching as they can. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from analysis.fitting.estimators import FEWEST_BUDGETS
from analysis.fitting.minima import FEWEST_SIZES
from sweeps.file.spec import LimitsSpec, SeedsSpec, SizesSpec, SweepSpec
from sweeps.plan.changes import rounded, scaled
from sweeps.plan.cost import CostModel
from sweeps.plan.expected_width import USUAL_NOISE, KnownNoise, expect
from sweeps.plan.hours import unlimited_data, wall_hours
from sweeps.plan.plan import make_plan
from sweeps.plan.records import Cause, DataFacts, Plan, PlanError
from sweeps.plan.verdict import judge

BUDGETS: Final = (5, 6, 4, 3)
"""Numbers of budgets that are tried, besides the sweep's own."""
CLOSEST, FURTHEST = 2.0, 4.0
"""Ratios of neighbouring budgets between which a new grid stays."""
CLOSE: Final = 0.01
"""Relative distance from the wanted hours at which the search for the budgets ends."""
FILLED: Final = 0.9
"""Share of the wanted hours from which they count as filled."""
ROUNDS: Final = 12
"""Plans that the search for the budgets of one grid may lay out."""
COARSE: Final = 10**0.25
"""Factor between the budgets that are tried first where the data limit them."""
FINE: Final = 10**0.05
"""Factor between those that are tried next, from the first that the data allow."""
DECADES: Final = 4
"""How far the budgets are lowered, decades."""
PREFERENCE: Final = 2.5
"""Factor by which another grid's question must be wider than that of the sweep's own grid to replace it: a few
simulated worlds tell how far a grid reaches to within about a factor of two."""
FEWEST_SEEDS: Final = 3
"""Seeds of the smallest budget's centre cell, which measure the noise for little time."""
SEEDS: Final = (
    *(SeedsSpec(1, 3, 2), SeedsSpec(1, 3, 3), SeedsSpec(1, 5, 5), SeedsSpec(2, 3, 3), SeedsSpec(2, 5, 5)),
    *(SeedsSpec(3, 5, 5), SeedsSpec(4, 6, 6), SeedsSpec(5, 8, 8)),
)
"""Repeats that fill what larger budgets cannot, ascending."""


@dataclass(frozen=True)
class Filled:
    """A sweep that was chosen to fill some hours."""

    spec: SweepSpec
    """The sweep with its new budgets, sizes and seeds."""
    wanted: float
    """Hours that were to be filled."""
    hours: float
    """Hours that it is predicted to take."""
    reach: float
    """FLOPs of the largest budget at which its expected intervals are useful; 0 where none is."""
    epochs_needed: float | None = None
    """Passes over the data with which larger budgets would fill the hours; None where the data are no limit."""

    @property
    def overrides(self) -> tuple[str, ...]:
        """What was chosen, as `key=value` of the command line."""
        spec, seeds = self.spec, self.spec.seeds
        listing = ", ".join(f"{budget:g}".replace("e+", "e") for budget in spec.budgets)
        explicit = spec.sizes.params or spec.sizes.shapes
        return (
            f"budgets=[{listing}]",
            *(() if explicit else (f"sizes.count={spec.sizes.count}",)),
            f"seeds.default={seeds.default}",
            f"seeds.smallest_budget={seeds.smallest_budget}",
            f"seeds.largest_budget={seeds.largest_budget}",
        )

    def to_dict(self) -> dict[str, Any]:
        """As `isoflop plan -o json` shows it."""
        return {
            "wanted": self.wanted,
            "hours": self.hours,
            "overrides": list(self.overrides),
            "widest_question": self.reach or None,
            "epochs_needed": self.epochs_needed,
        }


@dataclass(frozen=True)
class _Trial:
    """A grid with the largest budgets that time and data allow."""

    plan: Plan
    """Its plan without limits."""
    hours: float
    """Hours that it takes."""
    epochs_needed: float | None
    """Passes over the data that larger budgets need; None where the data are no limit."""
    reach: float = 0.0
    """Largest budget, FLOPs, at which its expected intervals are useful; 0 where none is."""


@dataclass(frozen=True)
class _Room:
    """The hours, devices and data that a sweep may use."""

    cost: CostModel
    """Seconds of a run on one device."""
    hours: float
    """Hours to fill."""
    devices: int
    """Devices, one run each."""
    facts: DataFacts
    """The corpus."""

    def plan(self, spec: SweepSpec, facts: DataFacts | None = None) -> Plan:
        """The sweep's plan without its limits."""
        return make_plan(replace(spec, limits=LimitsSpec()), facts or self.facts, self.cost, workers=self.devices)

    def taken(self, plan: Plan) -> float:
        """Hours of a plan; 0 for one without runs."""
        return wall_hours(plan, self.devices) or 0.0


def fill_hours(
    spec: SweepSpec,
    cost: CostModel,
    hours: float,
    devices: int = 1,
    *,
    facts: DataFacts,
    noise: KnownNoise = USUAL_NOISE,
) -> Filled:
    """The sweep with the budgets, sizes and seeds that fill `hours` on `devices` and give the furthest-reaching law.

    Tried are the sweep's own grid with its budgets scaled by one factor, and grids of 3 to 6 budgets over the same
    range; each with the largest budgets that the hours and the data allow. Repeats fill what is left where the data
    end first. The sweep's limits are lifted for the search; the plan of the result is held to them.

    Raises:
        PlanError: where no grid gives a law in that time, with the least time that does.
    """
    if not (math.isfinite(hours) and hours > 0):
        raise PlanError(f"hours must be a positive number, not {hours:g}")
    room = _Room(cost, hours, devices, facts)
    for grids in (_grids(spec), _smallest_grids(spec)):
        trials = [_with_reach(trial, noise) for grid in grids if (trial := _largest(grid, room))]
        if trials:
            best = max(trials, key=lambda trial: (trial.reach * (PREFERENCE if trial is trials[0] else 1), trial.hours))
            filled = _repeated(best, room, noise)
            return replace(filled, spec=replace(filled.spec, limits=spec.limits))
    raise PlanError(f"no grid of this sweep gives a law in {hours:g} hours{_least_hours(spec, room)}")


def _grids(spec: SweepSpec) -> Iterator[SweepSpec]:
    """The sweep's own grid if it could give a law, and others over about the same range of budgets."""
    sizes = spec.sizes
    explicit = sizes.params or sizes.shapes
    if (len(explicit) if explicit else sizes.count) < FEWEST_SIZES:
        spec = replace(spec, sizes=SizesSpec())
    spec = replace(spec, seeds=replace(spec.seeds, smallest_budget=max(FEWEST_SEEDS, spec.seeds.smallest_budget)))
    if len(spec.budgets) >= FEWEST_BUDGETS:
        yield spec
    for count in BUDGETS:
        if count != len(spec.budgets):
            yield _of_budgets(spec, count)


def _smallest_grids(spec: SweepSpec) -> Iterator[SweepSpec]:
    """The grids of the fewest cells that give a law."""
    small = _of_budgets(replace(spec, seeds=SeedsSpec()), FEWEST_BUDGETS)
    yield small
    if not (spec.sizes.params or spec.sizes.shapes):
        yield replace(small, sizes=replace(small.sizes, count=FEWEST_SIZES))


def _of_budgets(spec: SweepSpec, count: int) -> SweepSpec:
    """The sweep with this many budgets up to its largest, over about its own range."""
    top, low = spec.budgets[-1], spec.budgets[0]
    ratio = (top / low) ** (1 / (count - 1)) if low < top else CLOSEST
    ratio = min(max(ratio, CLOSEST), FURTHEST)
    return replace(spec, budgets=rounded(top * ratio**-index for index in reversed(range(count))))


def _largest(grid: SweepSpec, room: _Room) -> _Trial | None:
    """The grid with the largest budgets that the hours and the data allow; None where they allow no complete grid."""
    filling = _by_time(grid, room)
    if filling is None:
        return None
    plan, cause = _complete(filling, 1.0, room)
    if plan:
        return _Trial(plan, room.taken(plan), None)
    lowest, factor = 10.0**-DECADES, 1.0
    while plan is None:
        factor /= COARSE
        if cause is not Cause.DATA or factor < lowest:
            return None
        plan, cause = _complete(filling, factor, room)
    while larger := _complete(filling, factor * FINE, room)[0]:
        plan, factor = larger, factor * FINE
    return _Trial(plan, room.taken(plan), _epochs(filling, room))


def _complete(grid: SweepSpec, factor: float, room: _Room) -> tuple[Plan | None, Cause | None]:
    """The plan of the grid times a factor if every budget keeps its curve; else the rule that drops most cells."""
    budgets = scaled(grid, factor)
    if any(later <= former for former, later in pairwise(budgets)):
        return None, None
    plan = room.plan(replace(grid, budgets=budgets))
    seen = judge(plan, ())
    return (plan, None) if seen.curves == seen.budgets else (None, seen.cause)


def _by_time(grid: SweepSpec, room: _Room) -> SweepSpec | None:
    """The grid scaled until it takes the hours with unlimited data; None where no factor does."""
    low, high, factor = 0.0, math.inf, 1.0
    fitting: SweepSpec | None = None
    for _ in range(ROUNDS):
        spec = replace(grid, budgets=scaled(grid, factor))
        taken = room.taken(room.plan(spec, unlimited_data(spec, room.facts)))
        if abs(taken / room.hours - 1) <= CLOSE:
            return spec
        low, high = (factor, high) if taken < room.hours else (low, factor)
        if 0 < taken < room.hours:
            fitting = spec
        # Time grows about as the FLOPs do; where that guess leaves the bracket, its middle is taken.
        guess = factor * room.hours / taken if taken else 100.0 * factor
        factor = guess if low < guess < high else math.sqrt(low * high) if low else high / 100
        if not (1e-12 < factor < 1e12 and high > (1 + CLOSE) * low):
            break
    return fitting  # cells come and go by steps: the most that fits


def _epochs(spec: SweepSpec, room: _Room) -> float:
    """Passes over the data that a grid takes, in two digits, rounded up."""
    plan = room.plan(spec, unlimited_data(spec, room.facts))
    passes = max((run.tokens for run in plan.runs), default=0) / min(one.train_tokens for one in room.facts.each)
    unit = 10.0 ** (math.floor(math.log10(passes)) - 1)
    return float(f"{math.ceil(passes / unit) * unit:.2g}")


def _with_reach(trial: _Trial, noise: KnownNoise) -> _Trial:
    """The trial with the largest budget, FLOPs, at which its expected intervals are useful."""
    reach = min((one.reach for one in expect(trial.plan, noise)), default=0.0)
    return replace(trial, reach=reach * trial.plan.spec.budgets[-1])


def _repeated(trial: _Trial, room: _Room, noise: KnownNoise) -> Filled:
    """The trial with as many repeats as the hours allow."""
    spec, own, best = trial.plan.spec, trial.plan.spec.seeds, trial
    for wanted in SEEDS if trial.hours < FILLED * room.hours else ():
        seeds = SeedsSpec(
            max(own.default, wanted.default),
            max(own.smallest_budget, wanted.smallest_budget),
            max(own.largest_budget, wanted.largest_budget),
        )
        plan = room.plan(replace(spec, seeds=seeds))
        taken = room.taken(plan)
        if taken > room.hours:
            break
        best = replace(trial, plan=plan, hours=taken)
    best = best if best is trial else _with_reach(best, noise)
    return Filled(
        spec=best.plan.spec,
        wanted=room.hours,
        hours=best.hours,
        reach=best.reach,
        epochs_needed=best.epochs_needed,
    )


def _least_hours(spec: SweepSpec, room: _Room) -> str:
    """How long the smallest grid that gives a law takes, to end a sentence with; empty where none is found."""
    for grid in reversed(list(_smallest_grids(spec))):
        for step in range(-4 * DECADES, 4 * DECADES):
            try:
                plan, _ = _complete(grid, COARSE**step, room)
            except PlanError:
                continue
            if plan:
                return f": the smallest that does takes {room.taken(plan):.2g} hours"
    return ": see the reasons of its dropped cells"
