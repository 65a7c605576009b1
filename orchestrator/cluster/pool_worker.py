"""One worker of the pool: its process, where it runs, and the attempts in its hands."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.attempts import Assignment, Outcome, Report, RunProgress, Slot, Staff
from orchestrator.cluster.placement import WorkerLocation
from orchestrator.states import Cause


@dataclass(slots=True)
class Given:
    """An attempt in a worker's hands."""

    assignment: Assignment
    """The attempt."""
    outcome: Any
    """Promise of its outcome."""
    progress: RunProgress = field(default_factory=RunProgress)
    """How far it is, by the worker's last answer."""


@dataclass(slots=True)
class PoolWorker:
    """A worker of the pool."""

    index: int
    """Its number in the pool, which a process that replaces it takes over."""
    kind: str
    """Kind of device that it was requested with; empty for the pool's own."""
    actor: Any
    """Ray's handle of its process."""
    ready: Any
    """Promise of its location, fulfilled once the process has imported everything."""
    given: dict[str, Given] = field(default_factory=dict)
    """The attempts in its hands by run, several if they are a stack; none while it is idle."""
    alive: bool = True
    """Whether its process lived when attempts ended last."""
    asked: Any = None
    """Promise of the progress that it was asked for last; None if it was asked for none."""
    last_seen: float = field(default_factory=time.monotonic)
    """When it was requested, answered last or became idle, by the monotonic clock."""
    location: WorkerLocation | None = None
    """Where it runs; None until it is ready."""

    @property
    def name(self) -> str:
        """Its name in assignments and in the database."""
        return f"worker-{self.index}"

    def live(self, shares: int) -> dict[str, RunProgress]:
        """How far its attempts are by run, with its own name and the GPU of which it has one of so many `shares`."""
        shown = self.slot(shares).shown if self.given else self.name
        return {run_id: replace(each.progress, worker=shown) for run_id, each in self.given.items()}

    @property
    def silence(self) -> float:
        """Seconds since it was last seen."""
        return time.monotonic() - self.last_seen

    def begin(self, assignment: Assignment, outcome: Any) -> None:
        """Note an attempt that it was given, and the promise of its outcome."""
        self.given[assignment.run_id] = Given(assignment, outcome)
        self.asked, self.last_seen = None, time.monotonic()

    def note(self, progress: Mapping[str, RunProgress]) -> None:
        """Note its answer, how far its attempts are."""
        self.last_seen = time.monotonic()
        for run_id in self.given.keys() & progress.keys():
            self.given[run_id].progress = progress[run_id]

    def lost(self, detail: str) -> list[Report]:
        """The reports that its attempts are lost, and why."""
        return [
            Report(self.name, *each.assignment.key, Outcome(Cause.LOST, detail=detail, flops=each.progress.flops))
            for each in self.given.values()
        ]

    def ended(self, done: Collection[Any], outcome_of: Callable[[Any, float], tuple[Outcome, bool]]) -> list[Report]:
        """The reports of its attempts whose promises are `done`, which are over then; all are if its process died.

        `outcome_of` gives the outcome of a promise, of which so many FLOPs were known, and whether the process lives.
        """
        reports, died = [], False
        for each in [each for each in self.given.values() if each.outcome in done]:
            outcome, alive = outcome_of(each.outcome, each.progress.flops)
            died = died or not alive
            reports.append(Report(self.name, *each.assignment.key, outcome))
            del self.given[each.assignment.run_id]
        if reports:
            self.last_seen, self.alive = time.monotonic(), not died
        if died:
            reports += self.lost("its worker died")
            self.end_all()
        return reports

    def end_all(self) -> None:
        """Note that all its attempts are over."""
        self.given, self.asked = {}, None

    def restart(self, actor: Any, ready: Any) -> None:
        """Note that a fresh process has replaced its own."""
        self.actor, self.ready, self.location, self.last_seen = actor, ready, None, time.monotonic()
        self.alive = True

    def is_idle_for(self, seconds: float) -> bool:
        """Whether it has had no attempt, or has not been ready, for longer than `seconds`."""
        return not self.given and self.silence > seconds

    def is_overdue(self, margin: float) -> bool:
        """Whether it has an attempt and was silent for `margin` seconds longer than its lease."""
        leases = [each.assignment.lease_seconds for each in self.given.values()]
        return bool(leases) and self.silence >= max(leases) + margin

    def waits_for_node(self, seconds: float) -> bool:
        """Whether it has waited for a node for longer than `seconds`, so that none may ever come."""
        return self.location is None and self.is_idle_for(seconds)

    def slot(self, shares: int) -> Slot:
        """Its slot once it is ready: the `shares` workers of a GPU share it, a CPU core belongs to one worker alone."""
        location = self.location
        assert location is not None, "a worker has a slot once it is ready"
        if not location.gpus:
            return Slot(self.name, self.name, location.kind)
        device = f"{location.node}/{','.join(location.gpus)}"
        return Slot(self.name, device, location.kind, shares, location.memory, gpu=True)


def staff_of(pool: Sequence[PoolWorker], lag_seconds: float) -> Staff:
    """How many workers of a pool are ready, and how many of them have a run."""
    ready = [worker for worker in pool if worker.location is not None]
    return Staff(len(ready), sum(bool(worker.given) for worker in ready), lag_seconds)


def core_of(index: int) -> int | None:
    """The core that a worker is pinned to, one of those that this process may use; None without one for it."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return cores[index] if index < len(cores) else None
