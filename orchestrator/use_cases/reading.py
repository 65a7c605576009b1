"""Reading: the sweeps of a home and the runs of one, as they are stored. Loads nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.store import RunRecord, StoredForecast, SweepRecord, SweepTotals
from orchestrator.use_cases.workspace import Workspace


@dataclass(frozen=True, slots=True)
class SweepRuns:
    """A sweep with its runs and its forecasts."""

    sweep: SweepRecord
    """The sweep."""
    runs: list[RunRecord]
    """Its runs in the order of the plan, or the first of them."""
    forecasts: list[StoredForecast]
    """Stored forecasts of all its revisions."""


def summaries(workspace: Workspace) -> list[SweepTotals]:
    """All revisions of all sweeps, the latest submission first."""
    return list(workspace.store.totals().values())


def runs_of(workspace: Workspace, name: str, limit: int | None = None) -> SweepRuns:
    """A sweep with its first `limit` runs, or with all of them. Raises NotFound."""
    sweep = workspace.store.sweep(name)
    runs = workspace.store.runs_of(sweep.id, limit=limit)
    return SweepRuns(sweep, runs, workspace.store.forecasts_of(sweep.name))
