"""What the store returns and takes: frozen records of its rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.attempts import ProcessRecord
from orchestrator.states import Cause, Hold, RunState, is_answered
from orchestrator.store.cell import Cell
from sweeps.plan.records import DroppedCell
from sweeps.plan.rounds import Round, undecided


@dataclass(frozen=True, slots=True)
class SweepRecord:
    """A revision of a sweep."""

    id: int
    """Primary key; 0 before it is stored."""
    name: str
    """The sweep's name: a handle on its latest revision."""
    revision: str
    """Content hash of the submission."""
    source: str
    """The sweep as canonical YAML."""
    dataset: str
    """Content hash of its token shards."""
    unique_tokens: int
    """Training tokens of the dataset."""
    dropped: tuple[DroppedCell, ...]
    """Cells of the grid that do not run."""
    warnings: list[str]
    """The plan's warnings, a sentence each."""
    submitted_at: float
    """When it was last submitted, seconds since the epoch by the database's clock."""
    user: str = ""
    """Who submitted it first, and whose ceiling its runs count against."""
    ceiling_flops: float | None = None
    """Training FLOPs that the sweep may spend in total, reruns and validation runs included; None is no ceiling."""
    ceiling_seconds: float | None = None
    """Device-seconds that it may spend in total; None is no ceiling."""
    held: Hold | None = None
    """Why it gets no worker; None while it may train."""
    held_reason: str | None = None
    """Why it is held, as a sentence. If it is not held: what it waits for."""
    rounds: tuple[Round, ...] = ()
    """What an adaptive sweep decided, the first design first; empty for a fixed grid."""

    @property
    def open_ended(self) -> bool:
        """Whether an adaptive sweep may still decide a further round."""
        return undecided(self.rounds)

    @property
    def on_hold(self) -> str:
        """Paused or cancelled, with the reason; empty while the sweep may train."""
        return ": ".join(part for part in (self.held, self.held_reason) if part) if self.held else ""

    @property
    def waits(self) -> str:
        """What a sweep that is not held waits for, such as a kind of device; empty if it waits for nothing."""
        return "" if self.held else self.held_reason or ""

    @property
    def note(self) -> str:
        """Why none of its runs starts, held or waiting; empty if nothing prevents it."""
        return self.on_hold or self.waits


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run, with its cell in the sweep through which it was read."""

    id: str
    """Content hash of the configuration."""
    config: dict[str, Any]
    """The configuration as stored (`RunConfig.to_dict`): parsed where a run is trained, not for each of thousands."""
    flops: float
    """Training FLOPs, nominal."""
    predicted_seconds: float | None
    """Predicted seconds: by the plan, then by what was known when a worker last took it."""
    state: RunState
    """Its state."""
    fence: int
    """Number of its latest attempt; 0 before the first."""
    loss: float | None
    """Validation loss, nats per token; None without a result."""
    bits_per_byte: float | None
    """Validation loss in bits per UTF-8 byte; None without a result."""
    seconds: float | None
    """Training seconds over all attempts, evaluation not included; None without a result."""
    result: dict[str, Any] | None
    """What `model.train` reported at the end (`RunResult.to_dict`), as stored."""
    error: str | None
    """Why it failed or diverged: a sentence or a traceback."""
    device: str | None
    """Kind of device that trained it."""
    counted_from: int = 0
    """Attempts up to this number were forgiven by a retry and no longer count against the run."""
    restarted: int = 0
    """Attempts up to this number belong to an earlier rerun: their checkpoints are not used."""
    micro_batch: int | None = None
    """Sequences of one forward pass after memory ran out; None for the default."""
    alone: bool = False
    """Whether it gets a whole device, because a share of one was too small."""
    role: str = ""
    """grid | check | validation, in the sweep through which it was read."""
    cell: Cell | None = None
    """Its place in the sweep through which it was read; None if it was read alone."""

    @property
    def answered(self) -> bool:
        """Whether it has shown what it was trained to show: a check of the recipe does so by diverging, too."""
        return is_answered(self.state, self.role)

    @property
    def shown(self) -> RunState:
        """The state in which its result counts: a run that is trained again counts as done until its rerun ends."""
        return self.state if self.loss is None else RunState.DONE

    @property
    def flops_spent(self) -> float | None:
        """Training FLOPs spent on it; fewer than nominal if it began on a shared trunk. None until it is finished."""
        return None if self.result is None else float(self.result.get("flops_spent", self.flops))

    @property
    def sets(self) -> dict[str, tuple[float | None, float | None]]:
        """Its loss on each further validation set, in nats per token and in bits per byte; None for one that is not
        finite."""
        found = (self.result or {}).get("sets", {})
        return {name: (score["loss"], score["bits_per_byte"]) for name, score in found.items()}

    @property
    def checkpoints(self) -> str:
        """Name of the folder of its checkpoints: each rerun has its own."""
        return f"checkpoints-{self.restarted}" if self.restarted else "checkpoints"


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to be stored with its cell."""

    id: str
    """Content hash of the configuration."""
    config: dict[str, Any]
    """The configuration as it is stored (`RunConfig.to_dict`)."""
    flops: float
    """Training FLOPs, nominal."""
    predicted_seconds: float | None
    """Seconds by the plan; None if nothing is known of the device."""
    cell: Cell
    """Its place in the sweep."""
    role: str = "grid"
    """grid | check | validation."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a user or a sweep has reserved and spent."""

    flops: float
    """Training FLOPs."""
    seconds: float
    """Device-seconds."""


