"""Trains one run to its end: token shards in, one loss out. A plain function, without Ray, database or wandb."""

from __future__ import annotations

import dataclasses
import math
import runpy
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from model.batches import Batches, check_data
from model.checkpoint import Checkpoints
from model.config import MATH_VERSION, ConfigError, RunConfig
from model.device import compiled_if, keep_freed_memory, torch_settings
from model.divergence import LOSS_WINDOW
from model.evaluate import evaluate
from model.flops import flops_per_token_by
from model.implementation import Computation, Implementation, choose_implementation, workable
from model.parallel import ALONE, World
from model.peak import utilisation
from model.training import GPU_CHECK_STEPS, Diverged, Training
from model.trunk import Trunk
from tokenizer.shards import Shards

__all__ = ["Diverged", "Interrupted", "RunResult", "Sink", "train"]

Sink = Callable[[dict[str, Any]], None]
"""Receives events: JSON-ready records with `kind` start | progress | checkpoint | branch | evaluation | end."""


class Interrupted(RuntimeError):
    """`stop` ended the run early; a checkpoint was written if there is a folder for it."""


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

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready data."""
        return dataclasses.asdict(self)


def train(
    run: RunConfig,
    data: Shards,
    sink: Sink,
    checkpoints: Checkpoints | None = None,
    *,
    device: str = "cpu",
    stop: Callable[[], bool] = lambda: False,
    progress_seconds: float = 1.0,
    checkpoint_seconds: float = 10.0,
    implementation: Implementation | None = None,
    micro_batch: int | None = None,
    trunk: Trunk | None = None,
    world: World = ALONE,
) -> RunResult:
    """Train `run` on `data` from its newest checkpoint, or from the start, to its end, and score it.

    `sink` receives events; `stop` is asked before each step. On one CPU thread the result is the same to the last bit
    however often the run was interrupted, and whether or not it began from a state of its `trunk`. In a `world` of
    several processes each of them calls this with the same arguments and a folder of checkpoints that all can see; only
    the leading one writes. `micro_batch` limits the sequences of one forward pass after memory ran out; the batch of a
    step stays the same. Seconds are those between reports of progress, and between checkpoints.

    Raises ConfigError or DataError where the run cannot be trained here, CheckpointError for another run's checkpoint,
    MemoryError, Diverged, and Interrupted once `stop` returns True and a checkpoint is safe.
    """
    if run.math_version != MATH_VERSION:
        needed = f"the run needs arithmetic version {run.math_version}, this code has {MATH_VERSION}"
        raise ConfigError(f"{needed}: plan it anew")
    check_data(run, data)
    wanted = implementation or choose_implementation(run.model, run.train, device)
    chosen, replaced = workable(wanted, run.model, run.train, device)
    keep_freed_memory()
    with torch_settings(chosen.threads):
        training = Training(run, chosen, torch.device(device), world)
        resumed = training.restore(checkpoints)
        branched = training.branch(trunk) if trunk is not None else 0
        resumed = max(resumed, branched)
        training.limit_micro_batch(micro_batch or training.micro_batch)
        world.wait()
        writer = (sink, checkpoints, trunk) if world.leads else (_silent, None, None)
        reporter = _Reporter(training, *writer, progress_seconds, checkpoint_seconds)
        reporter.start(resumed, replaced)
        _take_steps(training, Batches(run, data, training.device), reporter, stop)
        result = _finish(training, data, resumed)
        if reporter.checkpoints is not None:
            reporter.checkpoints.save_final({"run": run.to_dict(), "model": training.model.state_dict()})
    reporter.send("evaluation", validation_loss=result.loss)
    reporter.send("end", result=result.to_dict())
    return result


def _silent(event: dict[str, Any]) -> None:
    """The sink of processes that do not lead."""


def _take_steps(training: Training, batches: Batches, reporter: _Reporter, stop: Callable[[], bool]) -> None:
    """Take every remaining step; report and save in between."""
    while training.step < training.run.train.steps:
        if _all_stop(training, stop):
            reporter.save()
            raise Interrupted(f"stopped at step {training.step} of {training.run.train.steps}")
        training.take_step(batches.at(training.step))
        reporter.after_step()
    training.synchronise()
    reporter.update_seconds()


def _all_stop(training: Training, stop: Callable[[], bool]) -> bool:
    """Whether to stop now. Several processes must agree; on GPUs they do so as rarely as the loss is checked."""
    if training.world.size == 1:
        return stop()
    if training.device.type != "cpu" and training.step % GPU_CHECK_STEPS:
        return False
    return not training.world.least(int(not stop()), training.device)


class _Reporter:
    """Sends a run's progress to the sink and saves its states, each at its own interval of seconds."""

    def __init__(
        self,
        training: Training,
        sink: Sink,
        checkpoints: Checkpoints | None,
        trunk: Trunk | None,
        progress_seconds: float,
        checkpoint_seconds: float,
    ) -> None:
        """Begin to count seconds. Without checkpoints or a trunk nothing is saved there."""
        self.training = training
        self.sink = sink
        self.checkpoints = checkpoints
        self.trunk = trunk
        self.progress_seconds, self.checkpoint_seconds = progress_seconds, checkpoint_seconds
        self._began = self._reported = self._saved = time.perf_counter()
        self._reported_step, self._seconds_before = training.step, training.seconds
        self._reported_tokens = training.position().tokens

    def start(self, resumed: int, replaced: str) -> None:
        """Send where this attempt begins, how it is computed, and why not as it was to be."""
        training = self.training
        self.send(
            "start",
            resumed_from_step=resumed,
            branched_from_step=training.branched_from,
            ignored_checkpoint=training.ignored_checkpoint,
            replaced_implementation=replaced or None,
            run=training.run.to_dict(),
            implementation=training.computation().to_dict(),
        )

    def send(self, kind: str, **more: Any) -> None:
        """Send one event with the run's position."""
        self.sink({"kind": kind, **dataclasses.asdict(self.training.position()), **more})

    def update_seconds(self) -> float:
        """Update the run's seconds; returns the time on the clock."""
        now = time.perf_counter()
        self.training.seconds = self._seconds_before + now - self._began
        return now

    def after_step(self) -> None:
        """Report and save what is due."""
        now = self.update_seconds()
        step = self.training.step
        if self.trunk is not None and self.training.keep_branch(self.trunk):
            self.send("branch")
        if now - self._reported >= self.progress_seconds:
            # A run's last step may be partial: tokens are counted, not steps.
            tokens, seconds = self.training.position().tokens, now - self._reported
            recent = self.training.recent(step - self._reported_step)
            self.send("progress", **recent, tokens_per_second=(tokens - self._reported_tokens) / seconds)
            self._reported, self._reported_step, self._reported_tokens = now, step, tokens
        if now - self._saved >= self.checkpoint_seconds:
            self.save()
            self._saved = time.perf_counter()

    def save(self) -> None:
        """Write a checkpoint if there is a folder for it."""
        if self.checkpoints is not None:
            self.checkpoints.save(self.training.step, self.training.state())
            self.send("checkpoint")


def _finish(training: Training, data: Shards, resumed: int) -> RunResult:
    """Score a run after its last step. Raises Diverged."""
    training.check_loss()
    began = time.perf_counter()
    with compiled_if(False):
        score = evaluate(training.model, data, training.device, training.run.train.numerics)
    if not math.isfinite(score.loss):
        raise Diverged(f"the validation loss is {score.loss}")
    position = training.position()
    return RunResult(
        loss=score.loss,
        bits_per_byte=score.bits_per_byte,
        train_loss=training.recent(LOSS_WINDOW)["loss"],
        tokens=position.tokens,
        steps=training.step,
        flops=position.flops,
        flops_spent=position.flops * _own_share(training),
        evaluation_tokens=score.tokens,
        train_seconds=training.seconds,
        evaluation_seconds=time.perf_counter() - began,
        resumed_from_step=resumed,
        branched_from_step=training.branched_from,
        memory_bytes=training.memory_peak(),
        mfu=_mfu(training),
        implementation=training.computation(),
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


if __name__ == "__main__":
    runpy.run_module("model", run_name="__main__", alter_sys=True)
