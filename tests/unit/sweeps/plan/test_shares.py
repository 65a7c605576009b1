"""How much of an order a round takes, and what goes ahead: whole curves, and no more than a part of what is left."""

from __future__ import annotations

import pytest

from analysis.suggest.records import SuggestedRun, Why
from sweeps.plan.shares import AHEAD, portion, shares_of, within


def _suggested(budget: float, flops: float, why: Why) -> SuggestedRun:
    return SuggestedRun(budget, 1e5, 1e6, flops, 0, why, flops, None, None)


CURVE = [_suggested(3e11, 3.0, Why.CURVE)] * 3
RUNS = [_suggested(1e11, 1.0, Why.SIZE), *CURVE, *[_suggested(1e11, 1.0, Why.REPEAT)] * 2]


@pytest.mark.parametrize(("share", "taken"), [(0.5, 1), (1.0, 1), (1.5, 4), (10.0, 4), (10.2, 5), (100.0, 6)])
def test_a_round_uses_up_its_share_and_keeps_curves_whole(share: float, taken: int) -> None:
    assert portion(RUNS, share) == taken


@pytest.mark.parametrize(("share", "taken"), [(0.5, 0), (1.0, 1), (2.0, 2), (9.0, 3), (10.0, 4), (12.0, 6)])
def test_runs_ahead_stay_within_their_share_and_pass_over_dearer_ones(share: float, taken: int) -> None:
    found = within(RUNS, share)
    assert len(found) == taken and sum(run.flops for run in found) <= share
    assert [run.why for run in found].count(Why.CURVE) in (0, 3), "a budget is opened by all of its sizes or not at all"


@pytest.mark.parametrize(
    ("left", "begun", "rounds", "taken", "further"),
    [
        (4.0, 0.0, 4, 1, 0),
        (30.0, 0.0, 3, 4, 2),  # 10 are the round's, and half of its 10 the next one's
        (30.0, 9.0, 3, 1, 2),  # what has begun counts as the round's
        (13.0, 0.0, 2, 4, 1),
        (12.0, 0.0, 1, 6, 0),  # nothing goes ahead of the last
    ],
)
def test_what_goes_ahead_is_a_part_of_the_next_round(
    left: float, begun: float, rounds: int, taken: int, further: int
) -> None:
    assert AHEAD == 0.5
    runs, ahead = shares_of(RUNS, left, begun, rounds)
    assert runs == RUNS[:taken] and len(ahead) == further
