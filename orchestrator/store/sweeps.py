"""Sweeps in the database: submission, handles, holds, and the runs that belong to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, insert, select, update

import orchestrator.store.queueing as queueing
import orchestrator.store.tables as t
from orchestrator.errors import NotFound
from orchestrator.people import ITSELF, Actor
from orchestrator.settings import Ceilings
from orchestrator.states import Hold, Move, RunState
from orchestrator.store.audit import note
from orchestrator.store.database import Database, new_id
from orchestrator.store.quotas import check_sweeps
from orchestrator.store.records import NewRun, RunRecord, SweepRecord
from orchestrator.store.runs import RUN_COLUMNS, active, bump_requests, cancel_where, to_run
from sweeps.plan.records import DroppedCell
from sweeps.plan.rounds import Round


class Sweeps(Database):
    """The part of the store that knows sweeps."""

    def submit(
        self,
        sweep: SweepRecord,
        runs: Sequence[NewRun],
        ceilings: Ceilings | None = None,
        *,
        retry: bool = False,
        rerun: bool = False,
        by: Actor = ITSELF,
    ) -> SweepRecord:
        """Store a sweep's revision and those of its runs that are new; submitting it twice changes nothing.

        Equal runs are shared with other sweeps. The sweep's name then points at this revision. FLOPs and
        device-seconds are reserved for its runs; `ceilings` are its user's. With `retry` its failed and cancelled runs
        are queued again and a held sweep continues, with `rerun` its finished ones are, too: all of that in one
        transaction, so that nothing is stored if a ceiling forbids any of it. `by` asks for it: the name must be free,
        or their own, unless they are an admin. A new revision belongs to the user of the first, who pays for it.

        Raises CeilingExceeded, QuotaReached, Forbidden.
        """
        limits = ceilings or Ceilings()
        with self.writing() as db:
            queueing.check_owner(db, sweep.name, by)
            key = (t.sweeps.c.name == sweep.name) & (t.sweeps.c.revision == sweep.revision)
            found = db.execute(select(t.sweeps.c.id).where(key)).scalar()
            if found is None:
                values = {f: getattr(sweep, f) for f in SweepRecord.__slots__ if f not in ("id", "submitted_at")}
                values["dropped"] = [cell.to_dict() for cell in sweep.dropped]
                values["rounds"] = [each.to_dict() for each in sweep.rounds] or None
                values["submitted_at"] = self.now(db)
                # An admin's revision of somebody's sweep stays theirs to pay for.
                values["user"] = queueing.owner_of(db, sweep.name) or sweep.user
                found = new_id(db.execute(insert(t.sweeps).values(**values)))
                queueing.add_runs(db, found, runs, limits)
            else:
                db.execute(update(t.sweeps).where(key).values(submitted_at=self.now(db)))
            if rerun:
                queueing.rerun(db, found, limits, by)
            if retry:
                queueing.again(db, found, queueing.RETRIED, Move.RETRY, {}, limits)
                queueing.release(db, found)
            check_sweeps(db, queueing.payer(db, found))
            note(db, self.now(db), by, "rerun" if rerun else "submit", f"{sweep.name}@{sweep.revision}")
            bump_requests(db)
        return self.sweep_by_id(found)

    def add_runs(
        self, sweep_id: int, runs: Sequence[NewRun], ceilings: Ceilings | None = None, *, by: Actor = ITSELF
    ) -> None:
        """Attach more runs to a sweep, such as validation runs; those that failed or were cancelled are queued again.

        All of them, or none if a ceiling forbids one. Raises CeilingExceeded.
        """
        with self.writing() as db:
            queueing.add_runs(db, sweep_id, runs, ceilings or Ceilings())
            queueing.again(
                db, sweep_id, queueing.RETRIED, Move.RETRY, {}, ceilings or Ceilings(), {run.id for run in runs}
            )
            note(db, self.now(db), by, "add runs", queueing.name_of(db, sweep_id), ", ".join(run.id for run in runs))
            bump_requests(db)

    def sweep(self, name: str) -> SweepRecord:
        """The sweep that a handle names: `name` its latest revision, `name@revision` a given one (a prefix will do).

        Raises NotFound.
        """
        return self.revisions(name)[0]

    def revisions(self, name: str) -> list[SweepRecord]:
        """The revisions that a handle names, the latest submission first: a bare name stands for all of them.

        Raises NotFound.
        """
        base, _, revision = name.partition("@")
        query = select(t.sweeps).where(t.sweeps.c.name == base).order_by(t.sweeps.c.submitted_at.desc(), t.sweeps.c.id)
        if revision:
            query = query.where(t.sweeps.c.revision.startswith(revision, autoescape=True))
        with self.reading() as db:
            rows = [to_sweep(row) for row in db.execute(query)]
        if not rows:
            known = ", ".join(sorted({s.name for s in self.sweeps()})) or "none yet"
            raise NotFound(f"there is no sweep {name!r}; known: {known}")
        return rows

    def sweep_by_id(self, sweep_id: int) -> SweepRecord:
        """The sweep with this primary key."""
        with self.reading() as db:
            return to_sweep(db.execute(select(t.sweeps).where(t.sweeps.c.id == sweep_id)).one())

    def sweeps(self) -> list[SweepRecord]:
        """All revisions, the latest submission first."""
        with self.reading() as db:
            return [to_sweep(r) for r in db.execute(select(t.sweeps).order_by(t.sweeps.c.submitted_at.desc()))]

    def sweeps_with_queued(self) -> list[SweepRecord]:
        """Sweeps with at least one queued run, in the order of their submission."""
        queued = select(t.sweep_runs.c.sweep_id).join(t.runs).where(t.runs.c.state == RunState.QUEUED)
        query = select(t.sweeps).where(t.sweeps.c.id.in_(queued)).order_by(t.sweeps.c.submitted_at, t.sweeps.c.id)
        with self.reading() as db:
            return [to_sweep(r) for r in db.execute(query)]

    def runs_of(
        self, sweep_id: int, role: str | None = None, *states: RunState, limit: int | None = None
    ) -> list[RunRecord]:
        """A sweep's runs in the plan's order: all, or those of a role, in some states, or the first `limit` of them."""
        query = (
            select(*RUN_COLUMNS, t.sweep_runs.c.role, t.sweep_runs.c.cell)
            .join(t.sweep_runs, t.sweep_runs.c.run_id == t.runs.c.id)
            .where(t.sweep_runs.c.sweep_id == sweep_id)
            .order_by(t.sweep_runs.c.position)
            .limit(limit)
        )
        if role is not None:
            query = query.where(t.sweep_runs.c.role == role)
        if states:
            query = query.where(t.runs.c.state.in_(states))
        with self.reading() as db:
            return [to_run(r) for r in db.execute(query)]

    def latest_done(self, limit: int) -> list[RunRecord]:
        """The `limit` runs that finished last, each with one of its cells, the latest at the end."""
        query = (
            select(*RUN_COLUMNS, t.sweep_runs.c.role, t.sweep_runs.c.cell)
            .join(t.sweep_runs, t.sweep_runs.c.run_id == t.runs.c.id)
            .where(t.runs.c.state == RunState.DONE)
            .order_by(t.runs.c.finished_at.desc())
            .limit(limit)
        )
        with self.reading() as db:
            found = {r.id: to_run(r) for r in db.execute(query)}
        return list(reversed(found.values()))

    def state_counts(self, sweep_id: int) -> dict[RunState, int]:
        """Number of a sweep's runs in each state."""
        query = (
            select(t.runs.c.state, sa.func.count())
            .join(t.sweep_runs, t.sweep_runs.c.run_id == t.runs.c.id)
            .where(t.sweep_runs.c.sweep_id == sweep_id)
            .group_by(t.runs.c.state)
        )
        with self.reading() as db:
            return {RunState(state): count for state, count in db.execute(query)}

    # what a user asks for

    def hold(
        self, sweep_id: int, why: Hold, reason: str = "", *, unless_held: bool = False, by: Actor = ITSELF
    ) -> None:
        """Give a sweep no more workers. Cancelling it cancels those queued runs that no other sweep waits for.

        With `unless_held` a sweep that is held already keeps its hold and its reason. Raises Forbidden.
        """
        mine = t.sweeps.c.id == sweep_id
        if unless_held:
            mine &= t.sweeps.c.held.is_(None)
        with self.writing() as db:
            queueing.check_owner(db, queueing.name_of(db, sweep_id).partition("@")[0], by)
            if not db.execute(update(t.sweeps).where(mine).values(held=why, held_reason=reason or None)).rowcount:
                return
            action = "cancel" if why is Hold.CANCELLED else "pause"
            note(db, self.now(db), by, action, queueing.name_of(db, sweep_id), reason)
            if why is Hold.CANCELLED:
                cancel_where(db, queueing.is_of(sweep_id) & ~active(exempt=(Hold.CANCELLED,)), self.now(db))
            bump_requests(db)

    def check_owner(self, name: str, by: Actor) -> None:
        """Refuse whoever may not change the sweep of this name. Raises Forbidden."""
        with self.reading() as db:
            queueing.check_owner(db, name, by)

    def release(self, sweep_id: int, by: Actor = ITSELF) -> None:
        """Let a held sweep continue. Raises Forbidden."""
        with self.writing() as db:
            queueing.check_owner(db, queueing.name_of(db, sweep_id).partition("@")[0], by)
            note(db, self.now(db), by, "resume", queueing.name_of(db, sweep_id))
            queueing.release(db, sweep_id)
            bump_requests(db)

    def note_waits(self, waits: Mapping[int, str]) -> None:
        """Note what sweeps wait for, a sentence by sweep id; all others that are not held wait for nothing."""
        free = t.sweeps.c.held.is_(None)
        stale = free & t.sweeps.c.held_reason.is_not(None) & t.sweeps.c.id.not_in(waits)
        with self.writing() as db:
            db.execute(update(t.sweeps).where(stale).values(held_reason=None))
            for sweep_id, what in waits.items():
                db.execute(update(t.sweeps).where(free & (t.sweeps.c.id == sweep_id)).values(held_reason=what))

    def retry(self, sweep_ids: Sequence[int], ceilings: Ceilings | None = None, *, by: Actor = ITSELF) -> int:
        """Queue failed and cancelled runs of sweeps again, to resume from their checkpoints; returns how many.

        The sweeps continue if they are held. All of that, or nothing if a ceiling forbids any of it.

        Raises CeilingExceeded, QuotaReached, Forbidden.
        """
        with self.writing() as db:
            queued = 0
            for sweep_id in sweep_ids:
                name = queueing.name_of(db, sweep_id)
                queueing.check_owner(db, name.partition("@")[0], by)
                note(db, self.now(db), by, "retry", name)
                queued += queueing.again(db, sweep_id, queueing.RETRIED, Move.RETRY, {}, ceilings or Ceilings())
                queueing.release(db, sweep_id)
                check_sweeps(db, queueing.payer(db, sweep_id))
            bump_requests(db)
        return queued

    def rerun(self, sweep_id: int, ceilings: Ceilings | None = None) -> int:
        """Queue all finished runs of a sweep but its validation runs again, from their first step; returns how many.

        Raises CeilingExceeded.
        """
        with self.writing() as db:
            queued = queueing.rerun(db, sweep_id, ceilings or Ceilings(), ITSELF)
            bump_requests(db)
        return queued


def to_sweep(row: Row[*tuple[Any, ...]]) -> SweepRecord:
    """A row of `sweeps` as a record."""
    values = dict(row._mapping)
    values["held"] = Hold(values["held"]) if values["held"] else None
    values["dropped"] = tuple(DroppedCell.from_dict(cell) for cell in values["dropped"] or ())
    values["warnings"] = values["warnings"] or []
    values["rounds"] = tuple(Round.from_dict(each) for each in values["rounds"] or ())
    return SweepRecord(**values)
