"""Reading: the sweeps of a home and the runs of one, as they are stored. Loads nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.states import RunState
from orchestrator.store import RunRecord, StoredForecast, SweepRecord, SweepTotals
from orchestrator.use_cases.workspace import Workspace


@dataclass(frozen=True, slots=True)
class SharedWorker:
    """Runs that a worker trains as one computation."""

    worker: str
    """Name of the worker."""
    runs: tuple[str, ...]
    """Ids of its runs, two or more, in order."""


@dataclass(frozen=True, slots=True)
class SweepRuns:
    """A sweep with its runs and its forecasts."""

    sweep: SweepRecord
    """The sweep."""
    runs: list[RunRecord]
    """Its runs in the order of the plan, or the first of them."""
    forecasts: list[StoredForecast]
    """Stored forecasts of all its revisions."""
    shared: tuple[SharedWorker, ...] = ()
    """Workers that train several of its runs at once."""


def summaries(workspace: Workspace) -> list[SweepTotals]:
    """All revisions of all sweeps, the latest submission first."""
    return list(workspace.store.totals().values())


def runs_of(workspace: Workspace, name: str, limit: int | None = None) -> SweepRuns:
    """A sweep with its first `limit` runs, or with all of them. Raises NotFound."""
    sweep = workspace.store.sweep(name)
    runs = workspace.store.runs_of(sweep.id, limit=limit)
    running = [run.id for run in runs if run.state is RunState.RUNNING]
    attempts = workspace.store.attempts_of_all(running)
    shared = shared_workers((each.worker, each.run_id) for each in attempts if each.cause is None)
    return SweepRuns(sweep, runs, workspace.store.forecasts_of(sweep.name), shared)


def shared_workers(trained: Iterable[tuple[str, str]]) -> tuple[SharedWorker, ...]:
    """The workers that train several runs at once, by name, from pairs of worker and run; those without name aside."""
    runs: dict[str, list[str]] = {}
    for worker, run in trained:
        runs.setdefault(worker, []).append(run)
    return tuple(SharedWorker(name, tuple(sorted(runs[name]))) for name in sorted(runs) if name and len(runs[name]) > 1)
