"""Train one run to its end: token shards in, one loss out. A plain function, without Ray, database or wandb."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from model.batches import Batches, check_data
from model.checkpoint import CheckpointError, Checkpoints
from model.config import MATH_VERSION, ConfigError, RunConfig
from model.device import autocast, compiled_if, device_name, keep_freed_memory, torch_settings
from model.evaluate import evaluate
from model.flops import flops_per_token
from model.implementation import Implementation, check_implementation, choose_implementation
from model.optim import build_optimizer, clip_gradients, lr_factor, phase_steps, set_learning_rate
from model.transformer import Transformer
from tokenizer.shards import Shards

Sink = Callable[[dict[str, Any]], None]
"""Receives events: JSON-ready records with `kind` start | progress | checkpoint | evaluation | end."""

LOSS_WINDOW = 128
"""Steps whose training losses are kept: the longest mean that is reported, and what divergence is judged by."""
DIVERGENCE_MARGIN = 0.5
"""Nats above a uniform guess, ln V, at which the mean over a whole window after warmup counts as divergence."""
GPU_CHECK_STEPS = 50
"""Steps between looks at the loss on a GPU, each of which waits for the device."""


class Diverged(RuntimeError):
    """The loss is not finite, or far above a uniform guess long after warmup; the run ended."""


class Interrupted(RuntimeError):
    """`stop` asked for an end; a checkpoint was written if there was a place for it."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a finished run amounts to."""

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
    """Training FLOPs C = D · F(N)."""
    evaluation_tokens: int
    """Validation tokens predicted."""
    train_seconds: float
    """Seconds of training over all attempts, repeated steps left out."""
    evaluation_seconds: float
    """Seconds of the final evaluation."""
    resumed_from_step: int
    """Step at which this attempt began; 0 for a fresh start."""
    implementation: dict[str, Any]
    """How it was computed: the choice, the device, torch's version."""

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
) -> RunResult:
    """Train `run` on `data` from its newest checkpoint, or the start, to its end, and score it.

    `sink` receives events; `stop` is asked before each step. On one CPU thread the result is the same to the last bit
    however often the run was interrupted. Raises ConfigError or DataError for what cannot run here, CheckpointError
    for another run's checkpoint, MemoryError, Diverged, and Interrupted once `stop` says so and a checkpoint is safe.
    `micro_batch` caps the sequences of one forward pass after memory ran out; the global batch stays.
    """
    if run.math_version != MATH_VERSION:
        raise ConfigError(f"the run wants arithmetic version {run.math_version}, this code has {MATH_VERSION}")
    check_data(run, data)
    chosen = implementation or choose_implementation(run.model, run.train, device)
    keep_freed_memory()
    with torch_settings(chosen.threads):
        training = Training(run, chosen, torch.device(device))
        resumed = training.restore(checkpoints)
        training.micro_batch = min(training.micro_batch, micro_batch or training.micro_batch)
        start = {"kind": "start", "resumed_from_step": resumed, "ignored_checkpoint": training.ignored_checkpoint}
        sink({**start, **training.position(), "run": run.to_dict(), "implementation": training.describe()})
        _loop(
            training, Batches(run, data, training.device), sink, checkpoints, stop, progress_seconds, checkpoint_seconds
        )
        result = _finish(training, data, resumed)
    sink({"kind": "evaluation", **training.position(), "validation_loss": result.loss})
    sink({"kind": "end", **training.position(), "result": result.to_dict()})
    return result


def _loop(
    training: Training,
    batches: Batches,
    sink: Sink,
    checkpoints: Checkpoints | None,
    stop: Callable[[], bool],
    progress_seconds: float,
    checkpoint_seconds: float,
) -> None:
    """Take every remaining step, and report and save in between by the clock."""
    began = reported = saved = time.perf_counter()
    reported_step, seconds_before = training.step, training.seconds

    def save() -> None:
        if checkpoints is not None:
            checkpoints.save(training.step, training.state())
            sink({"kind": "checkpoint", **training.position()})

    while training.step < training.run.train.steps:
        if stop():
            save()
            raise Interrupted(f"stopped at step {training.step} of {training.run.train.steps}")
        training.take_step(batches.at(training.step))
        now = time.perf_counter()
        training.seconds = seconds_before + now - began
        if now - reported >= progress_seconds:
            sink({"kind": "progress", **training.position(), **training.recent(training.step - reported_step)})
            reported, reported_step = now, training.step
        if now - saved >= checkpoint_seconds:
            save()
            saved = time.perf_counter()
    training.synchronise()
    training.seconds = seconds_before + time.perf_counter() - began


def _finish(training: Training, data: Shards, resumed: int) -> RunResult:
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
        tokens=position["tokens"],
        steps=training.step,
        flops=position["flops"],
        evaluation_tokens=score.tokens,
        train_seconds=training.seconds,
        evaluation_seconds=time.perf_counter() - began,
        resumed_from_step=resumed,
        implementation=training.describe(),
    )


