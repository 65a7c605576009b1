"""Control of a submitted sweep: cancel, pause, resume, retry; and what its runs have logged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from analysis.wording import plural
from orchestrator.attempts import RunProgress
from orchestrator.errors import NotFound
from orchestrator.people import Actor
from orchestrator.scheduling.driver import alive, machine_id
from orchestrator.states import Hold, RunState
from orchestrator.store import RunRecord, Store, SweepRecord
from orchestrator.use_cases.accounts import operator
from orchestrator.use_cases.workspace import Workspace
from tokenizer.errors import ExpectedError

SEVERAL = 5
"""Most ids that a message lists."""


class ControlError(ExpectedError, ValueError):
    """The sweep's state does not allow the request; the message says what would."""

    kind = "state"


def cancel(workspace: Workspace, name: str, by: Actor | None = None) -> str:
    """Cancel a sweep: its queued runs at once, those in training once they have left a checkpoint.

    Runs that another sweep waits for continue. Returns a line for a person. Raises NotFound, Forbidden.
    """
    store = workspace.store
    revisions = store.revisions(name)
    for sweep in revisions:
        store.hold(sweep.id, Hold.CANCELLED, by=by or operator(workspace))
    cancelled, stopping = (_count(store, revisions, state) for state in (RunState.CANCELLED, RunState.RUNNING))
    leave = "leaves" if stopping == 1 else "leave"
    return f"{plural(cancelled, 'run')} cancelled, {stopping} in training {leave} a checkpoint first"


def pause(workspace: Workspace, name: str, by: Actor | None = None, *, reason: str = "") -> str:
    """Give a sweep no worker until it is resumed; its runs in training leave a checkpoint and stop.

    Returns a line for a person. Raises NotFound, Forbidden, and ControlError for a cancelled sweep.
    """
    latest = workspace.store.sweep(name)
    if latest.held is Hold.CANCELLED:
        raise ControlError(f"sweep {name} was cancelled: there is nothing to pause")
    for sweep in workspace.store.revisions(name):
        workspace.store.hold(sweep.id, Hold.PAUSED, reason, unless_held=True, by=by or operator(workspace))
    return f"sweep {name} is paused; continue with: isoflop resume {name}"


def resume(workspace: Workspace, name: str, by: Actor | None = None) -> str:
    """Let a paused sweep continue. Raises NotFound, Forbidden, and ControlError for a cancelled one."""
    revisions = workspace.store.revisions(name)
    workspace.store.check_owner(revisions[0].name, by or operator(workspace))
    if revisions[0].held is Hold.CANCELLED:
        raise ControlError(f"sweep {name} was cancelled; start it again with: isoflop retry {name}")
    for sweep in revisions:
        if sweep.held is Hold.PAUSED:
            workspace.store.release(sweep.id, by or operator(workspace))
    return _waiting(workspace.store, revisions)


def retry(workspace: Workspace, name: str, by: Actor | None = None) -> str:
    """Queue a sweep's failed and cancelled runs again, from their checkpoints. Diverged runs would only diverge again.

    A bare name stands for all revisions, as it does for `cancel`. Returns a line for a person. Raises NotFound,
    CeilingExceeded, QuotaReached, Forbidden.
    """
    store = workspace.store
    revisions = store.revisions(name)
    count = store.retry([sweep.id for sweep in revisions], workspace.settings.ceilings, by=by or operator(workspace))
    return f"{plural(count, 'run')} queued again, {_waiting(store, revisions)}"


ACTIONS: dict[str, Callable[[Workspace, str, Actor | None], str]] = {
    "cancel": cancel,
    "pause": pause,
    "resume": resume,
    "retry": retry,
}
"""The controls of a sweep by verb, for an actor or, with None, for the operator; each returns a line for a person."""


def _count(store: Store, revisions: Sequence[SweepRecord], state: RunState) -> int:
    """Runs of some revisions in a state, each counted once."""
    return len({run.id for sweep in revisions for run in store.runs_of(sweep.id, None, state)})


def _waiting(store: Store, revisions: Sequence[SweepRecord]) -> str:
    """How many runs of some revisions are queued, as a clause."""
    count = _count(store, revisions, RunState.QUEUED)
    return f"{plural(count, 'run')} {'waits' if count == 1 else 'wait'} for a worker"


def find_run(store: Store, prefix: str) -> RunRecord:
    """The one run whose id starts with a prefix. Raises NotFound if there is none, or more than one."""
    found = store.runs_by_prefix(prefix)
    if not found:
        raise NotFound(f"there is no run whose id starts with {prefix!r}: `isoflop show SWEEP` lists the runs")
    if len(found) > 1:
        several = ", ".join(run.id for run in found[:SEVERAL]) + ", …" * (len(found) > SEVERAL)
        raise NotFound(f"the ids of {len(found)} runs start with {prefix!r}: {several}; give more digits")
    return found[0]


def run_log_json(workspace: Workspace, prefix: str, attempt: int | None = None) -> Iterator[dict[str, Any]]:
    """A run's attempts, each with its cause and followed by the events that it logged, for JSON.

    Args:
        workspace: the run's home.
        prefix: start of the run's id.
        attempt: number of the only attempt to show; None for all.

    Raises:
        NotFound.
    """
    run = find_run(workspace.store, prefix)
    attempts = workspace.store.attempts_of(run.id)
    if attempt is not None and attempt not in {a.number for a in attempts}:
        raise NotFound(f"run {run.id} has no attempt {attempt}; it has {len(attempts)}")
    for made in attempts:
        if attempt in (None, made.number):
            yield {"kind": "attempt", **{k: v for k, v in asdict(made).items() if k not in ("run_id", "flops")}}
            for event in workspace.artifacts.events(run.id, made.number):
                yield {"attempt": made.number, **event}


def scheduled(workspace: Workspace) -> bool:
    """Whether anybody schedules the runs of this database: a `run`, a `validate` or a service."""
    holder = workspace.store.lease_holder()
    return holder is not None and (holder.boot_id != machine_id() or alive(holder))


def live_progress(workspace: Workspace) -> dict[str, RunProgress]:
    """How far each run in training is, by its id, from what it logged: for watchers in another process."""
    latest = {}
    for run in workspace.store.runs_in(RunState.RUNNING):
        events = [e for e in workspace.artifacts.events(run.id, run.fence) if "tokens" in e]
        if events:
            latest[run.id] = RunProgress.of(events[-1])
    return latest
