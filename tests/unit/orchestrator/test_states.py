"""The state machine: only the table's moves exist, and every run comes to an end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.states import (
    MAX_CODE_FAILURES,
    MAX_LOST,
    MOVES,
    Cause,
    Hold,
    IllegalMove,
    Move,
    RunState,
    SweepState,
    after,
    is_answered,
    move_after_attempt,
    sweep_state,
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
    for state in (RunState.DONE, RunState.DIVERGED):
        assert {move for source, move in MOVES if source is state} == {Move.RERUN}
    for state in (RunState.FAILED, RunState.CANCELLED):
        assert {move for source, move in MOVES if source is state} == {Move.RETRY, Move.RERUN}


def test_every_state_can_be_reached_from_queued() -> None:
    reached, frontier = {RunState.QUEUED}, [RunState.QUEUED]
    while frontier:
        state = frontier.pop()
        for (source, _), target in MOVES.items():
            if source is state and target not in reached:
                reached.add(target)
                frontier.append(target)
    assert reached == set(RunState)


@given(st.lists(st.tuples(st.sampled_from(Cause), st.booleans()), max_size=40), st.integers(1, 64))
def test_any_history_of_attempts_is_legal_and_ends(ends: list[tuple[Cause, bool]], micro_batch: int) -> None:
    state, earlier = RunState.QUEUED, []
    for cause, cancelled in ends:
        if state.terminal:
            break
        state = after(state, Move.CLAIM)
        state = after(state, move_after_attempt(cause, earlier, micro_batch=micro_batch, cancelled=cancelled))
        micro_batch = (micro_batch + 1) // 2 if cause is Cause.OUT_OF_MEMORY else micro_batch
        earlier.append(cause)
    unlimited = sum(earlier.count(c) for c in (Cause.PREEMPTED, Cause.ORPHANED, Cause.DISK_FULL))
    halvings = 6
    assert len(earlier) - unlimited <= (MAX_LOST - 1) + (MAX_CODE_FAILURES - 1) + halvings + 1


@pytest.mark.parametrize(
    ("cause", "earlier", "move"),
    [
        (Cause.DONE, [Cause.CODE], Move.FINISH),
        (Cause.DIVERGED, [], Move.DIVERGE),
        (Cause.CONFIGURATION, [], Move.FAIL),
        (Cause.CODE, [], Move.REQUEUE),
        (Cause.CODE, [Cause.LOST, Cause.CODE], Move.FAIL),
        (Cause.LOST, [Cause.LOST] * (MAX_LOST - 2), Move.REQUEUE),
        (Cause.LOST, [Cause.LOST] * (MAX_LOST - 1), Move.FAIL),
        (Cause.PREEMPTED, [Cause.PREEMPTED] * 99, Move.REQUEUE),
        (Cause.ORPHANED, [Cause.ORPHANED] * 99, Move.REQUEUE),
        (Cause.DISK_FULL, [Cause.DISK_FULL] * 99, Move.REQUEUE),
    ],
)
def test_causes_have_their_own_rules(cause: Cause, earlier: list[Cause], move: Move) -> None:
    assert move_after_attempt(cause, earlier) is move


def test_out_of_memory_is_repeated_while_the_micro_batch_can_be_halved() -> None:
    assert move_after_attempt(Cause.OUT_OF_MEMORY, [], micro_batch=2) is Move.REQUEUE
    assert move_after_attempt(Cause.OUT_OF_MEMORY, [], micro_batch=1) is Move.FAIL


def test_out_of_memory_in_a_share_of_a_device_is_repeated_alone_even_with_one_sequence() -> None:
    assert move_after_attempt(Cause.OUT_OF_MEMORY, [], micro_batch=1, alone=False) is Move.REQUEUE
    assert move_after_attempt(Cause.OUT_OF_MEMORY, [Cause.OUT_OF_MEMORY], micro_batch=1, alone=True) is Move.FAIL


def test_a_cancelled_run_is_not_queued_again_but_its_result_counts() -> None:
    assert move_after_attempt(Cause.PREEMPTED, [], cancelled=True) is Move.CANCEL
    assert move_after_attempt(Cause.LOST, [], cancelled=True) is Move.CANCEL
    assert move_after_attempt(Cause.DONE, [], cancelled=True) is Move.FINISH
    assert move_after_attempt(Cause.DIVERGED, [], cancelled=True) is Move.DIVERGE
    assert move_after_attempt(Cause.CONFIGURATION, [], cancelled=True) is Move.FAIL
    assert move_after_attempt(Cause.CODE, [Cause.CODE], cancelled=True) is Move.FAIL
    assert move_after_attempt(Cause.OUT_OF_MEMORY, [], cancelled=True) is Move.FAIL
    assert move_after_attempt(Cause.OUT_OF_MEMORY, [], micro_batch=2, cancelled=True) is Move.CANCEL


@pytest.mark.parametrize(
    ("held", "answered", "queued", "running", "state"),
    [
        (None, 9, 0, 0, SweepState.DONE),
        (Hold.PAUSED, 9, 0, 0, SweepState.DONE),
        (Hold.CANCELLED, 9, 0, 0, SweepState.DONE),
        (Hold.CANCELLED, 8, 0, 0, SweepState.CANCELLED),
        (Hold.CANCELLED, 5, 2, 2, SweepState.CANCELLED),
        (None, 8, 0, 0, SweepState.INCOMPLETE),
        (Hold.PAUSED, 8, 0, 0, SweepState.INCOMPLETE),
        (Hold.PAUSED, 8, 1, 0, SweepState.PAUSED),
        (Hold.PAUSED, 8, 0, 1, SweepState.PAUSED),
        (None, 8, 1, 0, SweepState.QUEUED),
        (None, 8, 0, 1, SweepState.RUNNING),
        (None, 7, 1, 1, SweepState.RUNNING),
    ],
)
def test_a_sweep_of_nine_runs_is_in_one_state(
    held: Hold | None, answered: int, queued: int, running: int, state: SweepState
) -> None:
    assert sweep_state(held, total=9, answered=answered, queued=queued, running=running) is state


def test_a_check_is_answered_by_diverging_and_nothing_else_is() -> None:
    answered = {(state, role) for state in RunState for role in ("grid", "check") if is_answered(state, role)}
    assert answered == {(RunState.DONE, "grid"), (RunState.DONE, "check"), (RunState.DIVERGED, "check")}
