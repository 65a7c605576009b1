"""What a user may ask of a submitted sweep: cancel, pause, resume, retry; and what its runs' logs say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from orchestrator.cluster.artifact_store import ArtifactStore
from orchestrator.errors import NotFound
from orchestrator.states import Hold, RunState
from orchestrator.store import RunRecord, Store, SweepRecord
from orchestrator.use_cases.service import Service
from tokenizer.errors import ExpectedError


class ControlError(ExpectedError, ValueError):
    """The sweep is in no state for what was asked; the message says what would help."""

    kind = "state"


def cancel(service: Service, name: str) -> str:
    """Cancel a sweep: queued runs at once, those in training once they have left a checkpoint.

    Runs that another sweep waits for go on. Raises NotFound.
    """
    for sweep in service.store.revisions(name):
        service.store.hold(sweep.id, Hold.CANCELLED)
    counts = service.store.state_counts(service.store.sweep(name).id)
    stopping = counts.get(RunState.RUNNING, 0)
    return f"{counts.get(RunState.CANCELLED, 0)} runs cancelled, {stopping} in training leave a checkpoint first"


def pause(service: Service, name: str, reason: str = "") -> str:
    """Give a sweep no worker until it is resumed; runs in training leave a checkpoint. Raises NotFound."""
    latest = service.store.sweep(name)
    if latest.held is Hold.CANCELLED:
        raise ControlError(f"sweep {name} was cancelled; there is nothing to pause")
    for sweep in service.store.revisions(name):
        if sweep.held is None:
            service.store.hold(sweep.id, Hold.PAUSED, reason)
    return f"sweep {name} is paused; go on with: isoflop resume {name}"


def resume(service: Service, name: str) -> str:
    """Let a paused sweep go on. Raises NotFound, and ControlError for a cancelled one."""
    latest = service.store.sweep(name)
    if latest.held is Hold.CANCELLED:
        raise ControlError(f"sweep {name} was cancelled; take it up again with: isoflop retry {name}")
    for sweep in service.store.revisions(name):
        if sweep.held is Hold.PAUSED:
            service.store.release(sweep.id)
    return f"{_waiting(service.store, latest)} runs wait for a worker"


def retry(service: Service, name: str) -> str:
    """Queue a sweep's failed and cancelled runs once more, from their checkpoints. Diverged ones would only diverge.

    Raises NotFound, CeilingExceeded.
    """
    latest = service.store.sweep(name)
    count = service.store.retry_failed(latest.id, service.settings.ceilings)
    service.store.release(latest.id)
    return f"{count} runs queued again, {_waiting(service.store, latest)} wait for a worker"


ACTIONS: dict[str, Callable[[Service, str], str]] = {
    "cancel": cancel,
    "pause": pause,
    "resume": resume,
    "retry": retry,
}
"""What can be asked of a sweep, by verb; each answers with a line for a person."""


def _waiting(store: Store, sweep: SweepRecord) -> int:
    return store.state_counts(sweep.id).get(RunState.QUEUED, 0)


def find_run(store: Store, prefix: str) -> RunRecord:
    """The one run whose id begins so. Raises NotFound where there is none, or more than one."""
    found = store.runs_by_prefix(prefix)
    if len(found) != 1:
        several = f"; {', '.join(r.id for r in found[:5])} begin so" if found else "; `isoflop show SWEEP` lists them"
        raise NotFound(f"there is no single run {prefix!r}{several}")
    return found[0]


def run_log(service: Service, prefix: str, attempt: int | None = None) -> Iterator[dict[str, Any]]:
    """A run's attempts with their causes, each followed by the events that it logged.

    Raises NotFound.
    """
    run = find_run(service.store, prefix)
    attempts = service.store.attempts_of(run.id)
    if attempt is not None and attempt not in {a["number"] for a in attempts}:
        raise NotFound(f"run {run.id} has no attempt {attempt}; it has {len(attempts)}")
    for row in attempts:
        if attempt in (None, row["number"]):
            yield {"kind": "attempt", **{k: v for k, v in row.items() if k != "run_id"}}
            for event in service.artifacts.events(run.id, row["number"]):
                yield {"attempt": row["number"], **event}


def live_events(store: Store, artifacts: ArtifactStore) -> dict[str, dict[str, Any]]:
    """The latest logged event of each run in training, for watchers beside the scheduler."""
    latest = {}
    for run in store.runs_in(RunState.RUNNING):
        events = [e for e in artifacts.events(run.id, run.fence) if "tokens" in e]
        if events:
            latest[run.id] = events[-1]
    return latest
