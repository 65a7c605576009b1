"""Runs and their attempts in the database: every change of state is compare-and-set and fenced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row, insert, select, update

from orchestrator import tables as t
from orchestrator.states import Cause, Hold, Move, RunState, after, move_after_attempt
from orchestrator.store.charges import grow, settle
from orchestrator.store.database import Database
from orchestrator.store.records import Ceilings, LeaseLost, NotFound, Outcome, RunRecord, StaleAttempt

RUN_COLUMNS = [c for c in t.runs.c if c.name != "finished_at"]


class Runs(Database):
    """The part of the store that knows runs and attempts."""

    def run(self, run_id: str) -> RunRecord:
        """One run. Raises NotFound."""
        with self.reading() as db:
            row = db.execute(select(*RUN_COLUMNS).where(t.runs.c.id == run_id)).first()
        if row is None:
            raise NotFound(f"there is no run {run_id!r}")
        return to_run(row)

    def runs_in(self, *states: RunState) -> list[RunRecord]:
        """All runs in the given states."""
        with self.reading() as db:
            return [to_run(r) for r in db.execute(select(*RUN_COLUMNS).where(t.runs.c.state.in_(states)))]

    def unfinished_on_trunks(self) -> list[RunRecord]:
        """Queued and running runs that share a trunk, each with its cell in one of its sweeps; reruns train alone."""
        query = (
            select(*RUN_COLUMNS, t.sweep_runs.c.role, t.sweep_runs.c.cell)
            .join(t.sweep_runs, t.sweep_runs.c.run_id == t.runs.c.id)
            .where(t.runs.c.state.in_((RunState.QUEUED, RunState.RUNNING)) & (t.runs.c.restarted == 0))
            .where(t.sweep_runs.c.cell["trunk"].as_string().is_not(None))
        )
        with self.reading() as db:
            return list({row.id: to_run(row) for row in db.execute(query)}.values())

    def runs_by_prefix(self, prefix: str) -> list[RunRecord]:
        """The runs whose id begins so."""
        query = select(*RUN_COLUMNS).where(t.runs.c.id.startswith(prefix, autoescape=True)).order_by(t.runs.c.id)
        with self.reading() as db:
            return [to_run(r) for r in db.execute(query)]

    def held_runs(self) -> set[str]:
        """Ids of queued and running runs that every sweep which holds them keeps waiting."""
        pending = t.runs.c.state.in_((RunState.QUEUED, RunState.RUNNING))
        with self.reading() as db:
            return set(db.execute(select(t.runs.c.id).where(pending & ~active())).scalars())

    def claim(self, run_id: str, fence: int, driver_id: int, worker: str) -> int:
        """Give a queued run to a worker and open its next attempt, whose number is returned.

        Raises StaleAttempt when the run is no longer queued under this fence, LeaseLost when the driver no longer
        holds the scheduler's lease.
        """
        with self.writing() as db:
            holder = select(t.scheduler.c.driver_id).scalar_subquery()
            try:
                move(db, run_id, fence, RunState.QUEUED, Move.CLAIM, {"fence": fence + 1}, holder == driver_id)
            except StaleAttempt:
                if db.execute(select(holder)).scalar() != driver_id:
                    raise LeaseLost("another scheduler took this database over") from None
                raise
            db.execute(
                insert(t.attempts).values(
                    run_id=run_id,
                    number=fence + 1,
                    driver_id=driver_id,
                    worker=worker,
                    started_at=self.now(db),
                )
            )
        return fence + 1

    def end_attempt(self, run_id: str, fence: int, outcome: Outcome) -> RunState:
        """Close an attempt and move its run on; the rule is `states.move_after_attempt`.

        Raises StaleAttempt when the attempt is not the run's running one.
        """
        with self.writing() as db:
            how, values = _ruling(db, run_id, fence, outcome)
            now = self.now(db)
            if how is not Move.REQUEUE:
                values["finished_at"] = now
            state = move(db, run_id, fence, RunState.RUNNING, how, values)
            db.execute(
                update(t.attempts)
                .where((t.attempts.c.run_id == run_id) & (t.attempts.c.number == fence))
                .values(ended_at=now, cause=outcome.cause, detail=outcome.detail, seconds=outcome.seconds)
            )
            if state.terminal:
                whole = select(t.runs.c.flops).where(t.runs.c.id == run_id).scalar_subquery()
                settle(db, run_id, whole if state is RunState.DONE else outcome.flops, now)
        return state

    def attempts_of(self, run_id: str) -> list[dict[str, Any]]:
        """The attempts of a run, the first one first."""
        return self.attempts_of_all([run_id])

    def attempts_of_all(self, run_ids: Sequence[str]) -> list[dict[str, Any]]:
        """The attempts of some runs, by run and number."""
        query = select(t.attempts).where(t.attempts.c.run_id.in_(run_ids))
        with self.reading() as db:
            rows = db.execute(query.order_by(t.attempts.c.run_id, t.attempts.c.number))
            return [dict(r._mapping) for r in rows]

    def extend(self, run_id: str, seconds: float, ceilings: Ceilings) -> None:
        """Let a running run take more device-seconds than were reserved for it. Raises CeilingExceeded."""
        with self.writing() as db:
            grow(db, run_id, seconds, ceilings)

    def reserved_seconds(self, run_ids: Sequence[str]) -> dict[str, float]:
        """Device-seconds that are reserved for some runs."""
        query = select(t.charges.c.run_id, t.charges.c.seconds).where(t.charges.c.settled_at.is_(None))
        with self.reading() as db:
            rows = db.execute(query.where(t.charges.c.run_id.in_(run_ids)))
            return {row.run_id: row.seconds for row in rows}


def _ruling(db: Connection, run_id: str, fence: int, outcome: Outcome) -> tuple[Move, dict[str, Any]]:
    """What becomes of a run whose attempt ended, and the values that it leaves."""
    if outcome.cause is Cause.DONE:
        return Move.FINISH, _finished(outcome)
    columns = (t.runs.c.counted_from, t.runs.c.micro_batch, t.runs.c.config, active((Hold.CANCELLED,)).label("wanted"))
    run = db.execute(select(*columns).where(t.runs.c.id == run_id)).first()
    if run is None:
        raise NotFound(f"there is no run {run_id!r}")
    counted = (t.attempts.c.number > run.counted_from) & (t.attempts.c.number < fence)
    earlier = db.execute(select(t.attempts.c.cause).where((t.attempts.c.run_id == run_id) & counted)).scalars()
    micro_batch = outcome.micro_batch or run.micro_batch or int((run.config.get("train") or {}).get("batch", 1))
    causes = [Cause(c) for c in earlier if c]
    how = move_after_attempt(outcome.cause, causes, micro_batch=micro_batch, cancelled=not run.wanted)
    if how in (Move.FAIL, Move.DIVERGE):
        return how, {"error": _with_hint(outcome)}
    return how, {"micro_batch": (micro_batch + 1) // 2} if outcome.cause is Cause.OUT_OF_MEMORY else {}


def _finished(outcome: Outcome) -> dict[str, Any]:
    result = outcome.result or {}
    return {
        "loss": result["loss"],
        "bits_per_byte": result["bits_per_byte"],
        "seconds": result["train_seconds"],
        "result": result,
        "device": outcome.device,
        "error": None,
    }


def _with_hint(outcome: Outcome) -> str:
    if outcome.cause is not Cause.OUT_OF_MEMORY:
        return outcome.detail
    return f"{outcome.detail}\nnot even one sequence at a time fits: this run needs a larger device"


def move(
    db: Connection,
    run_id: str,
    fence: int,
    state: RunState,
    how: Move,
    values: dict[str, Any],
    given: sa.ColumnElement[bool] | None = None,
) -> RunState:
    """Compare-and-set: only a run in `state` under `fence` makes the move, and only where a further condition holds.

    Raises StaleAttempt, IllegalMove.
    """
    target = after(state, how)
    condition = (t.runs.c.id == run_id) & (t.runs.c.state == state) & (t.runs.c.fence == fence)
    if given is not None:
        condition &= given
    new = {"state": target} | values
    if db.execute(update(t.runs).where(condition).values(**new)).rowcount != 1:
        raise StaleAttempt(f"run {run_id} is no longer {state} in attempt {fence}; {how} refused")
    return target


def cancel_where(db: Connection, condition: sa.ColumnElement[bool], now: float) -> None:
    """Cancel the queued runs of a condition and give back what was reserved for them."""
    queued = select(t.runs.c.id, t.runs.c.fence).where(condition & (t.runs.c.state == RunState.QUEUED))
    for run_id, fence in db.execute(queued).all():
        move(db, run_id, fence, RunState.QUEUED, Move.CANCEL, {"finished_at": now})
        settle(db, run_id, 0.0, now)


def active(exempt: tuple[Hold, ...] = tuple(Hold)) -> sa.ColumnElement[bool]:
    """Whether a row of `runs` belongs to a sweep that is not held in one of these ways."""
    held = sa.or_(t.sweeps.c.held.is_(None), t.sweeps.c.held.not_in(exempt))
    holders = select(t.sweep_runs.c.run_id).join(t.sweeps).where((t.sweep_runs.c.run_id == t.runs.c.id) & held)
    return sa.exists(holders.correlate(t.runs))


def bump_requests(db: Connection) -> None:
    """Tell the scheduler that something was asked for."""
    db.execute(update(t.scheduler).values(requests=t.scheduler.c.requests + 1))


def to_run(row: Row[*tuple[Any, ...]]) -> RunRecord:
    """A row of `runs` as a record."""
    values = dict(row._mapping)
    values["state"] = RunState(values["state"])
    return RunRecord(**values)
