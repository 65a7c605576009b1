"""What a worker asks of Ray, and how many workers are worth having: shares of GPUs, pinned cores, growth. Pure."""

from __future__ import annotations

from dataclasses import dataclass

AHEAD = 4
"""Workers asked for beyond twice those that are alive: what pends tells an autoscaler to add nodes."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Ray resources of one worker."""

    num_cpus: float
    num_gpus: float
    """1 ÷ shares of a GPU: equal shares always fill whole GPUs, so that none is left too small to use."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker found itself."""

    node: str
    gpus: tuple[str, ...]
    """Ray's ids of the GPUs of which it has a share; empty on a CPU."""
    kind: str
    """Kind of device."""
    memory: int | None
    """Bytes of the GPU's memory; None on a CPU."""


def demand_of(gpu: bool, shares: int) -> Demand:
    """What one of `shares` workers of a device asks for."""
    return Demand(1.0, 1 / shares if gpu else 0.0)


def workers_wanted(useful: int, ready: int, most: int) -> int:
    """Workers to keep, of which `useful` would have a run, `ready` are alive, and `most` may be.

    They double at each look and never wait in greater number than `ready` and a few: an autoscaler sees a demand that
    it can meet, and a cluster of fixed size is not asked for thousands.
    """
    return min(most, useful, 2 * ready + AHEAD)
