"""One place in the pool: a worker process, where it is and what it is doing."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from orchestrator.attempts import Assignment, Slot
from orchestrator.cluster.placement import Place


@dataclass(slots=True)
class Seat:
    """One place in the pool."""

    name: str
    kind: str
    """Kind of device that it was asked for; empty for the pool's own."""
    core: int | None
    actor: Any
    ready: Any
    """Reference that resolves once the process has imported everything."""
    assignment: Assignment | None = None
    outcome: Any = None
    """Reference of the attempt's outcome."""
    progress: Any = None
    latest: dict[str, Any] = field(default_factory=dict)
    heard: float = 0.0
    """When the worker was asked for, answered last or became idle, by the monotonic clock."""
    place: Place | None = None
    """Where it is; None until it is ready."""

    def rests(self, patience: float) -> bool:
        """Whether it has had nothing to do, or has not been there, for longer than `patience` seconds."""
        return self.assignment is None and time.monotonic() - self.heard > patience

    def waits(self, patience: float) -> bool:
        """Whether it has waited for a node for longer than `patience` seconds, so that none may ever come."""
        return self.place is None and self.rests(patience)

    def offered(self, shares: int) -> Slot:
        """As dispatch sees it, once it is ready: the `shares` workers of one GPU share it, a core is one's alone."""
        place = self.place
        assert place is not None
        if not place.gpus:
            return Slot(self.name, self.name, place.kind)
        return Slot(self.name, f"{place.node}/{','.join(place.gpus)}", place.kind, shares, place.memory, gpu=True)
