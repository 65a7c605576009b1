"""The state machine: only the table's moves exist, and every run comes to an end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.states import (
    MAX_CODE_FAILURES,
    MAX_LOST,
    MOVES,
    Cause,
    IllegalMove,
    Move,
    RunState,
    after,
    move_after_attempt,
)


@pytest.mark.parametrize("state", RunState)
@pytest.mark.parametrize("move", Move)
def test_what_is_not_in_the_table_is_refused(state: RunState, move: Move) -> None:
    if (state, move) in MOVES:
        assert after(state, move) is MOVES[state, move]
    else:
        with pytest.raises(IllegalMove, match=f"{state} cannot {move}"):
            after(state, move)


def test_the_scheduler_never_leaves_a_done_or_diverged_run() -> None:
    assert not [move for state, move in MOVES if state in (RunState.DONE, RunState.DIVERGED)]
    assert {move for state, move in MOVES if state is RunState.FAILED} == {Move.RETRY}


def test_every_state_can_be_reached_from_queued() -> None:
    reached, frontier = {RunState.QUEUED}, [RunState.QUEUED]
    while frontier:
        state = frontier.pop()
        for (source, _), target in MOVES.items():
            if source is state and target not in reached:
                reached.add(target)
                frontier.append(target)
    assert reached == set(RunState)


@given(st.lists(st.sampled_from(Cause), max_size=40))
def test_any_history_of_attempts_is_legal_and_ends(causes: list[Cause]) -> None:
    state, earlier = RunState.QUEUED, []
    for cause in causes:
        if state.terminal:
            break
        state = after(state, Move.CLAIM)
        state = after(state, move_after_attempt(cause, earlier))
        earlier.append(cause)
    unlimited = earlier.count(Cause.PREEMPTED) + earlier.count(Cause.ORPHANED)
    assert len(earlier) - unlimited <= (MAX_LOST - 1) + 2 * (MAX_CODE_FAILURES - 1) + 1


def test_causes_have_their_own_rules() -> None:
    assert move_after_attempt(Cause.DIVERGED, []) is Move.DIVERGE
    assert move_after_attempt(Cause.CODE, []) is Move.REQUEUE
    assert move_after_attempt(Cause.CODE, [Cause.LOST, Cause.CODE]) is Move.FAIL
    assert move_after_attempt(Cause.LOST, [Cause.LOST] * (MAX_LOST - 1)) is Move.FAIL
    assert move_after_attempt(Cause.ORPHANED, [Cause.ORPHANED] * 99) is Move.REQUEUE
    assert move_after_attempt(Cause.PREEMPTED, [Cause.PREEMPTED] * 99) is Move.REQUEUE
