"""The records that a plan consists of: its runs, dropped cells and totals, and what is known of data and durations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from model.config import RunConfig
from model.memory import saved_bytes
from sweeps.file.data_axes import data_values
from sweeps.file.spec import SweepSpec
from sweeps.plan.combination import NOTHING_VARIED, Combination
from tokenizer.errors import ExpectedError


class PlanError(ExpectedError, ValueError):
    """A sweep cannot be planned or exceeds one of its limits; the message names it."""

    kind = "invalid-plan"


@dataclass(frozen=True)
class DomainFacts:
    """What a plan must know of a domain."""

    name: str
    """Of the domain."""
    tokens: int
    """Its training tokens."""
    weight: float
    """Share of what is read that is its."""


@dataclass(frozen=True)
class DataFacts:
    """What a plan must know of the tokenised corpus."""

    dataset: str
    """Content hash; empty for a corpus that is only assumed."""
    vocab: int
    """Entries of the vocabulary."""
    train_tokens: int
    """Unique training tokens; of a mix those of one pass, until one of its domains begins again."""
    validation_tokens: int
    """Validation tokens."""
    varied: tuple[tuple[Combination, DataFacts], ...] = ()
    """The facts of each combination of the axes that set the data, the first of which these are; empty where there is
    one dataset."""
    sets: tuple[tuple[str, int], ...] = ()
    """Further validation sets: name and tokens."""
    domains: tuple[DomainFacts, ...] = ()
    """The domains of a mix; empty for one source."""

    @property
    def shortest(self) -> DomainFacts | None:
        """The domain of a mix that begins again first; None for one source."""
        return min(self.domains, key=lambda domain: domain.tokens / domain.weight, default=None)

    def of(self, vary: Combination) -> DataFacts:
        """The facts of the dataset of one combination of all axes."""
        if not self.varied:
            return self
        wanted = data_values(vary.to_dict())
        return next(facts for combination, facts in self.varied if combination.to_dict() == wanted)

    @property
    def each(self) -> tuple[DataFacts, ...]:
        """The facts of every dataset."""
        return tuple(facts for _, facts in self.varied) or (self,)


@dataclass(frozen=True)
class RecipeTrial:
    """A run's part in the check of one cell: the rule itself, or the rule with another batch or learning rate."""

    vary: Combination
    """Values of the sweep's axes."""
    place: str
    """Which size of its budget's curve the cell is: left end | centre | right end."""
    batch_factor: float
    """Batch over the rule's."""
    lr_factor: float
    """Learning rate over the rule's."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON and the store hold it."""
        return {
            "vary": self.vary.to_dict(),
            "place": self.place,
            "batch_factor": self.batch_factor,
            "lr_factor": self.lr_factor,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RecipeTrial:
        """The trial that `to_dict` wrote."""
        return cls(**{**data, "vary": Combination.of(data["vary"])})


@dataclass(frozen=True)
class PlannedRun:
    """One run of the plan with its predicted duration and memory."""

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
    flops: float
    """Training FLOPs D · F(N), nominal: what the run would take alone."""
    flops_spent: float
    """Those of them that are left to train where a trunk of the plan carries the run to its cooldown."""
    epochs: float
    """D over the unique training tokens."""
    shape: str
    """Such as `L4 d48 h2 ff128`."""
    vary: Combination
    """Values of the sweep's axes."""
    seconds: float | None
    """Predicted seconds of a device for what it spends, or None where the device's speed is unknown."""
    memory_bytes: int
    """Bytes of a device's memory that it should have: by the micro-batch that it would choose there."""
    seconds_alone: float | None = None
    """Predicted seconds of the whole run, as if no trunk carried any of it."""
    processes: int = 1
    """Runs like it that a GPU trains fastest side by side, each in its own process; 1 for one, or one stack."""
    trunk: str | None = None
    """Identity of the constant-rate training that it shares or could share; None where it trains alone."""
    shared: tuple[Combination, ...] = ()
    """Other combinations whose cell is this same run: it counts in their laws too."""
    role: str = "grid"
    """grid | check: a run that checks the recipe and enters no fit."""
    checks: tuple[RecipeTrial, ...] = ()
    """The run's parts in checks of the recipe."""

    @cached_property
    def run_id(self) -> str:
        """Identity by content."""
        return self.run.run_id

    @property
    def tokens(self) -> int:
        """Training tokens D."""
        return self.run.tokens

    @property
    def steps(self) -> int:
        """Optimizer steps."""
        return self.run.train.steps

    @property
    def batch_tokens(self) -> int:
        """Tokens of one step."""
        return self.run.train.batch * self.run.model.context

    @property
    def combinations(self) -> tuple[Combination, ...]:
        """Every combination of the sweep's axes that the run is part of."""
        return (self.vary, *self.shared)

    def to_dict(self) -> dict[str, Any]:
        """The run as a row of `isoflop plan -o json`."""
        return {
            "run": self.run_id,
            "budget": self.budget,
            "size_id": self.size_id,
            "seed": self.seed,
            "recipe": self.recipe,
            "params": self.params,
            "params_total": self.params_total,
            "params_nonembedding": self.params_nonembedding,
            "tokens": self.tokens,
            "flops": self.flops,
            "flops_spent": self.flops_spent,
            "steps": self.steps,
            "batch_tokens": self.batch_tokens,
            "epochs": self.epochs,
            "shape": self.shape,
            "vary": self.vary.to_dict(),
            "seconds": self.seconds,
            "memory_bytes": self.memory_bytes,
            "seconds_alone": self.seconds_alone,
            "processes": self.processes,
            "trunk": self.trunk,
            "shared": [combination.to_dict() for combination in self.shared],
            "role": self.role,
            "lr": self.run.train.lr,
            "checks": [trial.to_dict() for trial in self.checks],
        }


class Cause(StrEnum):
    """Which rule drops a cell; its value is the key of the sweep file that would bring the cell back."""

    SAME_SHAPE = "sizes"
    """The recipe can build no shape of its own for the cell."""
    OFF_BUDGET = "context"
    """No whole number of sequences lands on the budget."""
    CONTRADICTION = "recipe_overrides"
    """The recipe's values contradict each other at this length."""
    FEW_STEPS = "min_steps"
    """Fewer optimizer steps than the recipe demands."""
    DATA = "epochs_max"
    """More passes over the unique tokens than the sweep allows."""


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
    vary: Combination = NOTHING_VARIED
    """Values of the sweep's axes."""
    cause: Cause | None = None
    """The rule that drops it; None for a batch that a check of the recipe leaves out."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON and the store hold it."""
        return {
            "budget": self.budget,
            "params": self.params,
            "shape": self.shape,
            "reason": self.reason,
            "vary": self.vary.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> DroppedCell:
        """The cell that `to_dict` wrote, its cause forgotten."""
        return cls(**{**data, "vary": Combination.of(data.get("vary") or {})})


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
    """Batches with which a cell cannot be checked."""

    @property
    def all_runs(self) -> tuple[PlannedRun, ...]:
        """The runs of the grid and those that check the recipe."""
        return (*self.runs, *self.checks)

    @cached_property
    def by_combination(self) -> dict[Combination, tuple[PlannedRun, ...]]:
        """The grid's runs that enter the law of each combination of axes; one that several share is among each one's.

        Where cells are trained with several numbers of passes, those are the runs of the fewest.
        """
        groups: dict[Combination, list[PlannedRun]] = {}
        whole = [run for run in self.runs if run.run.train.unique_sequences is None]
        for run in whole or [run for run in self.runs if run.epochs <= self.spec.epochs[0]]:
            for combination in run.combinations:
                groups.setdefault(combination, []).append(run)
        return {combination: tuple(runs) for combination, runs in groups.items()}

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
        trained = {(r.trunk, r.run.train.branch_step): r.run for r in self.runs if r.trunk}
        states = {state: saved_bytes(run.model, run.train.optimizer) for state, run in trained.items()}
        last = {trunk: size for (trunk, _), size in states.items()}
        return sum(states.values()), sum(last.values())

    @property
    def seconds(self) -> float | None:
        """Predicted seconds of what all runs spend, one after the other, or None where one is unknown."""
        known = [run.seconds for run in self.all_runs if run.seconds is not None]
        return math.fsum(known) if known and len(known) == len(self.all_runs) else None
