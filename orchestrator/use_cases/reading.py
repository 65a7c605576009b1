"""Reading: the sweeps of a home and the runs of one, as they are stored. Loads nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.states import RunState
from orchestrator.store import RunRecord, StoredForecast, SweepRecord
from orchestrator.use_cases.workspace import Workspace


@dataclass(frozen=True, slots=True)
class SweepSummary:
    """A revision of a sweep and how much of it is done."""

    sweep: SweepRecord
    """The sweep."""
    totals: Mapping[RunState, tuple[int, float]]
    """Number of runs and their training FLOPs, by state."""

    @property
    def done(self) -> int:
        """Finished runs."""
        return self.totals.get(RunState.DONE, (0, 0.0))[0]

    @property
    def failed(self) -> int:
        """Runs that failed or diverged."""
        return sum(self.totals.get(state, (0, 0.0))[0] for state in (RunState.FAILED, RunState.DIVERGED))

    @property
    def total(self) -> int:
        """All runs."""
        return sum(count for count, _ in self.totals.values())

    @property
    def flops_spent(self) -> float:
        """Training FLOPs of the finished runs, nominal."""
        return self.totals.get(RunState.DONE, (0, 0.0))[1]

    @property
    def flops_planned(self) -> float:
        """Training FLOPs of all runs, nominal."""
        return sum(flops for _, flops in self.totals.values())


@dataclass(frozen=True, slots=True)
class SweepRuns:
    """A sweep with its runs and its forecasts."""

    sweep: SweepRecord
    """The sweep."""
    runs: list[RunRecord]
    """Its runs in the order of the plan, or the first of them."""
    forecasts: list[StoredForecast]
    """Its stored forecasts."""


def summaries(workspace: Workspace) -> list[SweepSummary]:
    """All revisions of all sweeps, the latest submission first."""
    store = workspace.store
    return [SweepSummary(sweep, store.state_totals(sweep.id)) for sweep in store.sweeps()]


def runs_of(workspace: Workspace, name: str, limit: int | None = None) -> SweepRuns:
    """A sweep with its first `limit` runs, or with all of them. Raises NotFound."""
    sweep = workspace.store.sweep(name)
    runs = workspace.store.runs_of(sweep.id, limit=limit)
    return SweepRuns(sweep, runs, workspace.store.forecasts_of(sweep.id))
