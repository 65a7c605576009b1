"""The state of a run between two steps, which takes the next step, detects divergence, and is saved and restored."""

# B = sequences of a batch, T = tokens of a context; a training sequence has T + 1 tokens: inputs and targets.

from __future__ import annotations

import contextlib
import dataclasses
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from model.checkpoint import CheckpointError, Checkpoints, TrainingState, own_tensor, own_tensors
from model.config import Choice, RunConfig, phase_steps
from model.device import autocast, compiled_if, device_name, free_memory, indexed, share_compiled_code
from model.divergence import JUDGED_EVERY, LOSS_WINDOW, typical_loss, why_diverged
from model.endings import Diverged
from model.flops import flops_per_token
from model.implementation import Computation, Implementation, check_implementation
from model.memory import micro_batch_for
from model.optim import build_optimizer, clip_gradients, lr_factor, set_learning_rate
from model.parallel import ALONE, World, distribute
from model.transformer import Transformer
from model.trunk import Trunk

GPU_CHECK_STEPS = JUDGED_EVERY
"""Steps between checks of the loss on a GPU, each of which waits for the device."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a run is."""

    step: int
    """Optimizer steps taken."""
    tokens: int
    """Training tokens seen."""
    flops: float
    """Training FLOPs, nominal: tokens times F(N)."""
    seconds: float
    """Seconds of the run's own training over all attempts."""


