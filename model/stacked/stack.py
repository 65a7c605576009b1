"""A stack of runs of one shape, which take their steps together: one forward and backward pass, one CUDA graph."""

# R = runs of a stack, B = sequences of a batch, T = tokens of a context; a sequence has T + 1 tokens.

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from model.device import autocast
from model.divergence import LOSS_WINDOW
from model.head import linear_cross_entropy
from model.memory import head_chunk
from model.optim import CLIP_EPS, clip_gradients, lr_factor
from model.stacked.layers import stacked_model
from model.stacked.optimizers import StackedOptimizers
from model.stacked.storage import StackedParameters
from model.training import Training

WARM_UP_PASSES = 3
"""Passes before a CUDA graph is captured: libraries choose their kernels, and blocks are compiled, in the first."""


class Stack:
    """Runs of one shape that take their steps together. Each stays a `Training`, whose tensors become views.

    A run's losses are those that it would have alone, up to the rounding of a batched product.
    """

    def __init__(self, members: Sequence[Training]) -> None:
        """Join runs of one shape, implementation and device; on a GPU, capture their step as a CUDA graph."""
        first = members[0]
        self._rows = {member: row for row, member in enumerate(members)}
        """The row of each run that has not left."""
        self._device = first.device
        self._numerics = first.run.train.numerics
        self._parameters = StackedParameters([member.model for member in members])
        self._model = stacked_model(first.run.model, first.implementation, self._parameters)
        if first.implementation.compiled:
            for block in self._model.blocks:
                block.compile(dynamic=False)
        self._optimizers = StackedOptimizers([member.optimizer for member in members], self._device)
        clips = [member.run.train.clip or math.inf for member in members]
        self._clips = torch.tensor(clips, device=self._device)
        shape = (len(members), max(member.run.train.batch for member in members))
        self._sequences = torch.zeros(*shape, first.run.model.context + 1, dtype=torch.int64, device=self._device)
        self._weights = torch.zeros(shape, device=self._device)
        self._counts: dict[int, int] = {}
        """Sequences of each row in the latest step."""
        self._losses = torch.stack([member.losses for member in members])
        self._norms = torch.zeros(len(members), device=self._device)
        self._places = torch.zeros(len(members), dtype=torch.int64, device=self._device)
        """Where in its window the next loss of each row goes."""
        for member, row in self._rows.items():
            member.losses, member.gradient_norm = self._losses[row], self._norms[row]
        self._graph: torch.cuda.CUDAGraph | None = None
        if self._device.type == "cuda":
            try:
                self._capture()
            except torch.cuda.OutOfMemoryError:
                self.release()
                raise

    @property
    def captured(self) -> bool:
        """Whether the step is a CUDA graph, which takes a moment to capture."""
        return self._graph is not None

    def take_step(self, sequences: Mapping[Training, Tensor]) -> None:
        """One step of every run that has not left, each on its own sequences [B, T + 1]; B may differ between them."""
        self._load({self._rows[member]: part for member, part in sequences.items()})
        if self._graph is None:
            self._step()
        else:
            self._graph.replay()
        for member in self._rows:
            member.step += 1

    def leave(self, member: Training) -> None:
        """Give a run tensors of its own again; its row does nothing from then on. A run that has left may leave."""
        if member not in self._rows:
            return
        row = self._rows.pop(member)
        self._parameters.release(row)
        member.losses, member.gradient_norm = member.losses.clone(), member.gradient_norm.clone()
        for state in member.optimizer.state.values():
            for name, tensor in state.items():
                state[name] = tensor.clone()

    def release(self) -> None:
        """Give every run tensors of its own again."""
        for member in list(self._rows):
            self.leave(member)

    def _load(self, sequences: Mapping[int, Tensor]) -> None:
        """Copy the step's tokens, weights, learning rates and places to where the step reads them."""
        counts = {row: len(part) for row, part in sequences.items()}
        if counts != self._counts:
            weights = torch.zeros(self._weights.shape)
            for row, count in counts.items():
                weights[row, :count] = 1 / count
            self._weights.copy_(weights)
            self._counts = counts
        if list(counts.values()) == [self._sequences.shape[1]] * len(self._sequences):
            torch.stack([sequences[row] for row in range(len(self._sequences))], out=self._sequences)
        else:
            for row, part in sequences.items():
                self._sequences[row, : len(part)] = part
        factors, places = [0.0] * len(self._sequences), [0] * len(self._sequences)
        for member, row in self._rows.items():
            factors[row], places[row] = lr_factor(member.run.train, member.step), member.step % LOSS_WINDOW
        self._optimizers.set_rates(factors)
        self._places.copy_(torch.tensor(places), non_blocking=True)

    def _step(self) -> None:
        """The step, on what was loaded."""
        losses_R = self._gradients()
        if self._device.type == "cpu":
            norms_R = self._norms.clone()
            for member, row in self._rows.items():
                norms_R[row] = clip_gradients(member.parameters, member.run.train.clip)
        else:
            norms_R = self._parameters.gradient_norms()
            self._parameters.scale_gradients((self._clips / (norms_R + CLIP_EPS)).clamp(max=1.0))
        self._optimizers.step()
        self._norms.copy_(norms_R)
        self._losses.scatter_(1, self._places[:, None], losses_R[:, None])

    def _gradients(self) -> Tensor:
        """Gradients of all runs' losses, and these losses, [R]."""
        with autocast(self._device, self._numerics):
            losses_R = self._loss(self._sequences, self._weights)
        self._parameters.differentiate(losses_R)
        return losses_R.detach()

    def _loss(self, sequences_RBS: Tensor, weights_RB: Tensor) -> Tensor:
        """Loss of each run, [R], in at least fp32: the sum of its sequences' losses, each times its weight."""
        R, B, S = sequences_RBS.shape
        tokens_NT = sequences_RBS[:, :, :-1].flatten(0, 1)
        targets_RN = sequences_RBS[:, :, 1:].flatten(1)
        weights_RN = (weights_RB / (S - 1)).repeat_interleave(S - 1, dim=1)
        model = self._model
        x_RND = model.head_input(model.hidden(tokens_NT)).view(R, B * (S - 1), -1)
        if model.implementation.head == "chunked":
            return linear_cross_entropy(
                x_RND,
                model.head.weight,
                model.head.bias,
                targets_RN,
                weights_N=weights_RN,
                cap=model.config.logit_cap,
                chunk=max(1, head_chunk(model.config.vocab) // R),
                compiled=model.implementation.compiled,
            )
        logits_NV = model.capped(model.head(x_RND)).flatten(0, 1).float()
        losses_RN = F.cross_entropy(logits_NV, targets_RN.flatten(), reduction="none").view_as(targets_RN)
        return (losses_RN * weights_RN).sum(1)

    def _capture(self) -> None:
        """Capture the step as a CUDA graph, after passes that change no weights."""
        stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_PASSES):
                self._gradients()
        torch.cuda.current_stream(self._device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._step()
        self._graph = graph
