"""Plans by hours, for this machine or a device that is not at hand, each with the verdict on its grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from orchestrator.scheduling.speed import SpeedModel
from orchestrator.use_cases.planning import Planned, Planning
from sweeps.file.placing import placing
from sweeps.file.spec import LimitsSpec, SweepSpec
from sweeps.plan.cost import CostModel
from sweeps.plan.expected_width import Expected, KnownNoise
from sweeps.plan.filling import Filled, fill_hours
from sweeps.plan.hours import unlimited_data
from sweeps.plan.other_device import OtherDevice
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts, Plan, PlanError
from sweeps.plan.verdict import Verdict, judge, verdict

ROUNDS: Final = 2
"""Times that a grid is chosen for this machine: the second with rates measured on the shapes of the first."""


@dataclass(frozen=True)
class Judged:
    """A plan with what can be said of its answers before it starts."""

    planned: Planned
    """The plan, its data and its device."""
    noise: KnownNoise
    """The noise between seeds that is expected."""
    expected: tuple[Expected, ...]
    """The intervals to expect, by combination of axes."""
    verdict: Verdict
    """Whether the grid will give a law, and if not, what would."""
    filled: Filled | None = None
    """What was chosen to fill the hours; None where no hours were given."""


def plan_and_judge(
    planning: Planning,
    source: Path | str,
    overrides: Sequence[str] = (),
    hours: float | None = None,
    other: OtherDevice | None = None,
) -> Judged:
    """Plan a sweep on another device or here, as it is or to fill some hours, and judge its grid.

    Raises what Planning.plan raises. With `other`, a corpus that is not at hand is assumed.
    """
    spec = planning.load(source, overrides)
    with placing(source, overrides):
        return _plan_and_judge(planning, spec, hours, other)


def _plan_and_judge(planning: Planning, spec: SweepSpec, hours: float | None, other: OtherDevice | None) -> Judged:
    """`plan_and_judge` of a sweep that was read."""
    if spec.adaptive.on and (other is not None or hours is not None):
        raise PlanError("adaptive: its runs are chosen here, for its spend: leave out --device and --hours")
    if other is not None:
        there = other.plan(spec, lambda: planning.facts(spec), hours)
        planned = Planned(there.plan, there.data, there.device, there.workers, there.notes)
        return judged(planning, planned, other.cost, there.filled)
    if hours is None:
        planned = planning.plan_spec(spec)
        return judged(planning, planned, planned.cost)
    planned, filled = _filled(planning, spec, hours)
    return judged(planning, planned, planned.cost, filled)


def judged(planning: Planning, planned: Planned, cost: CostModel | None, filled: Filled | None = None) -> Judged:
    """A plan with its expected intervals and the verdict on its grid; `cost` predicts the time of changed plans."""
    noise = planning.noise(planned)
    expected = planning.expect(planned, noise)
    facts = planned.data

    def replan(spec: SweepSpec) -> Plan:
        return make_plan(spec, facts if facts.dataset else unlimited_data(spec, facts), cost, workers=workers)

    workers = planned.workers
    if planned.rounds:
        return Judged(planned, noise, expected, judge(_alone(planned.plan), expected))
    found = verdict(planned.plan, expected, replan, noise=noise, workers=workers)
    return Judged(planned, noise, expected, found, filled)


def _alone(plan: Plan) -> Plan:
    """The first round of an adaptive sweep as a grid of its own budgets."""
    return replace(plan, spec=replace(plan.spec, budgets=tuple(sorted({run.budget for run in plan.runs}))))


def _filled(planning: Planning, spec: SweepSpec, hours: float) -> tuple[Planned, Filled]:
    """The sweep with the grid that fills the hours on this machine, by all that was measured on the way."""
    device = planning.device_of(spec)
    facts, workers = planning.facts(spec), planning.workers(device)
    wanted = spec
    cost: SpeedModel | None = None
    for _ in range(ROUNDS):
        cost = _measured(planning, spec, facts, cost)
        filled = fill_hours(wanted, cost, hours, workers, facts=facts)
        spec = filled.spec
    plan = make_plan(spec, facts, cost, workers=workers)
    return Planned(plan, facts, device, workers, cost=cost), filled


def _measured(planning: Planning, spec: SweepSpec, facts: DataFacts, earlier: SpeedModel | None) -> SpeedModel:
    """What predicts the sweep's seconds: by the rates of its shapes, and those that were measured earlier."""
    runs = make_plan(replace(spec, limits=LimitsSpec()), unlimited_data(spec, facts)).runs
    known = planning.cost([run.run for run in runs], spec) if runs else None
    if known is None:
        reason = f"the speed of `device: {spec.device}` is not known: name a kind such as h100"
        raise PlanError(reason if runs else "no cell of the grid can run: see isoflop plan without --hours")
    return known if earlier is None else replace(known, rates=earlier.rates.joined(known.rates))
