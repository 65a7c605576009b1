"""The life of a run: its states and the one table of legal moves between them. Pure."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    DIVERGED = "diverged"
    FAILED = "failed"

    @property
    def terminal(self) -> bool:
        """Whether the scheduler leaves the run alone from here on."""
        return self in (RunState.DONE, RunState.DIVERGED, RunState.FAILED)


class Move(StrEnum):
    """What can happen to a run."""

    CLAIM = "claim"
    """A worker got it; a new attempt begins."""
    FINISH = "finish"
    """The attempt delivered a result."""
    DIVERGE = "diverge"
    """The loss is no number any more; trying again would give the same."""
    REQUEUE = "requeue"
    """The attempt was lost or may be repeated."""
    FAIL = "fail"
    """No attempt is left, or none would help."""
    RETRY = "retry"
    """A user asked for the failed run once more."""


class Cause(StrEnum):
    """Why an attempt ended."""

    DONE = "done"
    LOST = "lost"
    """Its worker or node died."""
    ORPHANED = "orphaned"
    """Its driver died, which says nothing about the run."""
    PREEMPTED = "preempted"
    """It was asked to stop and left a checkpoint."""
    OUT_OF_MEMORY = "out of memory"
    DIVERGED = "diverged"
    CODE = "code"
    """An exception in training; its traceback is kept."""


MOVES: dict[tuple[RunState, Move], RunState] = {
    (RunState.QUEUED, Move.CLAIM): RunState.RUNNING,
    (RunState.RUNNING, Move.FINISH): RunState.DONE,
    (RunState.RUNNING, Move.DIVERGE): RunState.DIVERGED,
    (RunState.RUNNING, Move.REQUEUE): RunState.QUEUED,
    (RunState.RUNNING, Move.FAIL): RunState.FAILED,
    (RunState.FAILED, Move.RETRY): RunState.QUEUED,
}
"""Every legal move. What is not here cannot happen."""

MAX_CODE_FAILURES = 2
"""Attempts that may end by an exception before the run is FAILED."""
MAX_LOST = 5
"""Attempts that may be lost with their worker before the run counts as the killer and is FAILED."""


class IllegalMove(RuntimeError):
    """A move that the table does not hold was asked for."""


def after(state: RunState, move: Move) -> RunState:
    """The state that `move` leads to.

    Raises IllegalMove where the table has no such move.
    """
    try:
        return MOVES[state, move]
    except KeyError:
        raise IllegalMove(f"a run that is {state} cannot {move}") from None


def move_after_attempt(cause: Cause, earlier: list[Cause]) -> Move:
    """Decide what becomes of a run whose attempt ended by `cause`, given the causes of the attempts before.

    A divergence is final; a preemption and a dead driver always
    continue; a lost worker or an exception is repeated a few times.
    """
    match cause:
        case Cause.DONE:
            return Move.FINISH
        case Cause.DIVERGED:
            return Move.DIVERGE
        case Cause.PREEMPTED | Cause.ORPHANED:
            return Move.REQUEUE
        case Cause.LOST:
            return Move.REQUEUE if earlier.count(Cause.LOST) + 1 < MAX_LOST else Move.FAIL
        case Cause.CODE | Cause.OUT_OF_MEMORY:
            return Move.REQUEUE if earlier.count(cause) + 1 < MAX_CODE_FAILURES else Move.FAIL
