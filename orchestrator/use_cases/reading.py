"""Reading: the sweeps of a home and the runs of one, as they are stored. Loads nothing heavy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.states import RunState, SweepState, sweep_state
from orchestrator.store import RunRecord, StateTotal, StoredForecast, SweepRecord
from orchestrator.use_cases.workspace import Workspace


@dataclass(frozen=True, slots=True)
class SweepSummary:
    """A revision of a sweep and how much of it is done."""

    sweep: SweepRecord
    """The sweep."""
    totals: Sequence[StateTotal]
    """Number of runs and their training FLOPs, by state and role."""

    @property
    def state(self) -> SweepState:
        """The state of the sweep."""
        queued, running = self._runs(RunState.QUEUED), self._runs(RunState.RUNNING)
        return sweep_state(self.sweep.held, total=self.total, answered=self.done, queued=queued, running=running)

    @property
    def done(self) -> int:
        """Runs that have shown what they were trained to show."""
        return sum(total.runs for total in self.totals if total.answered)

    @property
    def failed(self) -> int:
        """Runs that failed or diverged, but for checks of the recipe that diverged."""
        ended = (RunState.FAILED, RunState.DIVERGED)
        return sum(total.runs for total in self.totals if total.state in ended and not total.answered)

    @property
    def total(self) -> int:
        """All runs."""
        return sum(total.runs for total in self.totals)

    @property
    def flops_spent(self) -> float:
        """Training FLOPs of the runs that are done, nominal."""
        return sum(total.flops for total in self.totals if total.answered)

    @property
    def flops_planned(self) -> float:
        """Training FLOPs of all runs, nominal."""
        return sum(total.flops for total in self.totals)

    def _runs(self, state: RunState) -> int:
        """Runs in a state."""
        return sum(total.runs for total in self.totals if total.state is state)


@dataclass(frozen=True, slots=True)
class SweepRuns:
    """A sweep with its runs and its forecasts."""

    sweep: SweepRecord
    """The sweep."""
    runs: list[RunRecord]
    """Its runs in the order of the plan, or the first of them."""
    forecasts: list[StoredForecast]
    """Stored forecasts of all its revisions."""


def summaries(workspace: Workspace) -> list[SweepSummary]:
    """All revisions of all sweeps, the latest submission first."""
    store = workspace.store
    return [SweepSummary(sweep, store.state_totals(sweep.id)) for sweep in store.sweeps()]


def runs_of(workspace: Workspace, name: str, limit: int | None = None) -> SweepRuns:
    """A sweep with its first `limit` runs, or with all of them. Raises NotFound."""
    sweep = workspace.store.sweep(name)
    runs = workspace.store.runs_of(sweep.id, limit=limit)
    return SweepRuns(sweep, runs, workspace.store.forecasts_of(sweep.name))
