"""What the scheduler and its workers exchange: a worker's slot, an assignment, and how an attempt ended."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

from analysis.devices import is_device
from analysis.wording import join_words
from orchestrator.states import Cause

LEASE_SECONDS = 60.0
"""Silence after which the other side counts as dead: a scheduler on another machine, or an attempt's scheduler."""

Layout = tuple[str, int, int | None, bool]
"""What makes devices alike: kind, shares, bytes of memory, whether a GPU."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A worker: one of the equal shares of a device."""

    name: str
    device: str
    """Identity of the device, which the slots of its other shares carry too."""
    kind: str = ""
    """Kind of the device, such as `NVIDIA H100 80GB HBM3`."""
    shares: int = 1
    """Slots that the device was divided into."""
    memory: int | None = None
    """Bytes of the device's memory; None where no run can be too large to share it."""
    gpu: bool = False
    """Whether the device is a GPU."""

    def has(self, kind: str) -> bool:
        """Whether it is of the kind that a run asks for."""
        match kind:
            case "":
                return True
            case "cpu" | "cuda":
                return self.gpu == (kind == "cuda")
        return self.gpu and is_device(kind, self.kind)

    @property
    def layout(self) -> Layout:
        """What it has in common with the slots of like devices."""
        return self.kind, self.shares, self.memory, self.gpu

    def needs(self, memory: int) -> int:
        """Shares of this device that a run of so many bytes takes: all of them where it is too large for fewer."""
        if self.memory is None or memory <= 0:
            return 1
        return min(self.shares, math.ceil(memory * self.shares / self.memory))


@dataclass(frozen=True, slots=True)
class Kinds:
    """The kinds of device that there are."""

    workers: tuple[Slot, ...]
    """The workers that are ready, busy or not."""
    nodes: tuple[str, ...] = ()
    """Types of accelerator that Ray's nodes declare."""

    def has(self, kind: str) -> bool:
        """Whether a worker is of that kind."""
        return any(worker.has(kind) for worker in self.workers)

    def __str__(self) -> str:
        names = sorted({worker.kind for worker in self.workers})
        told = f"the workers have {join_words(names)}" if names else "no worker is ready"
        return told + (f", Ray's nodes declare {join_words(self.nodes)}" if self.nodes else "")


@dataclass(frozen=True, slots=True)
class Tracking:
    """Where the mirror writes; decided once by the scheduler, shipped to the workers."""

    mode: Literal["online", "offline", "disabled"]
    """Whether and where the mirror writes."""
    folder: str
    """Folder of the wandb files."""
    project: str
    """wandb project."""
    reason: str
    """Why this mode, for the log."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One attempt of one run, as handed to a worker."""

    run_id: str
    fence: int
    config: dict[str, Any]
    artifacts: str
    """Folder or URL of datasets, event logs and checkpoints."""
    sweep: str
    name: str
    tracking: Tracking
    checkpoints: str = "checkpoints"
    """Folder of the run's checkpoints; a rerun has one of its own."""
    checkpoint_seconds: float = 10.0
    """Training seconds between two checkpoints."""
    micro_batch: int | None = None
    """Sequences of one forward pass at most, after memory ran out."""
    trunk: str | None = None
    """Trunk that the run may go on from and keeps states of; None trains it alone."""
    points: tuple[int, ...] = ()
    """Steps at which it keeps them."""
    share: float = 1.0
    """Part of its GPU's memory that the run may take."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What wandb is told of the run beside its configuration, by the names that `fit --wandb` reads."""
    lease_seconds: float = LEASE_SECONDS
    """Silence of the scheduler after which the attempt stops by itself: its run may be another worker's by then."""

    @property
    def key(self) -> tuple[str, int]:
        """Identity of the attempt."""
        return self.run_id, self.fence


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended."""

    cause: Cause
    result: dict[str, Any] | None = None
    """The run's result when the cause is DONE."""
    detail: str = ""
    """Traceback or reason."""
    device: str | None = None
    seconds: float | None = None
    """Seconds for which the attempt held its device, by a monotonic clock."""
    micro_batch: int | None = None
    """Sequences of one forward pass that did not fit, when the cause is OUT_OF_MEMORY."""
    flops: float = 0.0
    """Training FLOPs of the run that are behind it, earlier attempts included."""


@dataclass(frozen=True, slots=True)
class Report:
    """An attempt that ended."""

    worker: str
    run_id: str
    fence: int
    outcome: Outcome
