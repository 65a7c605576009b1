"""How much of a suggested order a round takes, and how much of it goes ahead of the next round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from analysis.suggest.records import SuggestedRun, Why
from sweeps.plan.plan import TOLERANCE

AHEAD: Final = 0.5
"""Share of the next round's part of the spend that runs ahead may take: the rest is decided by all losses."""


def shares_of(
    runs: Sequence[SuggestedRun], left: float, begun: float, rounds: int
) -> tuple[Sequence[SuggestedRun], Sequence[SuggestedRun]]:
    """The suggested runs that a round takes, and those that go ahead of the next.

    `left` and `begun` are training FLOPs, of the spend and of the runs with which the round begins.
    """
    count = portion(runs, left / rounds - begun)
    if rounds < 2:
        return runs[:count], ()
    left -= begun + sum(run.flops for run in runs[:count])
    return runs[:count], within(runs[count:], AHEAD * left / (rounds - 1))


def portion(runs: Sequence[SuggestedRun], share: float) -> int:
    """How many of the suggested runs a round takes: as many as use up a share of the spend, training FLOPs."""
    taken, cost = 0, 0.0
    for members in _groups(runs):
        if taken and cost >= share * (1 - TOLERANCE):
            break
        taken, cost = taken + len(members), cost + sum(run.flops for run in members)
    return taken


def within(runs: Sequence[SuggestedRun], share: float) -> Sequence[SuggestedRun]:
    """Those of the suggested runs that a share of the spend, training FLOPs, pays for; dearer ones are left out."""
    found: list[SuggestedRun] = []
    for members in _groups(runs):
        price = sum(run.flops for run in members)
        if price <= share:
            found, share = [*found, *members], share - price
    return found


def _groups(runs: Sequence[SuggestedRun]) -> Iterator[list[SuggestedRun]]:
    """The runs one by one, but the sizes that open a budget together."""
    each = groupby(enumerate(runs), key=lambda at: at[1].budget if at[1].why is Why.CURVE else -at[0])
    return ([run for _, run in group] for _, group in each)
