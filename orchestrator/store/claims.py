"""Attempts in the database: runs are claimed for workers, and their attempts closed, each change fenced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row, insert, select, update

import orchestrator.store.tables as t
from orchestrator.attempts import Outcome
from orchestrator.errors import NotFound
from orchestrator.states import Cause, Hold, Move, RunState, move_after_attempt
from orchestrator.store.charges import settle
from orchestrator.store.database import Database
from orchestrator.store.errors import Damaged, LeaseLost, Unavailable
from orchestrator.store.outcomes import sound
from orchestrator.store.records import AttemptRecord, LostAttempts
from orchestrator.store.runs import ColumnValues, active, change, move, move_each


class Attempts(Database):
    """The part of the store that knows attempts."""

    def claim_all(
        self, claims: Sequence[tuple[str, int, str]], driver_id: int, seconds: Mapping[str, float] | None = None
    ) -> list[int | None]:
        """Give queued runs (id, fence, worker) to workers in one transaction; returns their new attempts' numbers.

        `seconds` are predictions by run that replace those of the plan. None stands for a run that is no longer queued
        under its fence. Raises LeaseLost when the driver no longer holds the scheduler's lease.
        """
        with self.writing() as db:
            if db.execute(select(t.scheduler.c.driver_id)).scalar() != driver_id:
                raise LeaseLost("another scheduler has taken over this database")
            queued = _standing(db, RunState.QUEUED, [(run_id, fence) for run_id, fence, _ in claims])
            won = [claim for claim in claims if claim[:2] in queued]
            known = seconds or {}
            moves = [{"of_run": r, "of_fence": fence, "new_seconds": known.get(r)} for r, fence, _ in won]
            move_each(db, RunState.QUEUED, Move.CLAIM, CLAIM, moves)
            if won:
                same = {"driver_id": driver_id, "started_at": self.now(db)}
                rows = [{"run_id": r, "number": fence + 1, "worker": worker, **same} for r, fence, worker in won]
                db.execute(insert(t.attempts), rows)
        return [fence + 1 if (run_id, fence) in queued else None for run_id, fence, _ in claims]

    def end_all(self, ends: Sequence[tuple[str, int, Outcome]]) -> list[RunState | None]:
        """Close attempts (run, fence, outcome) in one transaction and move their runs on; returns each one's new state.

        The rule is `states.move_after_attempt`. None stands for an attempt that is not its run's running one: its end
        is refused. A run whose end cannot be stored fails with the reason, and the others are stored.
        """
        sane = [(run_id, fence, sound(outcome)) for run_id, fence, outcome in ends]
        try:
            return self._end_together(sane)
        except (Unavailable, Damaged):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is one run's, and the others go on
            if len(sane) > 1:  # one of them spoils it for all: each for itself
                return [self.end_all([end])[0] for end in sane]
            (run_id, fence, outcome), *_ = sane
            failed = replace(outcome, cause=Cause.CONFIGURATION, result=None, device=None, detail=f"{error}")
            return self._end_together([(run_id, fence, failed)])

    def _end_together(self, ends: Sequence[tuple[str, int, Outcome]]) -> list[RunState | None]:
        """Close attempts in one transaction, whole or not at all. Raises Rejected for a value that cannot be stored."""
        with self.writing() as db:
            now = self.now(db)
            running = _standing(db, RunState.RUNNING, [(run_id, fence) for run_id, fence, _ in ends])
            accepted = [end for end in ends if end[:2] in running]
            states = dict.fromkeys((r for r, _, outcome in accepted if outcome.cause is Cause.DONE), RunState.DONE)
            _finish_all(db, [end for end in accepted if end[0] in states], now)
            for run_id, fence, outcome in accepted:
                if run_id not in states:
                    states[run_id] = _end_unfinished(db, run_id, fence, outcome, now)
        return [states[run_id] if (run_id, fence) in running else None for run_id, fence, _ in ends]

    def attempts_of(self, run_id: str) -> list[AttemptRecord]:
        """The attempts of a run, the first one first."""
        return self.attempts_of_all([run_id])

    def attempts_of_all(self, run_ids: Sequence[str]) -> list[AttemptRecord]:
        """The attempts of some runs, by run and number."""
        query = select(t.attempts).where(t.attempts.c.run_id.in_(run_ids))
        with self.reading() as db:
            rows = db.execute(query.order_by(t.attempts.c.run_id, t.attempts.c.number))
            return [_attempt(row) for row in rows]

    def lost_attempts(self) -> LostAttempts:
        """How many attempts were lost with their worker, node or driver, and the device-seconds of all attempts."""
        lost = t.attempts.c.cause.in_((Cause.LOST, Cause.ORPHANED))
        sums = select(sa.func.coalesce(sa.func.sum(t.attempts.c.seconds), 0.0), sa.func.count().filter(lost))
        with self.reading() as db:
            seconds, count = db.execute(sums.select_from(t.attempts)).one()
        return LostAttempts(int(count), float(seconds))


def _attempt(row: Row[*tuple[Any, ...]]) -> AttemptRecord:
    """A row of `attempts` as a record."""
    values = dict(row._mapping)
    values["cause"] = Cause(values["cause"]) if values["cause"] else None
    return AttemptRecord(**values)


# The statements of each step of the scheduler are built once: building one takes SQLAlchemy as long as SQLite needs to
# carry it out.
STANDING = select(t.runs.c.id, t.runs.c.fence).where(
    t.runs.c.id.in_(sa.bindparam("run_ids", expanding=True)) & (t.runs.c.state == sa.bindparam("in_state"))
)
RESULT_COLUMNS = ("loss", "bits_per_byte", "seconds", "result", "device", "error", "finished_at")
FINISHED = {name: sa.bindparam(f"new_{name}", type_=t.runs.c[name].type) for name in RESULT_COLUMNS}
CLOSE = (
    update(t.attempts)
    .where((t.attempts.c.run_id == sa.bindparam("of_run")) & (t.attempts.c.number == sa.bindparam("of_fence")))
    .values(
        {
            name: sa.bindparam(f"new_{name}", type_=t.attempts.c[name].type)
            for name in ("cause", "detail", "seconds", "flops", "ended_at")
        }
    )
)


def _standing(db: Connection, state: RunState, attempts: Sequence[tuple[str, int]]) -> set[tuple[str, int]]:
    """Which of some runs are in a state under the given fence."""
    rows = db.execute(STANDING, {"run_ids": [run_id for run_id, _ in attempts], "in_state": state})
    return {(row.id, row.fence) for row in rows} & set(attempts)


def _finish_all(db: Connection, ends: Sequence[tuple[str, int, Outcome]], now: float) -> None:
    """Record the results of attempts that are done."""
    moves = []
    for run_id, fence, outcome in ends:
        new = _finished(outcome) | {"finished_at": now}
        moves.append({"of_run": run_id, "of_fence": fence} | {f"new_{name}": new[name] for name in RESULT_COLUMNS})
    move_each(db, RunState.RUNNING, Move.FINISH, FINISH, moves)
    _close_attempts(db, ends, now)
    settle(db, [run_id for run_id, _, _ in ends], now, whole=True)


def _end_unfinished(db: Connection, run_id: str, fence: int, outcome: Outcome, now: float) -> RunState:
    """Record the end of an attempt that brought no result."""
    how, values = _ruling(db, run_id, fence, outcome)
    if how is not Move.REQUEUE:
        values["finished_at"] = now
    state = move(db, run_id, fence, RunState.RUNNING, how, values)
    _close_attempts(db, [(run_id, fence, outcome)], now)
    if state.terminal:
        settle(db, [run_id], now)
    return state


def _close_attempts(db: Connection, ends: Sequence[tuple[str, int, Outcome]], now: float) -> None:
    """Note when, why and after how long attempts ended."""
    rows = [
        {"of_run": run_id, "of_fence": fence, "new_ended_at": now}
        | {f"new_{name}": getattr(outcome, name) for name in ("cause", "detail", "seconds", "flops")}
        for run_id, fence, outcome in ends
    ]
    if rows:
        db.execute(CLOSE, rows)


def _ruling(db: Connection, run_id: str, fence: int, outcome: Outcome) -> tuple[Move, ColumnValues]:
    """The move of a run whose attempt brought no result, and the column values that go with it."""
    names = ("counted_from", "micro_batch", "config", "loss")
    columns = (*(t.runs.c[name] for name in names), active((Hold.CANCELLED,)).label("wanted"))
    run = db.execute(select(*columns).where(t.runs.c.id == run_id)).first()
    if run is None:
        raise NotFound(f"there is no run {run_id!r}")
    counted = (t.attempts.c.number > run.counted_from) & (t.attempts.c.number < fence)
    earlier = db.execute(select(t.attempts.c.cause).where((t.attempts.c.run_id == run_id) & counted)).scalars()
    micro_batch = outcome.micro_batch or run.micro_batch or _batch(run.config)
    causes = [Cause(c) for c in earlier if c]
    alone = outcome.share >= 1
    how = move_after_attempt(outcome.cause, causes, micro_batch=micro_batch, alone=alone, cancelled=not run.wanted)
    if run.loss is not None and how in (Move.FAIL, Move.CANCEL):  # a rerun
        failed = f"the rerun failed, and the earlier result stands: {_with_hint(outcome)}"
        return Move.RESTORE, {"error": failed if how is Move.FAIL else None}
    if how is Move.DIVERGE:
        return how, dict.fromkeys(("loss", "bits_per_byte", "seconds", "result", "device")) | {"error": outcome.detail}
    if how is Move.FAIL:
        return how, {"error": _with_hint(outcome)}
    if outcome.cause is not Cause.OUT_OF_MEMORY:
        return how, {}
    return how, {"micro_batch": (micro_batch + 1) // 2} | ({} if alone else {"alone": 1})


def _batch(config: Any) -> int:
    """Sequences of a run's step; 1 in a configuration that cannot be read."""
    try:
        return int(config["train"]["batch"])
    except (KeyError, TypeError, ValueError):
        return 1


def _finished(outcome: Outcome) -> ColumnValues:
    """The column values of a run that is done."""
    result = outcome.result
    assert result is not None
    return {
        "loss": result["loss"],
        "bits_per_byte": result["bits_per_byte"],
        "seconds": result["train_seconds"],
        "result": result,
        "device": outcome.device,
        "error": None,
    }


def _with_hint(outcome: Outcome) -> str:
    """Why a run failed, with a remedy where there is one."""
    if outcome.cause is not Cause.OUT_OF_MEMORY:
        return outcome.detail
    return f"{outcome.detail}\nnot even one sequence at a time fits: this run needs a larger device"


FINISH = change(RunState.RUNNING, Move.FINISH, FINISHED)
CLAIM = change(
    RunState.QUEUED,
    Move.CLAIM,
    {
        "fence": t.runs.c.fence + 1,
        "predicted_seconds": sa.func.coalesce(sa.bindparam("new_seconds", type_=sa.Float), t.runs.c.predicted_seconds),
    },
)
