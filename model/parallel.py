"""Several processes that train one run together, by torch's distributed data parallel."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from model.transformer import Transformer


@dataclass(frozen=True, slots=True)
class World:
    """The processes of a run: each takes every size-th sequence of a batch."""

    rank: int = 0
    """This process's number, from 0."""
    size: int = 1
    """Number of processes."""

    @property
    def leads(self) -> bool:
        """Whether this process writes what is written only once."""
        return self.rank == 0

    def share(self, sequences: Tensor) -> Tensor:
        """This process's rows of a batch [B, …]: at most ⌈B / size⌉, none where there are fewer rows than processes."""
        return sequences[self.rank :: self.size]

    def sum(self, value: Tensor) -> Tensor:
        """Sum of all processes' values, the same to the last bit in each; does not wait for a GPU."""
        if self.size > 1:
            dist.all_reduce(value)
        return value

    def least(self, value: int, device: torch.device) -> int:
        """Smallest of all processes' values; waits for them."""
        if self.size == 1:
            return value
        tensor = torch.tensor(value, device=device)
        dist.all_reduce(tensor, dist.ReduceOp.MIN)
        return int(tensor)

    def wait(self) -> None:
        """Wait until every process has called this."""
        if self.size > 1:
            dist.barrier()


ALONE = World()
"""The world of a run that one process trains."""


class LossModule(nn.Module):
    """A model whose forward pass is its loss, as DistributedDataParallel needs it."""

    def __init__(self, model: Transformer) -> None:
        """Wrap a model."""
        super().__init__()
        self.model = model

    def forward(self, tokens_BT: Tensor, targets_BT: Tensor) -> Tensor:
        """Mean cross-entropy in nats per token, a scalar."""
        return self.model.loss(tokens_BT, targets_BT)


def distribute(model: Transformer, device: torch.device) -> DistributedDataParallel:
    """Wrap a model's loss so that each backward pass averages the gradients over all processes."""
    ids = [device.index or 0] if device.type == "cuda" else None
    return DistributedDataParallel(LossModule(model), device_ids=ids, gradient_as_bucket_view=True)


@contextlib.contextmanager
def world_of(device: str) -> Iterator[tuple[World, str]]:
    """The world that torchrun describes in the environment, and this process's device; ALONE without torchrun."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE, device
        return
    if device.startswith("cuda"):
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield World(dist.get_rank(), size), device
    finally:
        dist.destroy_process_group()
