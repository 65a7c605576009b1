"""How much of a suggested order a round takes, and how much of it goes ahead of the next round."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from analysis.suggest.records import SuggestedRun, Why
from sweeps.plan.plan import TOLERANCE

AHEAD: Final = 0.5
"""Share of the next round's part of the spend that runs ahead may take: the rest is decided by all losses."""


def shares_of(runs: Sequence[SuggestedRun], left: float, begun: float, rounds: int) -> tuple[int, int]:
    """How many of the suggested runs the round takes, and how many of those that follow go ahead of the next.

    `left` and `begun` are training FLOPs, of the spend and of the runs with which the round begins.
    """
    count = portion(runs, left / rounds - begun)
    if rounds < 2:
        return count, 0
    left -= begun + sum(run.flops for run in runs[:count])
    return count, portion(runs[count:], AHEAD * left / (rounds - 1), within=True)


def portion(runs: Sequence[SuggestedRun], share: float, *, within: bool = False) -> int:
    """How many of the suggested runs use up a share of the spend, training FLOPs: one at least, or as fit `within` it.

    The sizes that open a budget stay together.
    """
    taken, cost = 0, 0.0
    groups = groupby(enumerate(runs), key=lambda each: each[1].budget if each[1].why is Why.CURVE else -each[0])
    for _, group in groups:
        members = [run for _, run in group]
        after = cost + sum(run.flops for run in members)
        if after > share if within else taken and cost >= share * (1 - TOLERANCE):
            break
        taken, cost = taken + len(members), after
    return taken
