"""A run in the scheduler's hands."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from orchestrator.scheduling.dispatch import Waiting
from orchestrator.store.records import RunRecord, SweepRecord

WHOLE = 2**62
"""Bytes that no share of a device has."""


@dataclass(slots=True)
class Job:
    """A run in the scheduler's hands."""

    run: RunRecord
    sweep: SweepRecord
    fence: int = 0
    """Number of its attempt, once claimed."""
    began: float = 0.0
    """When it was assigned, by the monotonic clock."""
    earlier: float = 0.0
    """Device-seconds of its attempts before."""
    reserved: float = field(default=float("inf"))
    """Device-seconds that its ceilings let it take."""
    stopping: bool = False
    alone: bool = False
    """Whether it gets a device for itself, since a share of one was too small."""

    def waiting(self, seconds: float | None) -> Waiting:
        """The queued run as dispatch sees it. Costs are seconds where they are predicted, else FLOPs."""
        memory = WHOLE if self.alone else self.run.cell.memory_bytes if self.run.cell else 0
        return Waiting(self.run.id, seconds or self.run.flops, memory, self.kind)

    @property
    def kind(self) -> str:
        """Kind of device that its sweep asks for; empty for any."""
        asked = self.run.cell.kind if self.run.cell else "auto"
        return "" if asked == "auto" else asked

    @property
    def elapsed(self) -> float:
        """Device-seconds of the present attempt."""
        return time.monotonic() - self.began
