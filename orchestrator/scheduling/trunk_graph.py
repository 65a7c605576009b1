"""Which runs of a trunk may start: one of them trains it, the others wait for the states that it keeps. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Member:
    """An unfinished run of a trunk."""

    run_id: str
    """Identity of the run."""
    branch_step: int
    """Step at which it leaves the trunk for its cooldown."""
    steps: int
    """All its steps."""
    work: float
    """How long it takes if it is trained alone, in any unit."""

    def left(self, start: int) -> float:
        """The work from a step on."""
        return self.work * (1 - start / self.steps)


def ready(waiting: Iterable[Member], training: Iterable[Member], kept: Collection[int]) -> dict[str, float]:
    """The waiting runs of one trunk that may start, each with the work that depends on it.

    A run whose state is kept starts from it. Of the others the one that branches off last leads: it trains the trunk
    for all of them, unless one in training is still on the trunk. A leader counts with the longest path that begins
    with it, be it its own or a waiting run's (critical-path list scheduling, Graham 1966).

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

    Those that unfinished runs would start from, and the last one, from which a longer run may start one day.
    """
    starts = {latest(kept, step) for step in unfinished}
    return (starts | {max(kept, default=0)}) & set(kept)


def latest(kept: Collection[int], step: int) -> int:
    """The last kept step up to a step; 0, the beginning, if there is none."""
    return max((point for point in kept if point <= step), default=0)
