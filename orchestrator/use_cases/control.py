"""What a user may ask of a submitted sweep: cancel, pause, resume, retry; and what its runs' logs say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from orchestrator.attempts import RunProgress
from orchestrator.errors import NotFound
from orchestrator.states import Hold, RunState
from orchestrator.store import RunRecord, Store, SweepRecord
from orchestrator.use_cases.workspace import Workspace
from tokenizer.errors import ExpectedError


class ControlError(ExpectedError, ValueError):
    """The sweep is in no state for what was asked; the message says what would help."""

    kind = "state"


def cancel(workspace: Workspace, name: str) -> str:
    """Cancel a sweep: queued runs at once, those in training once they have left a checkpoint.

    Runs that another sweep waits for go on. Raises NotFound.
    """
    for sweep in workspace.store.revisions(name):
        workspace.store.hold(sweep.id, Hold.CANCELLED)
    counts = workspace.store.state_counts(workspace.store.sweep(name).id)
    stopping = counts.get(RunState.RUNNING, 0)
    return f"{counts.get(RunState.CANCELLED, 0)} runs cancelled, {stopping} in training leave a checkpoint first"


def pause(workspace: Workspace, name: str, reason: str = "") -> str:
    """Give a sweep no worker until it is resumed; runs in training leave a checkpoint. Raises NotFound."""
    latest = workspace.store.sweep(name)
    if latest.held is Hold.CANCELLED:
        raise ControlError(f"sweep {name} was cancelled; there is nothing to pause")
    for sweep in workspace.store.revisions(name):
        if sweep.held is None:
            workspace.store.hold(sweep.id, Hold.PAUSED, reason)
    return f"sweep {name} is paused; go on with: isoflop resume {name}"


def resume(workspace: Workspace, name: str) -> str:
    """Let a paused sweep go on. Raises NotFound, and ControlError for a cancelled one."""
    latest = workspace.store.sweep(name)
    if latest.held is Hold.CANCELLED:
        raise ControlError(f"sweep {name} was cancelled; take it up again with: isoflop retry {name}")
    for sweep in workspace.store.revisions(name):
        if sweep.held is Hold.PAUSED:
            workspace.store.release(sweep.id)
    return f"{_waiting(workspace.store, latest)} runs wait for a worker"


def retry(workspace: Workspace, name: str) -> str:
    """Queue a sweep's failed and cancelled runs once more, from their checkpoints. Diverged ones would only diverge.

    Raises NotFound, CeilingExceeded.
    """
    latest = workspace.store.sweep(name)
    count = workspace.store.retry_failed(latest.id, workspace.settings.ceilings)
    workspace.store.release(latest.id)
    return f"{count} runs queued again, {_waiting(workspace.store, latest)} wait for a worker"


ACTIONS: dict[str, Callable[[Workspace, str], str]] = {
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


def run_log(workspace: Workspace, prefix: str, attempt: int | None = None) -> Iterator[dict[str, Any]]:
    """A run's attempts with their causes, each followed by the events that it logged.

    Raises NotFound.
    """
    run = find_run(workspace.store, prefix)
    attempts = workspace.store.attempts_of(run.id)
    if attempt is not None and attempt not in {a.number for a in attempts}:
        raise NotFound(f"run {run.id} has no attempt {attempt}; it has {len(attempts)}")
    for made in attempts:
        if attempt in (None, made.number):
            yield {"kind": "attempt", **{k: v for k, v in asdict(made).items() if k != "run_id"}}
            for event in workspace.artifacts.events(run.id, made.number):
                yield {"attempt": made.number, **event}


def live_progress(workspace: Workspace) -> dict[str, RunProgress]:
    """How far each run in training is, by what it logged, for those who watch another process's scheduler."""
    latest = {}
    for run in workspace.store.runs_in(RunState.RUNNING):
        events = [e for e in workspace.artifacts.events(run.id, run.fence) if "tokens" in e]
        if events:
            latest[run.id] = RunProgress.of(events[-1])
    return latest