@dataclass(frozen=True, slots=True)
class OpenCharge:
    """Which sweep pays for a run that is not finished, and how much is reserved."""

    sweep_id: int
    """The sweep that pays."""
    sweep: str
    """Its name."""
    held: Hold | None
    """Why that sweep gets no worker; None while it may train."""
    ceiling_seconds: float | None
    """Device-seconds that the sweep may spend in total; None is no ceiling."""
    reserved: float
    """Device-seconds that are reserved for the run."""
    taken: float
    """Device-seconds that the attempts which the charge pays for have taken so far."""
    quota: bool = False
    """Whether the user who pays, or their group, has a quota of device-seconds."""


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One execution of a run."""

    run_id: str
    """Identity of the run."""
    number: int
    """Number of the attempt, from 1."""
    driver_id: int
    """Driver that handed it out."""
    worker: str
    """Name of the worker that took it."""
    started_at: float
    """Seconds since the epoch, by the database's clock."""
    ended_at: float | None
    """Seconds since the epoch, by the database's clock; None while it is open."""
    cause: Cause | None
    """Why it ended; None while it is open."""
    detail: str | None
    """Traceback or reason; None while it is open."""
    seconds: float | None
    """Seconds for which it held its device, by a monotonic clock; None while it is open."""
    flops: float | None = None
    """Training FLOPs of the run when it ended, earlier attempts included; None while it is open."""


@dataclass(frozen=True, slots=True)
class LostAttempts:
    """How often attempts were lost, of all that were ever made."""

    count: int = 0
    """Attempts that were lost with their worker, node or driver."""
    device_seconds: float = 0.0
    """Device-seconds of all attempts, lost or not."""


@dataclass(frozen=True, slots=True)
class DriverRecord:
    """A process that schedules or scheduled."""

    id: int
    """Primary key, and the fencing token of its lease."""
    boot_id: str
    """Boot of its machine, see `scheduling.driver.machine_id`."""
    processes: tuple[ProcessRecord, ...]
    """Its own process first, then those that it started."""
    folder: str
    """Ray's temporary folder."""
    host: str
    """Name of its machine."""


@dataclass(frozen=True, slots=True)
class StoredForecast:
    """A prediction of a run's loss, stored before the run was trained, and how it came out."""

    id: int
    """Primary key."""
    sweep_id: int
    """Sweep whose law made it."""
    run_id: str
    """Run that it predicts."""
    law_id: str
    """Content hash of the law."""
    flops: float
    """Budget of the run, training FLOPs."""
    made_at: float
    """Seconds since the epoch, by the database's clock."""
    prediction: dict[str, Any]
    """The prediction as it was stored (`analysis.answers.serial.prediction_json`)."""
    scored_at: float | None = None
    """Seconds since the epoch; None before the run has a loss."""
    loss: float | None = None
    """Actual loss; None before the run has one."""
    error: float | None = None
    """Actual minus predicted loss; None before the run has a loss."""
    interval_score: float | None = None
    """See ForecastScore; None before the run has a loss."""
    inside: bool | None = None
    """Whether the interval contained the actual loss; None before the run has one."""


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
    """Whether the interval contained the actual loss."""
