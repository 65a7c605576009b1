"""The records of dispatch: runs that may start, claims, and what is on each device."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.attempts import Slot


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that may start."""

    run_id: str
    """Identity of the run."""
    work: float
    """Predicted seconds of it and of the longest chain of runs that depend on it, or FLOPs: only the order matters."""
    memory: int = 0
    """Estimated bytes of device memory; 0 fits into any share of a device."""
    kind: str = ""
    """Kind of device that it asks for: cpu, cuda, or a key of DEVICES; empty takes any."""
    stack: str = ""
    """Runs with the same text can be trained as one stack; empty for a run that trains alone."""
    user: str = ""
    """Whose it is: devices are shared between users, and a stack is one user's."""
    later: bool = False
    """Whether the user's other runs go first: its adaptive sweep has not decided the rest of its round yet."""
    beside: int = 0
    """Most runs like it that a device is to train at a time, each in a worker of its own; 0 for as many as fit."""

    def needs(self, slot: Slot) -> int:
        """Shares of a slot's device that it takes."""
        return slot.needs(self.memory, self.beside)

    @property
    def order(self) -> tuple[bool, float, str]:
        """What runs of one user are sorted by: the longest first, and behind them those that go later."""
        return self.later, -self.work, self.run_id


@dataclass(frozen=True, slots=True)
class Claim:
    """Give this run to this worker."""

    run_id: str
    """Identity of the run."""
    worker: str
    """Name of the worker."""
    share: float = 1.0
    """Fraction of the device that the run may take."""
    enters: tuple[str, ...] = ()
    """Runs in training there whose stack it enters; empty to start with an idle worker."""
    of_device: float = 1.0
    """Fraction of the device that its worker has, with all runs of its stack."""


@dataclass(slots=True)
class DeviceLoad:
    """A device with its idle slots and the runs on it."""

    like: Slot
    """One of its slots."""
    free: int
    """Shares that no run takes."""
    idle: dict[str, Slot] = field(default_factory=dict)
    """Slots of its idle workers, by name."""
    runs: dict[str, int] = field(default_factory=dict)
    """Shares of each run on it."""
    kept_for: str = ""
    """Run for which the device is kept free: no other is placed on it meanwhile; empty for none."""


@dataclass(frozen=True, slots=True)
class Started:
    """A run that was given a slot."""

    claim: Claim
    """Its claim."""
    run: Waiting
    """The run."""
    slot: Slot
    """The slot."""
