"""Steps that are not one computation: a stack for each batch, by turns, and a run that fits in no stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from model.implementation import Implementation
from model.stacked.stack import Stack
from model.training import Training


class Turns:
    """Runs of one shape whose batches differ: those of each batch are a stack, and the stacks step by turns.

    No sequence is computed for nothing, as it is in one stack of them all, where smaller batches are padded.
    """

    def __init__(self, members: Sequence[Training]) -> None:
        """Join the runs of each batch. Raises OutOfMemoryError, and then every run has tensors of its own."""
        self._stacks: dict[Training, Stack] = {}
        """The stack of each run that has not left."""
        for batch in sorted({member.run.train.batch for member in members}):
            alike = [member for member in members if member.run.train.batch == batch]
            try:
                stack = Stack(alike)
            except torch.cuda.OutOfMemoryError:
                self.release()
                raise
            self._stacks |= dict.fromkeys(alike, stack)

    @property
    def captured(self) -> bool:
        """Whether the steps are CUDA graphs, which take a moment to capture."""
        return any(stack.captured for stack in self._stacks.values())

    def take_step(self, sequences: Mapping[Training, Tensor]) -> None:
        """One step of every run that has not left, each on its own sequences [B, T + 1]."""
        for stack in dict.fromkeys(self._stacks.values()):
            stack.take_step({member: sequences[member] for member in sequences if self._stacks[member] is stack})

    def leave(self, member: Training) -> None:
        """Give a run tensors of its own again; its stack goes on without it. A run that has left may leave."""
        if member in self._stacks:
            self._stacks.pop(member).leave(member)

    def release(self) -> None:
        """Give every run tensors of its own again."""
        for member in list(self._stacks):
            self.leave(member)


class Alone:
    """A run that takes its steps by itself, because no stack of it fits: its batch is halved until it fits."""

    captured = False

    def __init__(self, member: Training) -> None:
        """Take one run, which keeps its tensors."""
        self._member = member

    def take_step(self, sequences: Mapping[Training, Tensor]) -> None:
        """One step on the run's sequences [B, T + 1]. Raises MemoryError if one sequence does not fit."""
        self._member.update(self._member.gradients(sequences[self._member]))

    def leave(self, member: Training) -> None:
        """The run has tensors of its own already."""

    def release(self) -> None:
        """The run has tensors of its own already."""


Steps = Stack | Turns | Alone
"""What takes the steps of runs."""


def steps_of(trainings: Sequence[Training], implementation: Implementation) -> Stack | Turns:
    """What takes the steps of stacked runs: one stack of them all, or one for each batch. Raises OutOfMemoryError."""
    return Turns(trainings) if implementation.batches == "separate" else Stack(trainings)
