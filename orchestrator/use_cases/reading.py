"""Reading: the sweeps of a home and the runs of one, as they are stored. Loads nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.attempts import ON
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
class SharedDevice:
    """Runs that workers of one device train side by side."""

    device: str
    """Name of the device."""
    workers: tuple[str, ...]
    """Names of the workers, two or more, in order."""
    runs: tuple[str, ...]
    """Ids of their runs, in order."""


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
    devices: tuple[SharedDevice, ...] = ()
    """Devices on which several workers train its runs."""


def summaries(workspace: Workspace) -> list[SweepTotals]:
    """All revisions of all sweeps, the latest submission first."""
    return list(workspace.store.totals().values())


def runs_of(workspace: Workspace, name: str, limit: int | None = None) -> SweepRuns:
    """A sweep with its first `limit` runs, or with all of them. Raises NotFound."""
    sweep = workspace.store.sweep(name)
    runs = workspace.store.runs_of(sweep.id, limit=limit)
    running = [run.id for run in runs if run.state is RunState.RUNNING]
    attempts = workspace.store.attempts_of_all(running)
    trained = [(each.worker, each.run_id) for each in attempts if each.cause is None]
    forecasts = workspace.store.forecasts_of(sweep.name)
    return SweepRuns(sweep, runs, forecasts, shared_workers(trained), shared_devices(trained))


def shared_workers(trained: Iterable[tuple[str, str]]) -> tuple[SharedWorker, ...]:
    """The workers that train several runs at once, by name, from pairs of worker and run; those without name aside."""
    runs: dict[str, list[str]] = {}
    for worker, run in trained:
        runs.setdefault(worker, []).append(run)
    return tuple(SharedWorker(name, tuple(sorted(runs[name]))) for name in sorted(runs) if name and len(runs[name]) > 1)


def shared_devices(trained: Iterable[tuple[str, str]]) -> tuple[SharedDevice, ...]:
    """The devices on which several workers train runs, by name, from pairs of worker, as it is shown, and run."""
    there: dict[str, list[tuple[str, str]]] = {}
    for worker, run in trained:
        name, _, device = worker.partition(ON)
        there.setdefault(device, []).append((name, run))
    found = []
    for device, pairs in sorted(there.items()):
        workers = tuple(sorted({name for name, _ in pairs}))
        if device and len(workers) > 1:
            found.append(SharedDevice(device, workers, tuple(sorted(run for _, run in pairs))))
    return tuple(found)