class Training:
    """The state of a run between two steps."""

    def __init__(self, run: RunConfig, implementation: Implementation, device: torch.device) -> None:
        check_implementation(implementation, run.model, run.train.numerics, device.type)
        self.run = run
        self.implementation = implementation
        self.device = device
        self.model = Transformer(run.model, run.train.seed, implementation).to(device)
        self.parameters = list(self.model.parameters())
        if implementation.compiled:
            for block in self.model.blocks:
                block.compile(dynamic=False)
        self.optimizer = build_optimizer(self.model, run.train)
        self.micro_batch = implementation.micro_batch or run.train.batch
        self.step = 0
        self.seconds = 0.0
        self.ignored_checkpoint: str | None = None
        self.losses = torch.zeros(LOSS_WINDOW, device=device)
        """Training losses of the last steps; that of step s is at s modulo LOSS_WINDOW."""

    def take_step(self, sequences: Tensor) -> None:
        """One optimizer step on sequences [B, T + 1]."""
        loss = self.gradients(sequences)
        set_learning_rate(self.optimizer, lr_factor(self.run.train, self.step))
        clip_gradients(self.parameters, self.run.train.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.losses[self.step % LOSS_WINDOW] = loss
        self.step += 1
        if self.device.type == "cpu" or self.step % GPU_CHECK_STEPS == 0:
            self.check_loss()

    def gradients(self, sequences: Tensor) -> Tensor:
        """Gradients of the mean loss over the batch, by micro-batches that are halved when memory runs out."""
        while True:
            try:
                total = torch.zeros((), device=self.device)
                for part in torch.split(sequences, self.micro_batch):
                    with autocast(self.device, self.run.train.numerics), compiled_if(len(part) == self.micro_batch):
                        loss = self.model.loss(part[:, :-1], part[:, 1:])
                    if len(part) < len(sequences):
                        loss = loss * (len(part) / len(sequences))
                    torch.autograd.backward(loss)
                    total += loss.detach()
                return total
            except torch.cuda.OutOfMemoryError as error:
                if self.micro_batch == 1:
                    raise MemoryError("one sequence does not fit into the device's memory") from error
            self.optimizer.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()
            self.micro_batch = (min(self.micro_batch, len(sequences)) + 1) // 2

    def check_loss(self) -> None:
        """Raise Diverged if the last loss is not finite, or a whole window after warmup is worse than a guess."""
        if self.step == 0:
            return
        last = self.losses[(self.step - 1) % LOSS_WINDOW].item()
        if not math.isfinite(last):
            raise Diverged(f"the training loss is {last} at step {self.step} of {self.run.train.steps}")
        warmup, _ = phase_steps(self.run.train)
        if self.step % LOSS_WINDOW == 0 and self.step >= warmup + LOSS_WINDOW:
            mean, guess = self.losses.mean().item(), math.log(self.run.model.vocab)
            if mean > guess + DIVERGENCE_MARGIN:
                raise Diverged(f"the training loss is {mean:.3f} at step {self.step}, a uniform guess has {guess:.3f}")

    def recent(self, steps: int) -> dict[str, float]:
        """Mean training loss of the last `steps` (at most LOSS_WINDOW), and the last step's learning rate."""
        count = min(steps, LOSS_WINDOW, self.step)
        rows = torch.arange(self.step - count, self.step, device=self.device) % LOSS_WINDOW
        lr = self.run.train.lr * lr_factor(self.run.train, self.step - 1)
        return {"loss": self.losses[rows].mean().item(), "lr": lr}

    def position(self) -> dict[str, Any]:
        """How far the run is: step, tokens, FLOPs, seconds."""
        tokens = min(self.step * self.run.train.batch, self.run.train.sequences) * self.run.model.context
        flops = tokens * flops_per_token(self.run.model)
        return {"step": self.step, "tokens": tokens, "flops": flops, "seconds": self.seconds}

    def synchronise(self) -> None:
        """Wait until the device has done what it was told."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def describe(self) -> dict[str, Any]:
        """How the run is computed, JSON-ready."""
        choice = {**self.implementation.to_dict(), "micro_batch": self.micro_batch}
        return {
            **choice,
            "device": self.device.type,
            "device_name": device_name(self.device),
            "torch": torch.__version__,
        }

    def state(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on; the data's position follows from the step."""
        return {
            "run_id": self.run.run_id,
            "choice": self._choice(),
            "step": self.step,
            "seconds": self.seconds,
            "micro_batch": self.micro_batch,
            "losses": self.losses,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def restore(self, checkpoints: Checkpoints | None) -> int:
        """Continue from the newest good checkpoint; returns its step, or 0.

        One that was computed in another way or on another kind of device is left alone, and the run starts over.
        """
        state = checkpoints.load_newest(str(self.device)) if checkpoints is not None else None
        if state is None:
            return 0
        if state["run_id"] != self.run.run_id:
            raise CheckpointError(f"the checkpoint is of run {state['run_id']}, this is run {self.run.run_id}")
        if state["choice"] != self._choice():
            self.ignored_checkpoint = f"step {state['step']} was computed with {state['choice']}"
            return 0
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.losses.copy_(state["losses"])
        self.step, self.seconds, self.micro_batch = state["step"], state["seconds"], state["micro_batch"]
        return self.step

    def _choice(self) -> dict[str, Any]:
        return {**self.implementation.to_dict(), "device": self.device.type}


if __name__ == "__main__":
    from model.command import main

    raise SystemExit(main())
