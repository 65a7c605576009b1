"""Queueing: runs are stored, queued again, and reserved for, each time inside the transaction of a user's request."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from sqlalchemy import Connection, insert, select, update

import orchestrator.store.tables as t
from orchestrator.people import Actor, Forbidden
from orchestrator.settings import Ceilings
from orchestrator.states import Move, RunState
from orchestrator.store.charges import reserve
from orchestrator.store.records import NewRun
from orchestrator.store.runs import ColumnValues, move


def check_owner(db: Connection, name: str, by: Actor) -> None:
    """Refuse to change a sweep of somebody else's: its name belongs to whoever submitted it first. Raises Forbidden."""
    owner = owner_of(db, name)
    if owner is not None and not by.may_change(owner):
        raise Forbidden(
            f"sweep {name} belongs to {owner or 'nobody'}, and {by.name} is no admin: submit it under another name, or "
            "ask its owner or an admin"
        )


def owner_of(db: Connection, name: str) -> str | None:
    """Whoever submitted the first sweep of a name; None while nobody has."""
    first = select(t.sweeps.c.user).where(t.sweeps.c.name == name).order_by(t.sweeps.c.id).limit(1)
    return db.execute(first).scalar()


def payer(db: Connection, sweep_id: int) -> str:
    """The user whose quota a sweep counts against."""
    return str(db.execute(select(t.sweeps.c.user).where(t.sweeps.c.id == sweep_id)).scalar_one())


def name_of(db: Connection, sweep_id: int) -> str:
    """A sweep as `name@revision`."""
    row = db.execute(select(t.sweeps.c.name, t.sweeps.c.revision).where(t.sweeps.c.id == sweep_id)).one()
    return f"{row.name}@{row.revision}"


RETRIED = (RunState.FAILED, RunState.CANCELLED)
"""States from which a retry queues a run again."""


def release(db: Connection, sweep_id: int) -> None:
    """Let a held sweep continue."""
    db.execute(update(t.sweeps).where(t.sweeps.c.id == sweep_id).values(held=None, held_reason=None))


def rerun(db: Connection, sweep_id: int, ceilings: Ceilings, by: Actor) -> int:
    """Queue a sweep's finished runs but its validation runs again, from their first step; returns how many.

    Raises CeilingExceeded, and Forbidden where some are runs of other owners' sweeps, too.
    """
    ended = tuple(s for s in RunState if s.terminal)
    _check_shared(db, is_of(sweep_id, "validation") & t.runs.c.state.in_(ended), by)
    return again(db, sweep_id, ended, Move.RERUN, {"micro_batch": None, "restarted": t.runs.c.fence}, ceilings)


def _check_shared(db: Connection, chosen: sa.ColumnElement[bool], by: Actor) -> None:
    """Refuse to train runs anew that sweeps of others have, too: those would lose results. Raises Forbidden."""
    sharing = select(t.sweeps.c.name, t.sweeps.c.user).join(t.sweep_runs, t.sweep_runs.c.sweep_id == t.sweeps.c.id)
    sharing = sharing.join(t.runs, t.runs.c.id == t.sweep_runs.c.run_id).where(chosen).distinct()
    theirs = [row for row in db.execute(sharing.order_by(t.sweeps.c.name)) if not by.may_change(row.user)]
    if theirs:
        raise Forbidden(
            f"runs of this sweep are also of sweep {theirs[0].name}, which belongs to {theirs[0].user or 'nobody'}, "
            f"and {by.name} is no admin: submit without --rerun, or ask an admin to rerun them"
        )


def again(
    db: Connection,
    sweep_id: int,
    states: tuple[RunState, ...],
    how: Move,
    values: ColumnValues,
    ceilings: Ceilings,
    only: Collection[str] | None = None,
) -> int:
    """Queue a sweep's runs in these states again by one of a user's moves; returns how many. Raises CeilingExceeded.

    `only` names the runs that it is about; None is all.
    """
    but = "validation" if how is Move.RERUN else None
    chosen = select(t.runs.c.id, t.runs.c.state, t.runs.c.fence)
    found = db.execute(chosen.where(is_of(sweep_id, but) & t.runs.c.state.in_(states)))
    rows = [row for row in found if only is None or row.id in only]
    new = values | {"error": None, "finished_at": None, "counted_from": t.runs.c.fence}
    for row in rows:
        move(db, row.id, row.fence, RunState(row.state), how, new)
    reserve(db, sweep_id, [row.id for row in rows], ceilings)
    return len(rows)


def add_runs(db: Connection, sweep_id: int, runs: Sequence[NewRun], ceilings: Ceilings) -> None:
    """Store the runs that are new, link all of them to the sweep, and reserve what the unfinished ones may spend."""
    known = {id_: RunState(state) for id_, state in db.execute(select(t.runs.c.id, t.runs.c.state))}
    linked = set(db.execute(select(t.sweep_runs.c.run_id).where(t.sweep_runs.c.sweep_id == sweep_id)).scalars())
    fresh = [
        {
            "id": r.id,
            "config": r.config,
            "flops": r.flops,
            "predicted_seconds": r.predicted_seconds,
            "state": RunState.QUEUED,
            "fence": 0,
        }
        for r in runs
        if r.id not in known
    ]
    links = [
        {"sweep_id": sweep_id, "run_id": r.id, "position": len(linked) + i, "role": r.role, "cell": r.cell.to_dict()}
        for i, r in enumerate(runs)
        if r.id not in linked
    ]
    if fresh:
        db.execute(insert(t.runs), fresh)
    if links:
        db.execute(insert(t.sweep_runs), links)
    reserve(db, sweep_id, [r.id for r in runs if not known.get(r.id, RunState.QUEUED).terminal], ceilings)


def is_of(sweep_id: int, but: str | None = None) -> sa.ColumnElement[bool]:
    """Whether a row of `runs` belongs to a sweep, in any role but `but`."""
    mine = select(t.sweep_runs.c.run_id).where(t.sweep_runs.c.sweep_id == sweep_id)
    if but is not None:
        mine = mine.where(t.sweep_runs.c.role != but)
    return t.runs.c.id.in_(mine)
