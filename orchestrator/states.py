"""The life of a run: its states, and the one table of legal moves between them. Pure."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """The state of a run."""

    QUEUED = "queued"
    """It waits for a worker."""
    RUNNING = "running"
    """A worker trains it."""
    DONE = "done"
    """It has a result."""
    DIVERGED = "diverged"
    """Its loss became NaN or infinite, or rose far above a uniform guess."""
    FAILED = "failed"
    """It has no result and gets no further attempt unless a user asks for one."""
    CANCELLED = "cancelled"
    """A user cancelled it before it had a result."""

    @property
    def terminal(self) -> bool:
        """Whether the scheduler leaves the run alone from here on."""
        return self not in (RunState.QUEUED, RunState.RUNNING)


class Move(StrEnum):
    """What can happen to a run."""

    CLAIM = "claim"
    """A worker takes it, and a new attempt begins."""
    FINISH = "finish"
    """The attempt delivered a result."""
    DIVERGE = "diverge"
    """The loss diverged; another attempt would diverge in the same way."""
    REQUEUE = "requeue"
    """The attempt was lost, or may be repeated."""
    FAIL = "fail"
    """No attempt is left, or another would not help."""
    CANCEL = "cancel"
    """Every sweep that the run belongs to was cancelled."""
    RETRY = "retry"
    """A user asked for another attempt at the failed or cancelled run; it resumes from its checkpoint."""
    RERUN = "rerun"
    """A user asked for the run again, from its first step; its result stays until the new one replaces it."""
    RESTORE = "restore"
    """The rerun was cancelled or failed: the earlier result stands."""


class Hold(StrEnum):
    """Why a sweep gets no worker."""

    PAUSED = "paused"
    """A user paused it, or one of its ceilings is reached; its runs keep their checkpoints and stay queued."""
    CANCELLED = "cancelled"
    """A user cancelled it."""


class SweepState(StrEnum):
    """The state of a sweep, in the one word that every face shows."""

    QUEUED = "queued"
    """No run of it is in training yet, or at the moment."""
    RUNNING = "running"
    """Runs of it are in training."""
    PAUSED = "paused"
    """It gets no worker until it is resumed."""
    CANCELLED = "cancelled"
    """A user cancelled it before all of its runs had an answer."""
    INCOMPLETE = "incomplete"
    """Nothing is left to train, and runs of it failed, diverged or were cancelled."""
    DONE = "done"
    """Every run has shown what it was trained to show."""


def is_answered(state: RunState, role: str) -> bool:
    """Whether a run has shown what it was trained to show: a check of the recipe does so by diverging, too."""
    return state is RunState.DONE or (state is RunState.DIVERGED and role == "check")


def sweep_state(
    held: Hold | None, *, total: int, answered: int, queued: int, running: int, deciding: bool = False
) -> SweepState:
    """The state of a sweep by its hold and its numbers of runs: all, answered, waiting, and in training.

    `deciding` says that it is adaptive, and that its next round is to be decided once all of its runs have ended.
    """
    if answered == total and not deciding:
        return SweepState.DONE
    if held is Hold.CANCELLED:
        return SweepState.CANCELLED
    if not queued and not running and not deciding:
        return SweepState.INCOMPLETE
    if held is Hold.PAUSED:
        return SweepState.PAUSED
    return SweepState.RUNNING if running else SweepState.QUEUED


class Cause(StrEnum):
    """Why an attempt ended."""

    DONE = "done"
    """It came to its end and delivered a result."""
    LOST = "lost"
    """Its worker or node died, or was silent for longer than its lease."""
    ORPHANED = "orphaned"
    """Its driver died, which is no fault of the run."""
    PREEMPTED = "preempted"
    """It was asked to stop and left a checkpoint, or its node was taken away with notice."""
    OUT_OF_MEMORY = "out of memory"
    """The device's memory, or the node's, did not hold it."""
    DISK_FULL = "disk full"
    """Its log or checkpoint could not be written; the last good checkpoint is intact."""
    DIVERGED = "diverged"
    """The loss became NaN or infinite, or rose far above a uniform guess."""
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
    (RunState.QUEUED, Move.RESTORE): RunState.DONE,
    (RunState.RUNNING, Move.RESTORE): RunState.DONE,
    (RunState.FAILED, Move.RETRY): RunState.QUEUED,
    (RunState.CANCELLED, Move.RETRY): RunState.QUEUED,
    (RunState.DONE, Move.RERUN): RunState.QUEUED,
    (RunState.DIVERGED, Move.RERUN): RunState.QUEUED,
    (RunState.FAILED, Move.RERUN): RunState.QUEUED,
    (RunState.CANCELLED, Move.RERUN): RunState.QUEUED,
}
"""Every legal move: by state and move, the state that it leads to."""

MAX_CODE_FAILURES = 2
"""Attempts that may end by an exception before the run is FAILED."""
MAX_LOST = 5
"""Attempts that may be lost with their worker before the run is blamed for it and is FAILED."""


class IllegalMove(RuntimeError):
    """A move that is not in the table was asked for."""


def after(state: RunState, move: Move) -> RunState:
    """The state that `move` leads to from `state`.

    Raises IllegalMove where the table has no such move.
    """
    try:
        return MOVES[state, move]
    except KeyError:
        raise IllegalMove(f"a run that is {state} cannot {move}") from None


def move_after_attempt(
    cause: Cause, earlier: list[Cause], *, micro_batch: int = 1, alone: bool = True, cancelled: bool = False
) -> Move:
    """Decide what becomes of a run whose attempt ended by `cause`.

    A result counts whatever else was asked for. A divergence and a wrong configuration are final; a preemption, a
    full disk and a dead driver are always followed by another attempt; a lost worker or an exception only a few times;
    out of memory by one with half the micro-batch, until that is a single sequence on a whole device.

    Args:
        cause: why the attempt ended.
        earlier: causes of the earlier attempts since a user's last retry.
        micro_batch: sequences of one forward pass in the attempt.
        alone: whether it had a whole device.
        cancelled: whether every sweep that the run belongs to was cancelled.
    """
    move = _by_rule(cause, earlier, micro_batch, alone)
    return Move.CANCEL if cancelled and move is Move.REQUEUE else move


def _by_rule(cause: Cause, earlier: list[Cause], micro_batch: int, alone: bool) -> Move:
    """The move by the cause alone, whatever a user asked for meanwhile."""
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
            return Move.REQUEUE if micro_batch > 1 or not alone else Move.FAIL
        case Cause.LOST:
            return Move.REQUEUE if earlier.count(Cause.LOST) + 1 < MAX_LOST else Move.FAIL
        case Cause.CODE:
            return Move.REQUEUE if earlier.count(Cause.CODE) + 1 < MAX_CODE_FAILURES else Move.FAIL
