"""The records that a plan consists of: what is known of data and cost, runs, dropped cells, and the plan itself."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from model.config import ModelConfig, RunConfig, TrainConfig
from model.memory import SAVED_PARAMETER_BYTES
from sweeps.file.spec import SweepSpec
from tokenizer.errors import ExpectedError


class PlanError(ExpectedError, ValueError):
    """A sweep cannot be planned or exceeds one of its limits; the message names it."""

    kind = "invalid-plan"


class CostModel(Protocol):
    """What a run takes on the device at hand."""

    @property
    def gpu_memory(self) -> int | None:
        """Bytes of the GPU's memory, or None on a CPU."""

    def seconds(self, model: ModelConfig, train: TrainConfig) -> float | None:
        """Wall-clock seconds of the run on one worker, or None where nothing is known."""


@dataclass(frozen=True)
class DataFacts:
    """What a plan must know of the tokenised corpus."""

    dataset: str
    """Content hash."""
    vocab: int
    """Entries of the vocabulary."""
    train_tokens: int
    """Unique training tokens."""
    validation_tokens: int
    """Validation tokens."""


@dataclass(frozen=True)
class CheckPoint:
    """What a run is in the check of one cell: the rule itself, or the rule with another batch or learning rate."""

    vary: dict[str, Any]
    """Values of the sweep's axes."""
    place: str
    """Where on its budget's curve the cell lies: left end | centre | right end."""
    batch_factor: float
    """Batch over the rule's."""
    lr_factor: float
    """Learning rate over the rule's."""


@dataclass(frozen=True)
class PlannedRun:
    """One run of the plan with what it costs."""

    run: RunConfig
    """The run itself."""
    budget: float
    """Nominal training FLOPs of its cell."""
    size_id: str
    """Identity of its size across budgets."""
    seed: int
    """Seed."""
    recipe: str
    """Registry key of its recipe."""
    params: int
    """N: matmul parameters, head included, look-up not."""
    params_total: int
    """All parameters."""
    params_nonembedding: int
    """Parameters without embedding and head."""
    tokens: int
    """Training tokens D."""
    flops: float
    """Training FLOPs D · F(N), nominal: what the run would take alone."""
    flops_spent: float
    """Those of them that are left to train where a trunk of the plan carries the run to its cooldown."""
    steps: int
    """Optimizer steps."""
    batch_tokens: int
    """Tokens of one step."""
    epochs: float
    """D over the unique training tokens."""
    shape: str
    """Such as `L4 d48 h2 ff128`."""
    vary: dict[str, Any]
    """Values of the sweep's axes."""
    seconds: float | None
    """Predicted seconds of what it spends on one worker, or None where nothing is known."""
    memory_bytes: int
    """Bytes of a device's memory that it should have: by the micro-batch that it would choose there."""
    seconds_alone: float | None = None
    """Predicted seconds of the whole run, whatever a trunk takes off it."""
    trunk: str | None = None
    """Identity of the constant-rate training that it shares or could share; None where it trains alone."""
    shared: tuple[dict[str, Any], ...] = ()
    """Values of the axes of other combinations whose cell is this same run: it counts in their laws too."""
    role: str = "grid"
    """grid | check: a run that checks the recipe and enters no fit."""
    checks: tuple[CheckPoint, ...] = ()
    """What the run is in checks of the recipe."""

    @cached_property
    def run_id(self) -> str:
        """Identity by content."""
        return self.run.run_id

    @property
    def combinations(self) -> tuple[dict[str, Any], ...]:
        """Values of the axes of every combination that the run is part of."""
        return (self.vary, *self.shared)


@dataclass(frozen=True)
class DroppedCell:
    """A cell of the grid that will not run."""

    budget: float
    """Training FLOPs."""
    params: int
    """N of its shape."""
    shape: str
    """Shape."""
    reason: str
    """Why, and what would change it."""
    vary: dict[str, Any] = field(default_factory=dict)
    """Values of the sweep's axes."""


@dataclass(frozen=True)
class Plan:
    """What a sweep would run."""

    spec: SweepSpec
    """The sweep."""
    runs: tuple[PlannedRun, ...]
    """By combination of axes, budget, size and seed."""
    dropped: tuple[DroppedCell, ...]
    """Cells left out."""
    warnings: tuple[str, ...]
    """Plain sentences."""
    checks: tuple[PlannedRun, ...] = ()
    """Further runs that check the recipe, by cell, batch and learning rate."""
    unchecked: tuple[DroppedCell, ...] = ()
    """What of the recipe's check cannot run."""

    @property
    def all_runs(self) -> tuple[PlannedRun, ...]:
        """The runs of the grid and those that check the recipe."""
        return (*self.runs, *self.checks)

    @property
    def flops(self) -> float:
        """Training FLOPs of all runs, nominal."""
        return math.fsum(run.flops for run in self.all_runs)

    @property
    def flops_spent(self) -> float:
        """Training FLOPs that are really spent: less than `flops` where runs share trunks."""
        return math.fsum(run.flops_spent for run in self.all_runs)

    @property
    def trunk_bytes(self) -> tuple[int, int]:
        """Most space that the states of trunks take, and what is kept of them at the end, bytes."""
        states = {(run.trunk, run.run.train.branch_step): run.params_total for run in self.runs if run.trunk}
        last = {trunk: params for (trunk, _), params in states.items()}
        return SAVED_PARAMETER_BYTES * sum(states.values()), SAVED_PARAMETER_BYTES * sum(last.values())

    @property
    def seconds(self) -> float | None:
        """Predicted seconds of what all runs spend, one after the other, or None where one is unknown."""
        known = [run.seconds for run in self.all_runs if run.seconds is not None]
        return math.fsum(known) if known and len(known) == len(self.all_runs) else None
