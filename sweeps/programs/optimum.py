"""The run that answers a question, with the facts that every program's configuration states in its comments."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from analysis.records import Interval
from analysis.wording import format_count, format_flops, format_interval, format_loss
from model.config import ModelConfig, TrainConfig
from sweeps.file.spec import SweepSpec
from sweeps.plan.records import PlannedRun


@dataclass(frozen=True)
class Optimum:
    """One run that a law recommends."""

    sweep: str
    """Whose law it is: `name@revision`, with the variant if the sweep varies something."""
    spec: SweepSpec
    """The sweep."""
    planned: PlannedRun
    """The run under the sweep's recipe and data."""
    loss: float
    """Loss that the law expects."""
    run_interval: Interval | None
    """95 % interval of the loss of one run, where it is known."""
    loss_unit: str
    """Its unit."""
    hours: float | None
    """Hours that it takes; None where no pace is known."""
    pace: str
    """On what those hours are counted, such as `on an h100 at 40 % of its peak`."""
    warnings: tuple[str, ...] = ()
    """What a reader of the answer must know, in plain sentences."""

    @property
    def model(self) -> ModelConfig:
        """Its shape."""
        return self.planned.run.model

    @property
    def train(self) -> TrainConfig:
        """Its optimisation."""
        return self.planned.run.train

    def facts(self) -> Iterator[str]:
        """What is recommended and what it takes, a sentence each."""
        run = self.planned
        yield f"{run.shape} at {format_flops(run.budget)} training FLOPs, by isoflop from the runs of {self.sweep}"
        yield (
            f"N {format_count(run.params)} parameters in matrix products, D {format_count(run.tokens)} tokens "
            f"({run.epochs:.3g} epochs of the sweep's text): {run.steps:,} steps of {run.batch_tokens:,} tokens"
        )
        one = f", of one run {format_interval(self.run_interval)}" if self.run_interval else ""
        yield f"expected loss: {format_loss(self.loss)} {self.loss_unit}{one}"
        if self.hours is not None:
            yield f"hours: {self.hours:.3g} {self.pace}"
        yield from self.warnings


def unshared(record: ModelConfig | TrainConfig, section: str, shared: frozenset[str]) -> Iterator[str]:
    """The fields of a record that a program does not share and that are not at their default: `train.clip = 1.0`."""
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if field.name not in shared and value != field.default:
            yield f"{section}.{field.name} = {_written(value)}"


def _written(value: object) -> str:
    """A value as a sweep file has it, in four digits."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def comments(optimum: Optimum, left_out: list[str]) -> str:
    """The head of a text file whose comments begin with #."""
    lines = [*optimum.facts(), *(f"not carried over: {each}" for each in left_out)]
    return "".join(f"# {line}\n" for line in lines)
