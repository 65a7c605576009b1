"""What a worker requests from Ray, where it is placed, and how many workers are worth having. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from analysis.devices import accelerator_type

AHEAD = 4
"""Workers requested beyond twice those that are alive: pending requests make an autoscaler add nodes."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Ray resources of one worker."""

    num_cpus: float
    """CPUs."""
    num_gpus: float
    """1 ÷ shares of a GPU, or 0: equal shares fill whole GPUs, so that no rest is too small to use."""
    accelerator: str | None = None
    """Ray's type of accelerator that its node must have; None for any."""


@dataclass(frozen=True, slots=True)
class WorkerLocation:
    """Where Ray placed a worker."""

    node: str
    """Ray's id of the node."""
    gpus: tuple[str, ...]
    """Ray's ids of the GPUs of which the worker has a share; empty on a CPU."""
    kind: str
    """Kind of device, such as `NVIDIA H100 80GB HBM3`."""
    memory: int | None
    """Bytes of the GPU's memory; None on a CPU."""


def demand_of(gpu: bool, shares: int, kind: str = "", present: Collection[str] = ()) -> Demand:
    """What a worker requests if `shares` workers share a device.

    Args:
        gpu: whether workers for runs of any kind have a GPU.
        shares: workers of one device.
        kind: kind of device of the runs that it is for; empty for any.
        present: types of accelerator that Ray's nodes declare.
    """
    on_gpu = gpu if kind == "" else kind != "cpu"
    named = kind not in ("", "cpu", "cuda")
    return Demand(1.0, 1 / shares if on_gpu else 0.0, accelerator_type(kind, present) if named else None)


def workers_wanted(useful: int, ready: int, most: int) -> int:
    """Workers to have, if `useful` would get a run, `ready` are alive, and `most` are allowed.

    They at most double at each look, and a few: an autoscaler sees a demand that it can meet, and a cluster of fixed
    size does not get thousands of requests.
    """
    return min(most, useful, 2 * ready + AHEAD)


def workers_by_kind(
    useful: Mapping[str, int], ready: Mapping[str, int], most: int, stuck: Collection[str] = ()
) -> dict[str, int]:
    """Workers to have for the runs of each kind of device, `most` in total, of which `ready` are alive.

    Runs that take any device (the empty kind) use workers of other kinds that have no runs of their own, before more
    are requested. If more than `most` are wanted, the kinds take turns. Of a `stuck` kind, whose workers have waited
    for a node in vain, only those that are alive count towards `most`: the others stay requested, for an autoscaler to
    see, without taking another kind's room.
    """
    useful = _with_loans(useful, ready)
    wanted = {kind: workers_wanted(count, ready.get(kind, 0), most) for kind, count in useful.items() if count}
    counted = {kind: min(number, ready.get(kind, 0)) if kind in stuck else number for kind, number in wanted.items()}
    given = dict.fromkeys(wanted, 0)
    while sum(given.values()) < most and (short := [kind for kind in given if given[kind] < counted[kind]]):
        given[min(short, key=lambda kind: given[kind])] += 1
    return {kind: wanted[kind] if kind in stuck and given[kind] == counted[kind] else given[kind] for kind in given}


def _with_loans(useful: Mapping[str, int], ready: Mapping[str, int]) -> dict[str, int]:
    """The useful workers of each kind if runs that take any device use what the others leave."""
    shared, left = dict(useful), useful.get("", 0)
    for kind in sorted(ready.keys() - {""}):
        lent = min(left, max(0, ready[kind] - useful.get(kind, 0)))
        shared[kind], left = useful.get(kind, 0) + lent, left - lent
    return shared | {"": left}
