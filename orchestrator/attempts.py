"""What the scheduler and its workers exchange: a worker's slot, an assignment, progress, and how an attempt ended."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from analysis.devices import is_device
from analysis.wording import join_words
from orchestrator.states import Cause

LEASE_SECONDS = 60.0
"""Silence after which the other side counts as dead: a scheduler on another machine, or an attempt's scheduler."""

ON = " on "
"""What stands between a worker's name and the GPU that it shares with others, where a run's worker is shown."""

Layout = tuple[str, int, int | None, bool]
"""What makes devices alike: kind, shares, bytes of memory, whether a GPU."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A worker's slot: one of the equal shares of a device, which dispatch may fill with a run."""

    name: str
    """Name of the worker."""
    device: str
    """Identity of the device, which the slots of its other shares have too."""
    kind: str = ""
    """Kind of the device, such as `NVIDIA H100 80GB HBM3`."""
    shares: int = 1
    """Slots that the device is divided into."""
    memory: int | None = None
    """Bytes of the device's memory; None where no run can be too large to share it."""
    gpu: bool = False
    """Whether the device is a GPU."""

    def has(self, kind: str) -> bool:
        """Whether the device is of the kind that a run asks for: cpu, cuda, a key of DEVICES, or empty for any."""
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

    @property
    def shown(self) -> str:
        """The worker as it is stored and shown with its runs: by its name, and the GPU that it shares with others."""
        if self.shares == 1:
            return self.name
        node, _, numbers = self.device.rpartition("/")
        return f"{self.name}{ON}GPU {numbers} of node {node[:6]}"

    def needs(self, memory: int, beside: int = 0) -> int:
        """Shares of this device that a run of `memory` bytes takes: all of them if it is too large for fewer.

        No more than `beside` runs like it are to be on the device at a time; 0 for as many as the memory holds.
        """
        least = math.ceil(self.shares / beside) if beside else 1
        if self.memory is None or memory <= 0:
            return least
        return min(self.shares, max(least, math.ceil(memory * self.shares / self.memory)))


@dataclass(frozen=True, slots=True)
class Kinds:
    """The kinds of device that there are."""

    workers: tuple[Slot, ...]
    """Slots of the workers that are ready, busy or not."""
    nodes: tuple[str, ...] = ()
    """Types of accelerator that Ray's nodes declare."""

    def has(self, kind: str) -> bool:
        """Whether a worker is of that kind."""
        return any(worker.has(kind) for worker in self.workers)

    def __str__(self) -> str:
        """The kinds in a sentence: what the workers have, and what Ray's nodes declare."""
        names = sorted({worker.kind for worker in self.workers})
        ready = f"the workers have {join_words(names)}" if names else "no worker is ready"
        return ready + (f", Ray's nodes declare {join_words(self.nodes)}" if self.nodes else "")


@dataclass(frozen=True, slots=True)
class Staff:
    """Who works for a scheduler, and whether what it reports is recorded."""

    workers: int
    """Workers that are ready, busy or not."""
    busy: int
    """Workers that have a run."""
    lag_seconds: float = 0.0
    """Time for which the database or the artifact store has not answered; 0 while both do."""


@dataclass(frozen=True, slots=True)
class Tracking:
    """Where the wandb mirror writes: decided once by the scheduler and sent to the workers."""

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
    """Identity of the run."""
    fence: int
    """Number of the attempt."""
    config: dict[str, Any]
    """The run's configuration as stored: the worker parses it, so that a bad one fails its run alone."""
    artifacts: str
    """Folder or URL of the artifact store, with datasets, event logs and checkpoints."""
    sweep: str
    """Name and revision of the sweep: wandb's group."""
    name: str
    """Name of the run in wandb."""
    tracking: Tracking
    """Where the wandb mirror writes."""
    checkpoints: str = "checkpoints"
    """Folder of the run's checkpoints; a rerun has its own."""
    checkpoint_seconds: float = 10.0
    """Training seconds between two checkpoints."""
    micro_batch: int | None = None
    """Most sequences of one forward pass, after memory ran out; None for the default."""
    trunk: str | None = None
    """Trunk whose states the run may start from and keeps; None trains it alone."""
    points: tuple[int, ...] = ()
    """Steps at which it keeps the trunk's states."""
    share: float = 1.0
    """Fraction of its GPU's memory that the run may take."""
    of_device: float = 1.0
    """Fraction of the device that its worker has, with all runs of a stack: its seconds count so much."""
    stack: tuple[str, ...] = ()
    """Runs that its worker gets to train together, this one among them; empty for this one alone."""
    enters: bool = False
    """Whether the worker trains others of the stack already: it enters at the next step, or trains alone if they have
    ended by then."""
    stacked: int = 0
    """Runs that a setting wants computed as one; 0 leaves it to what is measured to be faster."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What wandb records of the run in addition to its configuration, by the names that `fit --wandb` reads."""
    lease_seconds: float = LEASE_SECONDS
    """Silence of the scheduler after which the attempt stops by itself: another worker may have its run by then."""

    @property
    def key(self) -> tuple[str, int]:
        """Identity of the attempt."""
        return self.run_id, self.fence


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far a run in training is, by the latest event of its worker."""

    tokens: int = 0
    """Training tokens seen."""
    flops: float = 0.0
    """Training FLOPs of the run so far, earlier attempts included."""
    loss: float | None = None
    """Latest mean training loss, nats per token; None where the latest event has none."""
    kept: frozenset[int] = frozenset()
    """Steps at which the attempt has kept a trunk's states."""
    worker: str = ""
    """Name of the worker that trains it; empty where only the log was read."""

    @classmethod
    def of(cls, event: Mapping[str, Any], kept: frozenset[int] = frozenset()) -> RunProgress:
        """The progress that a logged event shows."""
        return cls(event.get("tokens", 0), event.get("flops", 0.0), event.get("loss"), kept)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended."""

    cause: Cause
    """Why it ended."""
    result: dict[str, Any] | None = None
    """The run's result as `model.train` reports and the store keeps it when the cause is DONE."""
    detail: str = ""
    """Traceback or reason."""
    device: str | None = None
    """Kind of device that trained the run; None without a result."""
    seconds: float | None = None
    """Seconds for which the attempt held its device, by a monotonic clock; None where nobody measured them."""
    micro_batch: int | None = None
    """Sequences of one forward pass that did not fit, when the cause is OUT_OF_MEMORY."""
    flops: float = 0.0
    """Training FLOPs of the run so far, earlier attempts included."""
    share: float = 1.0
    """Fraction of its GPU that the attempt had."""


@dataclass(frozen=True, slots=True)
class Report:
    """An attempt that ended."""

    worker: str
    """Name of the worker."""
    run_id: str
    """Identity of the run."""
    fence: int
    """Number of the attempt."""
    outcome: Outcome
    """How it ended."""


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """A process of a driver, recorded so that a successor can end it if it is left behind."""

    pid: int
    """Process id."""
    created: float
    """When the process was created, seconds since the epoch: with the id it names one process of a boot."""
    name: str
    """Name of the process, for a person."""
