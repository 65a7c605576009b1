"""One worker of the pool: its process, where it runs, and what it is doing."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.attempts import Assignment, Outcome, Report, RunProgress, Slot
from orchestrator.cluster.placement import WorkerLocation
from orchestrator.states import Cause


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
    assignment: Assignment | None = None
    """The attempt in its hands; None while it is idle."""
    outcome: Any = None
    """Promise of the attempt's outcome."""
    asked: Any = None
    """Promise of the progress that it was asked for last; None if it was asked for none."""
    progress: RunProgress = field(default_factory=RunProgress)
    """How far its attempt is, by its last answer."""
    last_seen: float = field(default_factory=time.monotonic)
    """When it was requested, answered last or became idle, by the monotonic clock."""
    location: WorkerLocation | None = None
    """Where it runs; None until it is ready."""

    @property
    def name(self) -> str:
        """Its name in assignments and in the database."""
        return f"worker-{self.index}"

    @property
    def live(self) -> RunProgress:
        """How far its run is, with the worker's own name."""
        return replace(self.progress, worker=self.name)

    @property
    def silence(self) -> float:
        """Seconds since it was last seen."""
        return time.monotonic() - self.last_seen

    def begin(self, assignment: Assignment, outcome: Any) -> None:
        """Note the attempt that it was given, and the promise of its outcome."""
        self.assignment, self.outcome, self.asked = assignment, outcome, None
        self.progress, self.last_seen = RunProgress(), time.monotonic()

    def lost(self, detail: str) -> Report:
        """The report that its attempt is lost, and why."""
        assert self.assignment is not None
        outcome = Outcome(Cause.LOST, detail=detail, flops=self.progress.flops)
        return Report(self.name, *self.assignment.key, outcome)

    def end(self) -> None:
        """Note that its attempt is over."""
        self.assignment = self.outcome = self.asked = None

    def restart(self, actor: Any, ready: Any) -> None:
        """Note that a fresh process has replaced its own."""
        self.actor, self.ready, self.location, self.last_seen = actor, ready, None, time.monotonic()

    def is_idle_for(self, seconds: float) -> bool:
        """Whether it has had no attempt, or has not been ready, for longer than `seconds`."""
        return self.assignment is None and self.silence > seconds

    def is_overdue(self, margin: float) -> bool:
        """Whether it has an attempt and was silent for `margin` seconds longer than its lease."""
        return self.assignment is not None and self.silence >= self.assignment.lease_seconds + margin

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
