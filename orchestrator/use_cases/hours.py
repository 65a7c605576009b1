"""Plans by time: for a device that need not be at hand, and with the budgets that fill so many hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from orchestrator.scheduling.speed import SpeedModel
from orchestrator.use_cases.planning import Planned, Planning, facts_of
from sweeps.file.compose import load_sweep
from sweeps.file.spec import LimitsSpec, SweepSpec
from sweeps.plan.hours import fill_hours
from sweeps.plan.other_device import Elsewhere
from sweeps.plan.plan import make_plan
from sweeps.plan.records import PlanError

ROUNDS: Final = 2
"""Times that budgets are chosen on this machine: the second with rates measured on the shapes of the first."""


def plan_hours(
    planning: Planning, source: Path | str, overrides: Sequence[str], hours: float | None, elsewhere: Elsewhere | None
) -> Planned:
    """Plan a sweep elsewhere, or here in so many hours, or both.

    Raises what Planning.plan raises; a corpus that is not at hand is assumed where `elsewhere` is given.
    """
    spec = load_sweep(source, overrides)
    if elsewhere is not None:
        there = elsewhere.plan(spec, lambda: planning.facts(spec), hours)
        return Planned(there.plan, there.data, there.device, there.workers, there.notes)
    return planning.plan_spec(spec) if hours is None else _filled(planning, spec, hours)


def _filled(planning: Planning, spec: SweepSpec, hours: float) -> Planned:
    """The sweep with the budgets that fill so many hours of this machine, by all that was measured on the way."""
    device = planning.device_of(spec)
    manifest, workers = planning.shards(spec).manifest, planning.workers(device)
    facts = facts_of(manifest)
    cost: SpeedModel | None = None
    rates: dict[float, float] = {}
    for _ in range(ROUNDS):
        runs = make_plan(replace(spec, limits=LimitsSpec()), facts).runs
        if not runs:
            break
        known = planning.cost([r.run for r in runs], spec)
        if known is None:
            raise PlanError(f"nothing is known of the speed of `device: {spec.device}`: name a kind such as h100")
        rates |= dict(known.rates.points)
        cost = replace(known, rates=replace(known.rates, points=tuple(sorted(rates.items()))))
        spec = fill_hours(spec, cost, hours, workers, vocab=facts.vocab)
    return Planned(make_plan(spec, facts, cost, workers=workers), manifest, device, workers, cost=cost)
