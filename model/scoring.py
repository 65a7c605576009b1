"""Scores a run after its last step, and says what it took."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from model.device import compiled_if
from model.divergence import LOSS_WINDOW
from model.endings import Diverged
from model.evaluate import Evaluation, evaluate
from model.flops import flops_per_token_by
from model.implementation import Computation
from model.peak import utilisation
from model.training import Training
from tokenizer.shards import Shards


@dataclass(frozen=True, slots=True)
class RunResult:
    """The outcome of a finished run."""

    loss: float
    """Validation loss in nats per token."""
    bits_per_byte: float
    """Validation loss in bits per UTF-8 byte of text."""
    train_loss: float
    """Mean training loss of the last steps (at most LOSS_WINDOW), nats per token."""
    tokens: int
    """Training tokens D."""
    steps: int
    """Optimizer steps."""
    flops: float
    """Training FLOPs C = D · F(N), nominal."""
    flops_spent: float
    """Training FLOPs of the run's own steps, repeated ones not counted: fewer than `flops` after a trunk's state."""
    evaluation_tokens: int
    """Validation tokens that were predicted."""
    train_seconds: float
    """Seconds of training over all attempts, without repeated steps and those of a trunk's other runs."""
    evaluation_seconds: float
    """Seconds of the final evaluation."""
    resumed_from_step: int
    """Step at which this attempt began; 0 for a fresh start."""
    branched_from_step: int
    """Steps that other runs took, and that came with a trunk's state."""
    memory_bytes: int | None
    """Most bytes that tensors took on a GPU; None on a CPU."""
    mfu: float | None
    """Share of a GPU's measured matmul peak, by the full_attention convention (PaLM, appendix B); None on a CPU, and
    where training was faster than every measurement of the peak."""
    implementation: Computation
    """How it was computed: the implementation, the device, torch's version."""
    sets: dict[str, Evaluation] = dataclasses.field(default_factory=dict)
    """Its score on each further validation set of the dataset, by name."""

    def on_part(self, part: float) -> RunResult:
        """The result of a run that had a part of a device, as others had the rest, in seconds of the whole device."""
        mfu = None if self.mfu is None else self.mfu / part
        seconds = {name: getattr(self, name) * part for name in ("train_seconds", "evaluation_seconds")}
        return dataclasses.replace(self, **seconds, mfu=mfu)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready data, without `sets` where there is none."""
        plain = dataclasses.asdict(self)
        if not self.sets:
            del plain["sets"]
        return plain


def score(training: Training, data: Shards, resumed: int, clock: Callable[[], float] = time.perf_counter) -> RunResult:
    """Score a run after its last step. Raises Diverged."""
    training.check_loss()
    began = clock()
    with compiled_if(False):
        how = training.device, training.run.train.numerics
        scored = evaluate(training.model, data, *how)
        sets = {name: evaluate(training.model, data, *how, name) for name in data.sets}
    if not math.isfinite(scored.loss):
        raise Diverged(f"the validation loss is {scored.loss}")
    position = training.position()
    return RunResult(
        loss=scored.loss,
        bits_per_byte=scored.bits_per_byte,
        train_loss=training.recent(LOSS_WINDOW)["loss"],
        tokens=position.tokens,
        steps=training.step,
        flops=position.flops,
        flops_spent=position.flops * _own_share(training),
        evaluation_tokens=scored.tokens,
        train_seconds=training.seconds,
        evaluation_seconds=clock() - began,
        resumed_from_step=resumed,
        branched_from_step=training.branched_from,
        memory_bytes=training.memory_peak(),
        mfu=_mfu(training),
        implementation=training.computation(),
        sets=sets,
    )


def _own_share(training: Training) -> float:
    """Share of the run's tokens that its own steps saw, not those of a trunk's other runs."""
    return 1 - training.branched_from * training.run.train.batch / training.run.train.sequences


def _mfu(training: Training) -> float | None:
    """Model FLOPs utilisation of a GPU over the run's own steps; None on a CPU, and where the peak is not known."""
    if training.device.type == "cpu" or training.seconds == 0:
        return None
    run = training.run
    flops = flops_per_token_by(run.model)["full_attention"] * run.tokens * _own_share(training)
    return utilisation(flops / training.seconds, str(training.device), run.train.numerics, training.world.size)
