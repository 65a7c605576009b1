"""Ceilings of FLOPs and device-seconds: reserved at submission, settled at the end, never exceeded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, insert, select, update

import orchestrator.store.tables as t
from orchestrator.settings import Ceilings
from orchestrator.store.records import CeilingExceeded, Usage

UNKNOWN_SECONDS = 60.0
"""Device-seconds reserved at first for a run whose duration nothing predicts."""


def reserve(db: Connection, sweep_id: int, runs: Iterable[tuple[str, float, float | None]], ceilings: Ceilings) -> None:
    """Reserve the FLOPs and seconds of each run (id, FLOPs, predicted seconds) that has no open reservation.

    Raises CeilingExceeded if that would exceed the sweep's own ceiling or its user's.
    """
    opened = set(db.execute(select(t.charges.c.run_id).where(t.charges.c.settled_at.is_(None))).scalars())
    user = db.execute(select(t.sweeps.c.user).where(t.sweeps.c.id == sweep_id)).scalar_one()
    rows = [
        {
            "run_id": run_id,
            "sweep_id": sweep_id,
            "user": user,
            "flops": flops,
            "seconds": UNKNOWN_SECONDS if seconds is None else seconds,
        }
        for run_id, flops, seconds in runs
        if run_id not in opened
    ]
    if rows:
        db.execute(insert(t.charges), rows)
        check(db, sweep_id, user, ceilings)


def check(db: Connection, sweep_id: int, user: str, ceilings: Ceilings) -> None:
    """Compare what is reserved and spent with the sweep's ceiling and its user's. Raises CeilingExceeded."""
    columns = (t.sweeps.c.name, t.sweeps.c.ceiling_flops, t.sweeps.c.ceiling_seconds)
    name, flops, seconds = db.execute(select(*columns).where(t.sweeps.c.id == sweep_id)).one()
    own = usage(db, t.charges.c.sweep_id == sweep_id)
    _compare(f"sweep {name}", own, Ceilings(flops, seconds))
    _compare(f"user {user or 'without a name'}", usage(db, t.charges.c.user == user), ceilings)


def usage(db: Connection, condition: ColumnElement[bool]) -> Usage:
    """What is reserved and spent by the charges that fulfil a condition."""
    sums = select(sa.func.sum(t.charges.c.flops), sa.func.sum(t.charges.c.seconds)).where(condition)
    flops, seconds = db.execute(sums).one()
    return Usage(flops or 0.0, seconds or 0.0)


def _compare(who: str, usage: Usage, ceilings: Ceilings) -> None:
    """Raise CeilingExceeded for the first ceiling that is exceeded."""
    for unit, used, ceiling in (
        ("FLOPs", usage.flops, ceilings.flops),
        ("device-seconds", usage.seconds, ceilings.seconds),
    ):
        if ceiling is not None and used > ceiling * (1 + 1e-12):  # sums of floats
            raise CeilingExceeded(f"{who} would come to {used:.4g} {unit}, above the ceiling of {ceiling:.4g}")


def settle(db: Connection, run_ids: Sequence[str], now: float, flops: float | None = None) -> None:
    """Turn open reservations into what was spent; the rest is free again. Without `flops` all of the run's count."""
    if run_ids:
        db.execute(SETTLE, [{"of_run": run_id, "spent": flops, "now": now} for run_id in run_ids])


def _settlement() -> sa.Update:
    """The statement that settles one run's open reservation by its counted attempts."""
    run: sa.BindParameter[str] = sa.bindparam("of_run")
    counted = select(t.runs.c.counted_from).where(t.runs.c.id == run).scalar_subquery()
    seconds = select(sa.func.coalesce(sa.func.sum(t.attempts.c.seconds), 0.0)).where(
        (t.attempts.c.run_id == run) & (t.attempts.c.number > counted)
    )
    whole = select(t.runs.c.flops).where(t.runs.c.id == run).scalar_subquery()
    flops = sa.func.coalesce(sa.bindparam("spent", type_=sa.Float), whole)
    open_ = (t.charges.c.run_id == run) & t.charges.c.settled_at.is_(None)
    values = {"flops": flops, "seconds": seconds.scalar_subquery(), "settled_at": sa.bindparam("now", type_=sa.Float)}
    return update(t.charges).where(open_).values(values)


SETTLE = _settlement()
"""Built once: each end of a run executes it."""


def grow(db: Connection, run_id: str, seconds: float, ceilings: Ceilings) -> None:
    """Raise a running run's reservation to `seconds`. Raises CeilingExceeded."""
    columns = (t.charges.c.sweep_id, t.charges.c.user, t.charges.c.seconds)
    row = db.execute(select(*columns).where(_open(run_id))).first()
    if row is None or row.seconds >= seconds:
        return
    db.execute(update(t.charges).where(_open(run_id)).values(seconds=seconds))
    check(db, row.sweep_id, row.user, ceilings)


def _open(run_id: str) -> ColumnElement[bool]:
    """Whether a charge is the open reservation of a run."""
    return sa.and_(t.charges.c.run_id == run_id, t.charges.c.settled_at.is_(None))
