"""A run between two steps: model, optimizer and position; takes steps, judges them, and is saved and restored."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import torch
from torch import Tensor

from model.checkpoint import CheckpointError, Checkpoints
from model.config import RunConfig, phase_steps
from model.device import autocast, compiled_if, device_name, share_compiled_code
from model.flops import flops_per_token
from model.implementation import Implementation, check_implementation
from model.memory import micro_batch_for
from model.optim import build_optimizer, clip_gradients, lr_factor, set_learning_rate
from model.parallel import ALONE, World, distribute
from model.transformer import Transformer
from model.trunk import Trunk
from tokenizer.errors import ExpectedError

LOSS_WINDOW = 128
"""Steps whose training losses are kept: the longest mean that is reported, and what divergence is judged by."""
DIVERGENCE_MARGIN = 0.5
"""Nats above a uniform guess, ln V, at which the mean over a whole window after warmup counts as divergence."""
GPU_CHECK_STEPS = 50
"""Steps between looks at the loss on a GPU, each of which waits for the device."""


class Diverged(ExpectedError, RuntimeError):
    """The loss is not finite, or far above a uniform guess long after warmup; the run ended."""

    kind = "diverged"


class Training:
    """The state of a run between two steps."""

    def __init__(
        self, run: RunConfig, implementation: Implementation, device: torch.device, world: World = ALONE
    ) -> None:
        check_implementation(implementation, run.model, run.train.numerics, device.type)
        self.run = run
        self.implementation = implementation
        self.device = device
        self.world = world
        self.model = Transformer(run.model, run.train.seed, implementation).to(device)
        self.parameters = list(self.model.parameters())
        if implementation.compiled:
            share_compiled_code()
            for block in self.model.blocks:
                block.compile(dynamic=False)
        self.optimizer = build_optimizer(self.model, run.train)
        self.micro_batch = implementation.micro_batch or self._fitting_micro_batch()
        self.distributed = None
        if world.size > 1:
            self.micro_batch = world.least(self._tried_micro_batch(), device)
            self.distributed = distribute(self.model, device)
        self.step = 0
        self.branched_from = 0
        """Steps that were taken over from other runs by way of a trunk's state."""
        self.seconds = 0.0
        self.ignored_checkpoint: str | None = None
        self.losses = torch.zeros(LOSS_WINDOW, device=device)
        """Training losses of the last steps; that of step s is at s modulo LOSS_WINDOW."""
        self.gradient_norm = torch.zeros((), device=device)
        """Norm of the last step's gradients before they were clipped, a scalar; 0 before the first step."""

    def take_step(self, sequences: Tensor) -> None:
        """One optimizer step on sequences [B, T + 1]."""
        self.update(self.gradients(sequences))
        if self.device.type == "cpu" or self.step % GPU_CHECK_STEPS == 0:
            self.check_loss()

    def update(self, loss: Tensor) -> None:
        """Change the weights by the gradients that are there, and note the loss that they belong to."""
        set_learning_rate(self.optimizer, lr_factor(self.run.train, self.step))
        self.gradient_norm = clip_gradients(self.parameters, self.run.train.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.losses[self.step % LOSS_WINDOW] = loss
        self.step += 1

    def gradients(self, sequences: Tensor) -> Tensor:
        """Gradients of the mean loss over the batch, by micro-batches that are halved when memory runs out.

        In a world of several processes each works on its share, and running out of memory is an error: the others wait
        for this one's gradients.
        """
        while True:
            try:
                return self._accumulate(sequences)
            except torch.cuda.OutOfMemoryError as error:
                if self.micro_batch == 1 or self.distributed is not None:
                    size = "one sequence does" if self.micro_batch == 1 else f"{self.micro_batch} sequences do"
                    raise MemoryError(f"{size} not fit into the device's memory") from error
            self.optimizer.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()
            self.micro_batch = (min(self.micro_batch, len(sequences)) + 1) // 2

    def _accumulate(self, sequences: Tensor) -> Tensor:
        """Sum over micro-batches of loss and gradients, each weighted by its share of the whole batch."""
        total = torch.zeros((), device=self.device)
        mine = self.world.share(sequences)
        # Without a sequence of its own a process still takes part in the exchange, with weight 0.
        parts = torch.split(mine, self.micro_batch) if len(mine) else (sequences[:1],)
        for number, part in enumerate(parts, 1):
            weight = len(part) / len(sequences) if len(mine) else 0.0
            last = number == len(parts)
            with contextlib.nullcontext() if self.distributed is None or last else self.distributed.no_sync():
                with autocast(self.device, self.run.train.numerics), compiled_if(len(part) == self.micro_batch):
                    loss = (self.distributed or self.model.loss)(part[:, :-1], part[:, 1:])
                if weight < 1:
                    loss = loss * weight
                # DDP averages over the processes, where the gradient is the sum of their shares.
                torch.autograd.backward(loss * self.world.size if self.world.size > 1 else loss)
            total += loss.detach()
        return self.world.sum(total)

    def _fitting_micro_batch(self) -> int:
        """By the memory model on a GPU; on a CPU the whole batch."""
        batch = -(-self.run.train.batch // self.world.size)
        if self.device.type == "cpu":
            return batch
        free, whole = torch.cuda.mem_get_info(self.device)
        free += torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
        # Beside other runs on the device only a part of it is this process's.
        share = torch.cuda.get_per_process_memory_fraction(self.device)
        free = min(free, int(share * whole) - torch.cuda.memory_allocated(self.device))
        return micro_batch_for(
            self.run.model,
            batch,
            self.run.train.numerics,
            free,
            explicit_attention=self.implementation.attention == "explicit",
            whole_head=self.implementation.head == "whole",
        )

    def _tried_micro_batch(self) -> int:
        """The micro-batch that one pass without exchange shows to fit, before other processes depend on it."""
        self.world, world = ALONE, self.world
        self.gradients(torch.zeros(self.micro_batch, self.run.model.context + 1, dtype=torch.int64, device=self.device))
        self.optimizer.zero_grad(set_to_none=True)
        self.world = world
        return self.micro_batch

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
        """Mean training loss of the last `steps` (at most LOSS_WINDOW), and of the last step two things more.

        Its learning rate, and the norm of its gradients before clipping. Waits for the device.
        """
        count = min(steps, LOSS_WINDOW, self.step)
        rows = torch.arange(self.step - count, self.step, device=self.device) % LOSS_WINDOW
        lr = self.run.train.lr * lr_factor(self.run.train, self.step - 1)
        return {"loss": self.losses[rows].mean().item(), "lr": lr, "gradient_norm": self.gradient_norm.item()}

    def position(self) -> dict[str, Any]:
        """How far the run is: step, tokens, FLOPs, seconds."""
        tokens = min(self.step * self.run.train.batch, self.run.train.sequences) * self.run.model.context
        flops = tokens * flops_per_token(self.run.model)
        return {"step": self.step, "tokens": tokens, "flops": flops, "seconds": self.seconds}

    def synchronise(self) -> None:
        """Wait until the device has done what it was told."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def memory_peak(self) -> int | None:
        """Most bytes of the device's memory that tensors took so far; None on a CPU."""
        return torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else None

    def describe(self) -> dict[str, Any]:
        """How the run is computed, JSON-ready."""
        choice = {**self.implementation.to_dict(), "micro_batch": self.micro_batch}
        return {
            **choice,
            "device": self.device.type,
            "device_name": device_name(self.device),
            "torch": torch.__version__,
            "processes": self.world.size,
        }

    def state(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on; the data's position follows from the step."""
        return {
            "run_id": self.run.run_id,
            "choice": self._choice(),
            "step": self.step,
            "branched_from": self.branched_from,
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
        self._adopt(state)
        self.branched_from = state["branched_from"]
        return self.step

    def branch(self, trunk: Trunk) -> int:
        """Go on from the trunk's latest state before this run's cooldown, if it is further; returns its step, or 0.

        One that this very run kept in an earlier attempt is its own work, like a checkpoint.
        """
        state = trunk.latest(self.run.train.branch_step, self._choice(), str(self.device))
        if state is None or state["step"] <= self.step:
            return 0
        if state["trunk_id"] != self.run.trunk_id:
            raise CheckpointError(f"the state is of trunk {state['trunk_id']}, this run's is {self.run.trunk_id}")
        self._adopt(state)
        if state["run_id"] == self.run.run_id:
            self.branched_from = state["branched_from"]
        else:
            self.branched_from, self.seconds = self.step, 0.0
        return self.step

    def keep_branch(self, trunk: Trunk) -> bool:
        """Keep this state for the trunk if it is wanted here and this run is still on it; returns whether it was."""
        if self.step > self.run.train.branch_step or not trunk.wants(self.step, self._choice()):
            return False
        trunk.keep({**self.state(), "trunk_id": self.run.trunk_id})
        return True

    def _adopt(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.losses.copy_(state["losses"])
        self.step, self.seconds, self.micro_batch = state["step"], state["seconds"], state["micro_batch"]

    def _choice(self) -> dict[str, Any]:
        world = {"processes": self.world.size} if self.world.size > 1 else {}
        return {**self.implementation.to_dict(), "device": self.device.type, **world}
