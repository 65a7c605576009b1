"""What a worker asks of Ray, and how many workers are worth having: shares of GPUs, pinned cores, growth. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from analysis.devices import accelerator_type

AHEAD = 4
"""Workers asked for beyond twice those that are alive: what pends tells an autoscaler to add nodes."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Ray resources of one worker."""

    num_cpus: float
    num_gpus: float
    """1 ÷ shares of a GPU: equal shares always fill whole GPUs, so that none is left too small to use."""
    accelerator: str | None = None
    """Ray's type of accelerator that its node must have; None for any."""


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


def demand_of(gpu: bool, shares: int, kind: str = "", present: Collection[str] = ()) -> Demand:
    """What one of `shares` workers of a device asks for; one for runs of a `kind` asks for that.

    `gpu` says what the workers for runs of any kind have, `present` which types of accelerator Ray's nodes declare.
    """
    on_gpu = gpu if kind == "" else kind != "cpu"
    named = kind not in ("", "cpu", "cuda")
    return Demand(1.0, 1 / shares if on_gpu else 0.0, accelerator_type(kind, present) if named else None)


def workers_wanted(useful: int, ready: int, most: int) -> int:
    """Workers to keep, of which `useful` would have a run, `ready` are alive, and `most` may be.

    They double at each look and never wait in greater number than `ready` and a few: an autoscaler sees a demand that
    it can meet, and a cluster of fixed size is not asked for thousands.
    """
    return min(most, useful, 2 * ready + AHEAD)


def workers_by_kind(useful: Mapping[str, int], ready: Mapping[str, int], most: int) -> dict[str, int]:
    """Workers to keep for the runs of each kind of device, `most` in all.

    Where all that they want is more than that, the kinds take turns: first up to one more than are alive, so that a
    kind of which the cluster has none does not keep the others from theirs.
    """
    wanted = {kind: workers_wanted(count, ready.get(kind, 0), most) for kind, count in useful.items() if count}
    if sum(wanted.values()) <= most:
        return wanted
    given = dict.fromkeys(wanted, 0)
    for limit in ({kind: min(n, ready.get(kind, 0) + 1) for kind, n in wanted.items()}, wanted):
        while sum(given.values()) < most and (short := [kind for kind in given if given[kind] < limit[kind]]):
            given[min(short, key=lambda kind: given[kind])] += 1
    return given
