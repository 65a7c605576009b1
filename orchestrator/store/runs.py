"""Runs in the database: every change of state is compare-and-set and fenced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row, select, update

import orchestrator.store.tables as t
from orchestrator.errors import NotFound
from orchestrator.settings import Ceilings
from orchestrator.states import Hold, Move, RunState, after
from orchestrator.store.cell import Cell
from orchestrator.store.charges import grow, hand_over, open_charges, settle
from orchestrator.store.database import Database
from orchestrator.store.errors import StaleAttempt
from orchestrator.store.records import OpenCharge, RunRecord

RUN_COLUMNS = [c for c in t.runs.c if c.name != "finished_at"]
"""Columns of a RunRecord."""
ColumnValues = dict[str, Any]
"""Values of columns, or of a statement's parameters, by name, as SQLAlchemy takes them."""


class Runs(Database):
    """The part of the store that knows runs."""

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
        """The runs whose id starts with this prefix."""
        query = select(*RUN_COLUMNS).where(t.runs.c.id.startswith(prefix, autoescape=True)).order_by(t.runs.c.id)
        with self.reading() as db:
            return [to_run(r) for r in db.execute(query)]

    def held_runs(self) -> set[str]:
        """Ids of queued and running runs all of whose sweeps are held."""
        pending = t.runs.c.state.in_((RunState.QUEUED, RunState.RUNNING))
        with self.reading() as db:
            return set(db.execute(select(t.runs.c.id).where(pending & ~active())).scalars())

    def extend(self, run_id: str, seconds: float, ceilings: Ceilings) -> None:
        """Let a running run take more device-seconds than were reserved for it. Raises CeilingExceeded."""
        with self.writing() as db:
            grow(db, run_id, seconds, ceilings)

    def open_charges(self, run_ids: Sequence[str]) -> dict[str, OpenCharge]:
        """Who pays for some runs, by run id."""
        with self.reading() as db:
            return open_charges(db, run_ids)

    def hand_over(self, run_id: str, sweep_id: int, ceilings: Ceilings) -> OpenCharge:
        """Let another sweep pay for a queued run from now on. Raises CeilingExceeded."""
        with self.writing() as db:
            hand_over(db, run_id, sweep_id, self.now(db), ceilings)
            return open_charges(db, [run_id])[run_id]


def move(db: Connection, run_id: str, fence: int, state: RunState, how: Move, values: ColumnValues) -> RunState:
    """Compare-and-set: only a run in `state` under `fence` makes the move, and takes these column values.

    Raises StaleAttempt, IllegalMove.
    """
    move_each(db, state, how, change(state, how, values), [{"of_run": run_id, "of_fence": fence}])
    return after(state, how)


def change(state: RunState, how: Move, values: ColumnValues) -> sa.Update:
    """The statement that moves runs in `state`; its parameters are `of_run`, `of_fence` and those in `values`."""
    mine = (t.runs.c.id == sa.bindparam("of_run")) & (t.runs.c.fence == sa.bindparam("of_fence"))
    return update(t.runs).where(mine & (t.runs.c.state == state)).values(state=after(state, how), **values)


def move_each(db: Connection, state: RunState, how: Move, made: sa.Update, moves: Sequence[ColumnValues]) -> None:
    """Compare-and-set several runs by a statement of `change`, given its parameters for each of them.

    Raises StaleAttempt if one of them cannot make the move.
    """
    if moves and db.execute(made, list(moves)).rowcount != len(moves):
        runs = ", ".join(m["of_run"] for m in moves[:5])
        raise StaleAttempt(f"run {runs} is no longer {state} in its attempt; {how} refused")


def cancel_where(db: Connection, condition: sa.ColumnElement[bool], now: float) -> None:
    """Cancel the queued runs that fulfil a condition, and free what was reserved for them; reruns keep their result."""
    queued = select(t.runs.c.id, t.runs.c.fence, t.runs.c.loss).where(condition & (t.runs.c.state == RunState.QUEUED))
    for run_id, fence, loss in db.execute(queued).all():
        how = Move.CANCEL if loss is None else Move.RESTORE
        move(db, run_id, fence, RunState.QUEUED, how, {"finished_at": now})
        settle(db, [run_id], now)


def active(exempt: tuple[Hold, ...] = tuple(Hold)) -> sa.ColumnElement[bool]:
    """Whether a row of `runs` belongs to a sweep that is not held for one of these reasons."""
    held = sa.or_(t.sweeps.c.held.is_(None), t.sweeps.c.held.not_in(exempt))
    holders = select(t.sweep_runs.c.run_id).join(t.sweeps).where((t.sweep_runs.c.run_id == t.runs.c.id) & held)
    return sa.exists(holders.correlate(t.runs))


def bump_requests(db: Connection) -> None:
    """Let the scheduler know that a user asked for something."""
    db.execute(update(t.scheduler).values(requests=t.scheduler.c.requests + 1))


def to_run(row: Row[*tuple[Any, ...]]) -> RunRecord:
    """A row of `runs` as a record; one that is damaged has no cell, or a configuration that fails in training."""
    values = dict(row._mapping)
    values |= {"state": RunState(values["state"]), "alone": bool(values["alone"]), "config": values["config"] or {}}
    if "cell" in values:
        values["cell"] = _cell(values["cell"])
    return RunRecord(**values)


def _cell(stored: Any) -> Cell | None:
    """A stored cell; None if it lacks something."""
    try:
        return Cell.from_dict(stored) if stored else None
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
