"""What the store gives and takes: frozen records of its rows, and its errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.states import Hold, RunState
from orchestrator.store.cell import Cell
from sweeps.plan.records import DroppedCell
from tokenizer.errors import ExpectedError


class StoreError(ExpectedError, RuntimeError):
    """The database cannot do what was asked; the message says why."""

    kind = "database"


class Unavailable(StoreError):
    """The database is locked, full or away at the moment; what was asked was not done and may be asked again."""

    kind = "database-away"


class StaleAttempt(StoreError):
    """The run moved on since this attempt began; its report is refused."""

    kind = "conflict"


class LeaseHeld(StoreError):
    """Another scheduler works on this database."""

    kind = "busy"


class LeaseLost(StoreError):
    """Another scheduler took this database over; the one that is told so must write no more."""

    kind = "lease-lost"


class CeilingExceeded(StoreError):
    """A submission would exceed a ceiling of FLOPs or device-seconds; nothing of it was stored."""

    kind = "ceiling"


@dataclass(frozen=True, slots=True)
class SweepRecord:
    """A revision of a sweep."""

    id: int
    name: str
    revision: str
    source: str
    """The sweep as canonical YAML."""
    dataset: str
    unique_tokens: int
    dropped: tuple[DroppedCell, ...]
    """Cells of the grid that do not run."""
    warnings: list[str]
    submitted_at: float
    user: str = ""
    """Who submitted it first, and whose ceiling its runs count against."""
    ceiling_flops: float | None = None
    """Training FLOPs that the sweep may take in all, reruns and validation runs included."""
    ceiling_seconds: float | None = None
    """Device-seconds that it may take in all."""
    held: Hold | None = None
    """Why it is given no worker."""
    held_reason: str | None = None
    """The reason in words; of a sweep that is not held, what it waits for."""

    @property
    def on_hold(self) -> str:
        """paused or cancelled, with the reason; empty while the sweep may train."""
        return ": ".join(part for part in (self.held, self.held_reason) if part) if self.held else ""

    @property
    def waits(self) -> str:
        """What a sweep that may train waits for, such as a kind of device; empty where it waits for nothing."""
        return "" if self.held else self.held_reason or ""

    @property
    def note(self) -> str:
        """Why no run of it starts, held or waiting; empty where nothing is in the way."""
        return self.on_hold or self.waits


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run, with its cell in the sweep it was read through where there is one."""

    id: str
    config: dict[str, Any]
    flops: float
    predicted_seconds: float | None
    state: RunState
    fence: int
    loss: float | None
    bits_per_byte: float | None
    seconds: float | None
    result: dict[str, Any] | None
    error: str | None
    device: str | None
    counted_from: int = 0
    """Attempts up to this number were forgiven by a retry and count for no rule."""
    restarted: int = 0
    """Attempts up to this number belong to an earlier rerun: their checkpoints are not used."""
    micro_batch: int | None = None
    """Sequences of one forward pass after memory ran out; None takes the default."""
    role: str = ""
    """grid | check | validation, in the sweep that it was read through."""
    cell: Cell | None = None
    """Its place in the sweep that it was read through; None where it was read alone."""

    @property
    def answered(self) -> bool:
        """Whether it has told what it was trained for: a check of the recipe does so by diverging, too."""
        return self.state is RunState.DONE or (self.role == "check" and self.state is RunState.DIVERGED)

    @property
    def flops_spent(self) -> float | None:
        """Training FLOPs that it took once finished: less than its nominal ones where it began on a shared trunk."""
        return None if self.result is None else float(self.result.get("flops_spent", self.flops))

    @property
    def checkpoints(self) -> str:
        """Name of the folder of its checkpoints: a rerun has one of its own."""
        return f"checkpoints-{self.restarted}" if self.restarted else "checkpoints"


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to be stored with its cell."""

    id: str
    config: dict[str, Any]
    flops: float
    predicted_seconds: float | None
    cell: Cell
    role: str = "grid"
    """grid | check | validation."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a user or a sweep has reserved and spent."""

    flops: float
    seconds: float


@dataclass(frozen=True, slots=True)
class DriverRecord:
    """A process that schedules or scheduled."""

    id: int
    boot_id: str
    processes: list[list[Any]]
    """[pid, create time, name], its own first."""
    folder: str
    host: str


@dataclass(frozen=True, slots=True)
class ForecastScore:
    """How a forecast came out."""

    loss: float
    """Actual loss."""
    error: float
    """Actual minus predicted loss."""
    interval_score: float
    """Width plus 2/(1 - level) times the miss (Gneiting and Raftery 2007, section 6.2)."""
    inside: bool
    """Whether the interval held the actual loss."""