class Training:
    """The state of a run between two steps: model, optimizer and position.

    Raises ConfigError where the implementation cannot compute the run on the device.
    """

    def __init__(
        self, run: RunConfig, implementation: Implementation, device: torch.device, world: World = ALONE
    ) -> None:
        """Build model and optimizer on the device, and find the micro-batch that fits."""
        check_implementation(implementation, run.model, run.train.numerics, device.type)
        self.run = run
        self.implementation = implementation
        self.device = indexed(device)
        self.world = world
        self.model = Transformer(run.model, run.train.seed, implementation).to(device)
        self.parameters = list(self.model.parameters())
        share_compiled_code()  # torch makes its folder for compiled code with the first step, compiled or not
        if implementation.compiled:
            for block in self.model.blocks:
                block.compile(dynamic=False)
        self.optimizer = build_optimizer(self.model, run.train)
        self.micro_batch = implementation.micro_batch or self._fitting_micro_batch()
        """Sequences of one forward and backward pass."""
        self.distributed = None
        """The model's loss with gradients averaged over the processes; None where there is only one."""
        if world.size > 1:
            self._find_micro_batch()
            self.micro_batch = world.least(self.micro_batch, device)
            self.distributed = distribute(self.model, device)
        self.step = 0
        """Optimizer steps taken."""
        self.branched_from = 0
        """Steps that other runs took, and that came with a trunk's state."""
        self.seconds = 0.0
        """Seconds of the run's own training over all attempts."""
        self.ignored_checkpoint: str | None = None
        """Why `restore` left a checkpoint alone, if it did."""
        self.losses = torch.zeros(LOSS_WINDOW, device=device)
        """Training losses of the last steps; that of step s is at s modulo LOSS_WINDOW."""
        self.best_loss = math.inf
        """Lowest typical training loss of JUDGED_EVERY steps so far, nats per token."""
        self.gradient_norm = torch.zeros((), device=device)
        """Norm of the last step's gradients before they were clipped, a scalar; 0 before the first step."""

    def take_step(self, sequences: Tensor) -> None:
        """One optimizer step on sequences [B, T + 1]. Raises Diverged and MemoryError."""
        self.update(self.gradients(sequences))
        self.check_loss_when_due()

    def check_loss_when_due(self) -> None:
        """`check_loss` after each step on a CPU, and as rarely as GPU_CHECK_STEPS on a GPU. Raises Diverged."""
        if self.device.type == "cpu" or self.step % GPU_CHECK_STEPS == 0:
            self.check_loss()

    def update(self, loss: Tensor) -> None:
        """Change the weights by their current gradients, and remember the loss [] that these belong to."""
        set_learning_rate(self.optimizer, lr_factor(self.run.train, self.step))
        self.gradient_norm = clip_gradients(self.parameters, self.run.train.clip)
        self.optimizer.step()
        for mixture in self.model.mixtures:
            mixture.finish_step(self.world.sum)
        self.optimizer.zero_grad(set_to_none=True)
        self.losses[self.step % LOSS_WINDOW] = loss
        self.step += 1

    def gradients(self, sequences: Tensor) -> Tensor:
        """Gradients of the mean loss over sequences [B, T + 1], and that loss, a scalar.

        Computed by micro-batches, which are halved when memory runs out. In a world of several processes each computes
        its share, and running out of memory is an error, because the others wait for this process's gradients. Raises
        MemoryError.
        """
        return self._gradients(sequences, self.world)

    def _gradients(self, sequences: Tensor, world: World) -> Tensor:
        """`gradients` in a world that may differ from the run's."""
        while True:
            try:
                return self._accumulate(sequences, world)
            except torch.cuda.OutOfMemoryError as error:
                if self.micro_batch == 1 or self.distributed is not None:
                    size = "one sequence does" if self.micro_batch == 1 else f"{self.micro_batch} sequences do"
                    raise MemoryError(f"{size} not fit into the device's memory") from error
            self.optimizer.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()
            self.micro_batch = (min(self.micro_batch, len(sequences)) + 1) // 2

    def _accumulate(self, sequences: Tensor, world: World) -> Tensor:
        """Sum of loss and gradients over micro-batches, each weighted by its share of the whole batch."""
        for mixture in self.model.mixtures:
            mixture.load = None
        total = torch.zeros((), device=self.device)
        mine = world.share(sequences)
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
                # DDP averages over the processes, whereas the gradient is the sum of their shares.
                torch.autograd.backward(loss * world.size if world.size > 1 else loss)
            total += loss.detach()
        for mixture in self.model.mixtures if not len(mine) else ():
            mixture.forget_rows()
        return world.sum(total)

    def _fitting_micro_batch(self) -> int:
        """The micro-batch: on a GPU by the estimate of memory, on a CPU all of this process's sequences."""
        batch = -(-self.run.train.batch // self.world.size)
        if self.device.type == "cpu":
            return batch
        return micro_batch_for(
            self.run.model,
            batch,
            self.run.train.numerics,
            free_memory(self.device),
            explicit_attention=self.implementation.attention == "explicit",
            whole_head=self.implementation.head == "whole",
            optimizer=self.run.train.optimizer,
        )

    def _find_micro_batch(self) -> None:
        """Halve the micro-batch until one pass of this process alone fits, before other processes depend on it."""
        zeros = torch.zeros(self.micro_batch, self.run.model.context + 1, dtype=torch.int64, device=self.device)
        self._gradients(zeros, ALONE)
        self.optimizer.zero_grad(set_to_none=True)

    def limit_micro_batch(self, largest: int) -> None:
        """Take at most this many sequences in one forward and backward pass."""
        self.micro_batch = min(self.micro_batch, largest)

    def check_loss(self) -> None:
        """Raise Diverged if the last loss is NaN or infinite, or a whole window after warmup shows divergence."""
        if self.step == 0:
            return
        last = self.losses[(self.step - 1) % LOSS_WINDOW].item()
        if not math.isfinite(last):
            raise Diverged(f"the training loss is {last} at step {self.step} of {self.run.train.steps}")
        if self.step % JUDGED_EVERY == 0:
            self._judge()

    def _judge(self) -> None:
        """Raise Diverged if the losses of the last steps show divergence; remember the lowest typical loss."""
        losses = self.losses.roll(-(self.step % LOSS_WINDOW)).tolist()
        warmup, _ = phase_steps(self.run.train)
        if self.step >= warmup + LOSS_WINDOW:
            why = why_diverged(losses, self.best_loss, math.log(self.run.model.vocab))
            if why is not None:
                raise Diverged(f"{why} (step {self.step} of {self.run.train.steps})")
        self.best_loss = min(self.best_loss, typical_loss(losses[-JUDGED_EVERY:]))

    def recent(self, steps: int) -> dict[str, float]:
        """`loss`, the mean over the last `steps` (at most LOSS_WINDOW), and `lr` and `gradient_norm` of the last step.

        The norm is that before clipping. Waits for the device.
        """
        count = min(steps, LOSS_WINDOW, self.step)
        rows = torch.arange(self.step - count, self.step, device=self.device) % LOSS_WINDOW
        lr = self.run.train.lr * lr_factor(self.run.train, self.step - 1)
        return {"loss": self.losses[rows].mean().item(), "lr": lr, "gradient_norm": self.gradient_norm.item()}

    def position(self) -> Position:
        """How far the run is."""
        tokens = min(self.step * self.run.train.batch, self.run.train.sequences) * self.run.model.context
        return Position(self.step, tokens, tokens * flops_per_token(self.run.model), self.seconds)

    def synchronise(self) -> None:
        """Wait until the device has finished its work."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def memory_peak(self) -> int | None:
        """Most bytes of the device's memory that tensors have taken so far; None on a CPU."""
        return torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else None

    def computation(self) -> Computation:
        """How the run is computed here."""
        fitted = dataclasses.replace(self.implementation, micro_batch=self.micro_batch)
        return Computation(
            **dataclasses.asdict(fitted),
            device=self.device.type,
            device_name=device_name(self.device),
            torch=torch.__version__,
            processes=self.world.size,
        )

    def state(self) -> TrainingState:
        """Everything that the rest of the run depends on; the position in the data follows from the step."""
        return {
            "run_id": self.run.run_id,
            "choice": self._choice(),
            "step": self.step,
            "branched_from": self.branched_from,
            "seconds": self.seconds,
            "micro_batch": self.micro_batch,
            "losses": own_tensor(self.losses),
            "best_loss": self.best_loss,
            "model": own_tensors(self.model.state_dict()),
            "optimizer": self.optimizer.state_dict(),
        }

    def restore(self, checkpoints: Checkpoints | None) -> int:
        """Continue from the newest intact checkpoint; returns its step, or 0.

        One that was computed under another choice is left alone, and the run starts over: its bits would differ. Raises
        CheckpointError for another run's checkpoint.
        """
        state = checkpoints.load_newest(str(self.device)) if checkpoints is not None else None
        if state is None:
            return 0
        if state["run_id"] != self.run.run_id:
            raise CheckpointError(f"the checkpoint is of run {state['run_id']}, this is run {self.run.run_id}")
        if state["choice"] != self._choice() and not self._continues(state["choice"]):
            self.ignored_checkpoint = f"step {state['step']} was computed with {state['choice']}"
            return 0
        self._load(state)
        self.branched_from = state["branched_from"]
        return self.step

    def branch(self, trunk: Trunk) -> int:
        """Continue from the trunk's latest state before this run's cooldown if it is ahead; returns its step, or 0.

        A state that this run itself kept in an earlier attempt counts as its own work, like a checkpoint. Raises
        CheckpointError for another trunk's state.
        """
        state = trunk.latest(self.run.train.branch_step, self._choice(), str(self.device))
        if state is None or state["step"] <= self.step:
            return 0
        if state["trunk_id"] != self.run.trunk_id:
            raise CheckpointError(f"the state is of trunk {state['trunk_id']}, this run's is {self.run.trunk_id}")
        self._load(state)
        if state["run_id"] == self.run.run_id:
            self.branched_from = state["branched_from"]
        else:
            self.branched_from, self.seconds = self.step, 0.0
        return self.step

    def keep_branch(self, trunk: Trunk) -> bool:
        """Keep this state for the trunk if it wants it and this run is still on it; returns whether it was kept."""
        if self.step > self.run.train.branch_step or not trunk.wants(self.step, self._choice()):
            return False
        trunk.keep({**self.state(), "trunk_id": self.run.trunk_id})
        return True

    def _load(self, state: TrainingState) -> None:
        """Take over weights, optimizer, losses and position."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.losses.copy_(state["losses"])
        self.best_loss = state["best_loss"]
        self.step, self.seconds, self.micro_batch = state["step"], state["seconds"], state["micro_batch"]

    def _continues(self, choice: Choice) -> bool:
        """Whether a run may go on from a state of another choice: one of the two is a stack's, whose bits depend on
        which runs are in it, so that nothing is promised about them."""
        stacked = bool(choice.get("stacked") or self.implementation.stacked)
        return stacked and choice["device"] == self.device.type

    def _choice(self) -> Choice:
        """What the bits of the state depend on besides the run. Its JSON names files: what is usual is left out."""
        if self.implementation.stacked:
            return {"stacked": True, "device": self.device.type}
        chosen = {**self.implementation.to_dict(), "device": self.device.type}
        del chosen["stacked"], chosen["batches"]
        world: Choice = {"processes": self.world.size} if self.world.size > 1 else {}
        return {**chosen, **world}
