"""Which runs of a trunk may start: one of them trains it, the others wait for the states that it keeps. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Member:
    """An unfinished run of a trunk."""

    run_id: str
    branch_step: int
    """Step at which it leaves the trunk for its cooldown."""
    steps: int
    """All its steps."""
    cost: float
    """What it takes when it is trained alone, in any unit."""

    def left(self, start: int) -> float:
        """What it takes from a step on."""
        return self.cost * (1 - start / self.steps)


def ready(waiting: Iterable[Member], training: Iterable[Member], kept: Collection[int]) -> dict[str, float]:
    """The waiting runs of one trunk that may start, each with the cost of what cannot end before it has run.

    A run whose state is kept goes on from it. Of the others the one that branches off last leads: it trains the trunk
    for all of them, unless one that trains is still on the trunk. A leader counts with the longest path that begins
    with it, whether that is its own or a waiting run's (critical-path list scheduling, Graham 1966).

    Args:
        waiting: runs that may be given a worker.
        training: runs that have one.
        kept: steps whose states are kept.
    """
    waiting = list(waiting)
    may_start = {member.run_id: member.left(member.branch_step) for member in waiting if member.branch_step in kept}
    behind = [member for member in waiting if member.branch_step not in kept]
    if behind and all(member.branch_step in kept for member in training):
        leader = max(behind, key=lambda member: (member.branch_step, member.run_id))
        start = latest(kept, leader.branch_step)
        may_start[leader.run_id] = max(member.left(start) for member in behind)
    return may_start


def needed(unfinished: Iterable[int], kept: Collection[int]) -> set[int]:
    """Steps whose states must stay, given the branch steps of all unfinished runs of the trunk.

    Those that unfinished runs would go on from, and the last one, from which a longer run may go on one day.
    """
    going_on = {latest(kept, step) for step in unfinished}
    return (going_on | {max(kept, default=0)}) & set(kept)


def latest(kept: Collection[int], step: int) -> int:
    """The last kept step up to a step; 0, the beginning, where there is none."""
    return max((point for point in kept if point <= step), default=0)
