"""Totals: the state of a sweep in a word, and what is done and left, from counts alone."""

from __future__ import annotations

import pytest

from orchestrator.states import RunState, SweepState
from orchestrator.store import StateTotal, SweepTotals
from tests.unit.orchestrator.store_fixtures import sweep_record


def totals(**runs: int) -> SweepTotals:
    """A sweep with this many runs in each state, of 2 FLOPs each."""
    made = tuple(StateTotal(RunState(state), "grid", count, 2.0 * count) for state, count in runs.items())
    return SweepTotals(sweep_record(), made, "key")


@pytest.mark.parametrize(
    ("found", "state", "settled"),
    [
        (totals(done=3), SweepState.DONE, True),
        (totals(done=2, failed=1), SweepState.INCOMPLETE, True),
        (totals(done=2, running=1, queued=4), SweepState.RUNNING, False),
        (totals(queued=4), SweepState.QUEUED, False),
        (totals(), SweepState.DONE, True),
    ],
)
def test_the_state_follows_from_the_counts(found: SweepTotals, state: SweepState, settled: bool) -> None:
    assert (found.state, found.settled) == (state, settled)


def test_flops_are_spent_by_what_is_answered() -> None:
    found = totals(done=2, diverged=1, queued=4)
    assert (found.done, found.failed, found.total, found.count(RunState.QUEUED)) == (2, 1, 7, 4)
    assert (found.flops_spent, found.flops_planned) == (4.0, 14.0)
