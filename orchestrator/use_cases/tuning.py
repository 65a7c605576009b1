"""Tuning: a sweep whose runs search its recipe's settings, and the recipe that they give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from orchestrator.use_cases.planning import Planned, Planning
from orchestrator.use_cases.workspace import Workspace
from sweeps.file.check import checked
from sweeps.file.compose import load_sweep
from sweeps.plan.plan import plan_of_runs
from sweeps.tune.cells import field_of
from sweeps.tune.rounds import first_trials, usual_spend

SUFFIX = "-tune"
"""What the name of a tuning has more than the sweep's."""


class Tuning:
    """Searches settings of recipes in a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        """Trials are trained on the data and in the home of this workspace."""
        self._workspace = workspace
        self._planning = Planning(workspace)

    def plan(self, source: Path, overrides: Sequence[str] = (), spend: float | None = None) -> Planned:
        """The first round of a sweep's tuning; without a spend, that of a dozen trials a cell.

        Raises SweepError, CorpusError, PlanError, CalibrationError, SettingsError.
        """
        planning, spec = self._planning, load_sweep(source, overrides)
        facts = planning.facts(spec)
        wanted = spend or spec.tune.spend or usual_spend(field_of(spec, facts))
        spec = checked(replace(spec, name=tuning_name(spec.name), tune=replace(spec.tune, spend=wanted)))
        first = first_trials(spec, facts)
        device = planning.device_of(spec)
        workers = planning.workers(device)
        cost = planning.cost([run.run for run in first.planned], spec)
        plan = plan_of_runs(spec, first.planned, facts, cost, workers=workers)
        return Planned(plan, facts, device, workers, (), cost, (first.round,))


def tuning_name(sweep: str) -> str:
    """The name of a sweep's tuning: another than its own, which stays a handle on its grid."""
    return sweep[: 64 - len(SUFFIX)] + SUFFIX
