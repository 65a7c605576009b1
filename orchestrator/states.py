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
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """Whether the scheduler leaves the run alone from here on."""
        return self not in (RunState.QUEUED, RunState.RUNNING)


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
    CANCEL = "cancel"
    """Every sweep that holds the run was cancelled."""
    RETRY = "retry"
    """A user asked for the failed or cancelled run once more; it goes on from its checkpoint."""
    RERUN = "rerun"
    """A user asked for the run all over again, from the first step."""


class Hold(StrEnum):
    """Why a sweep is given no worker."""

    PAUSED = "paused"
    CANCELLED = "cancelled"


class Cause(StrEnum):
    """Why an attempt ended."""

    DONE = "done"
    LOST = "lost"
    """Its worker or node died, or was silent for longer than its lease."""
    ORPHANED = "orphaned"
    """Its driver died, which says nothing about the run."""
    PREEMPTED = "preempted"
    """It was asked to stop and left a checkpoint."""
    OUT_OF_MEMORY = "out of memory"
    DISK_FULL = "disk full"
    """Its log or checkpoint could not be written; the last good checkpoint is intact."""
    DIVERGED = "diverged"
    CONFIGURATION = "configuration"
    """The run cannot be trained as it is configured, or its data cannot be read."""
    CODE = "code"
    """An exception in training; its traceback is kept."""


MOVES: dict[tuple[RunState, Move], RunState] = {
    (RunState.QUEUED, Move.CLAIM): RunState.RUNNING,
    (RunState.QUEUED, Move.CANCEL): RunState.CANCELLED,
    (RunState.RUNNING, Move.FINISH): RunState.DONE,
    (RunState.RUNNING, Move.DIVERGE): RunState.DIVERGED,
    (RunState.RUNNING, Move.REQUEUE): RunState.QUEUED,
    (RunState.RUNNING, Move.FAIL): RunState.FAILED,
    (RunState.RUNNING, Move.CANCEL): RunState.CANCELLED,
    (RunState.FAILED, Move.RETRY): RunState.QUEUED,
    (RunState.CANCELLED, Move.RETRY): RunState.QUEUED,
    (RunState.DONE, Move.RERUN): RunState.QUEUED,
    (RunState.DIVERGED, Move.RERUN): RunState.QUEUED,
    (RunState.FAILED, Move.RERUN): RunState.QUEUED,
    (RunState.CANCELLED, Move.RERUN): RunState.QUEUED,
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


def move_after_attempt(cause: Cause, earlier: list[Cause], *, micro_batch: int = 1, cancelled: bool = False) -> Move:
    """Decide what becomes of a run whose attempt ended by `cause`.

    A result counts whatever else was asked for. A divergence and a wrong configuration are final; a preemption, a
    full disk and a dead driver always continue; a lost worker or an exception is repeated a few times; out of memory
    is repeated at half the micro-batch while there is a half.

    Args:
        cause: why the attempt ended.
        earlier: causes of the attempts before, those before a user's retry left out.
        micro_batch: sequences of one forward pass that the attempt used.
        cancelled: every sweep that holds the run was cancelled.
    """
    move = _by_rule(cause, earlier, micro_batch)
    return Move.CANCEL if cancelled and move is Move.REQUEUE else move


def _by_rule(cause: Cause, earlier: list[Cause], micro_batch: int) -> Move:
    match cause:
        case Cause.DONE:
            return Move.FINISH
        case Cause.DIVERGED:
            return Move.DIVERGE
        case Cause.CONFIGURATION:
            return Move.FAIL
        case Cause.PREEMPTED | Cause.ORPHANED | Cause.DISK_FULL:
            return Move.REQUEUE
        case Cause.OUT_OF_MEMORY:
            return Move.REQUEUE if micro_batch > 1 else Move.FAIL
        case Cause.LOST:
            return Move.REQUEUE if earlier.count(Cause.LOST) + 1 < MAX_LOST else Move.FAIL
        case Cause.CODE:
            return Move.REQUEUE if earlier.count(Cause.CODE) + 1 < MAX_CODE_FAILURES else Move.FAIL
