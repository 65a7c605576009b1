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


def workers_by_kind(
    useful: Mapping[str, int], ready: Mapping[str, int], most: int, stuck: Collection[str] = ()
) -> dict[str, int]:
    """Workers to keep for the runs of each kind of device, `most` in all, of which `ready` are alive.

    Runs that take any (the empty kind) take what is alive and has no runs of its own, before more are asked for. Where
    all that is wanted is more than `most`, the kinds take turns. Of a kind that is `stuck`, whose workers have waited
    in vain, those that are alive count; others wait beside, for an autoscaler to hear, and keep no kind from its own.
    """
    useful = _with_loans(useful, ready)
    wanted = {kind: workers_wanted(count, ready.get(kind, 0), most) for kind, count in useful.items() if count}
    counted = {kind: min(number, ready.get(kind, 0)) if kind in stuck else number for kind, number in wanted.items()}
    given = dict.fromkeys(wanted, 0)
    while sum(given.values()) < most and (short := [kind for kind in given if given[kind] < counted[kind]]):
        given[min(short, key=lambda kind: given[kind])] += 1
    return {kind: wanted[kind] if kind in stuck and given[kind] == counted[kind] else given[kind] for kind in given}


def _with_loans(useful: Mapping[str, int], ready: Mapping[str, int]) -> dict[str, int]:
    """The useful workers of each kind when runs that take any use what the others leave."""
    shared, left = dict(useful), useful.get("", 0)
    for kind in sorted(ready.keys() - {""}):
        lent = min(left, max(0, ready[kind] - useful.get(kind, 0)))
        shared[kind], left = useful.get(kind, 0) + lent, left - lent
    return shared | {"": left}
