"""Ceilings of FLOPs and device-seconds: reserved at submission, settled at the end, never exceeded.

A run has at most one open charge, of one of its sweeps; it pays for the attempts after `after_attempt`. The charges of
a run since its last rerun pay for its FLOPs once, however many attempts, retries and sweeps it took.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, insert, select, update

import orchestrator.store.tables as t
from orchestrator.settings import Ceilings
from orchestrator.states import Hold, RunState
from orchestrator.store.quotas import check_user, compare, has_seconds, usage
from orchestrator.store.records import OpenCharge

UNKNOWN_SECONDS = 60.0
"""Device-seconds reserved at first for a run whose duration nothing predicts."""


def reserve(db: Connection, sweep_id: int, run_ids: Sequence[str], ceilings: Ceilings) -> None:
    """Reserve the FLOPs that are left of each run without an open charge, and its predicted seconds.

    Raises CeilingExceeded if that would exceed the sweep's own ceiling or its user's.
    """
    user = db.execute(select(t.sweeps.c.user).where(t.sweeps.c.id == sweep_id)).scalar_one()
    free = ~sa.exists(select(t.charges.c.id).where(_open(t.runs.c.id)).correlate(t.runs))
    left = t.runs.c.flops - _paid(t.runs.c.id)
    values = {
        "run_id": t.runs.c.id,
        "sweep_id": sa.literal(sweep_id, sa.Integer),
        "user": sa.literal(user, sa.String),
        **dict.fromkeys(("flops", "planned_flops"), sa.case((left > 0, left), else_=0.0)),
        **dict.fromkeys(("seconds", "planned_seconds"), sa.func.coalesce(t.runs.c.predicted_seconds, UNKNOWN_SECONDS)),
        # The present attempt of a run in training is paid for, too.
        "after_attempt": t.runs.c.fence - sa.case((t.runs.c.state == RunState.RUNNING, 1), else_=0),
    }
    made = 0
    for start in range(0, len(run_ids), BATCH):
        chosen = select(*values.values()).where(t.runs.c.id.in_(run_ids[start : start + BATCH]) & free)
        made += db.execute(insert(t.charges).from_select(list(values), chosen)).rowcount
    if made:
        check(db, sweep_id, user, ceilings)


def check(db: Connection, sweep_id: int, user: str, ceilings: Ceilings) -> None:
    """Compare what is reserved and spent with the sweep's ceiling and its user's quota. Raises CeilingExceeded."""
    columns = (t.sweeps.c.name, t.sweeps.c.ceiling_flops, t.sweeps.c.ceiling_seconds)
    name, flops, seconds = db.execute(select(*columns).where(t.sweeps.c.id == sweep_id)).one()
    own = usage(db, t.charges.c.sweep_id == sweep_id)
    compare(f"sweep {name}", own, Ceilings(flops, seconds), of_sweep=True)
    check_user(db, user, ceilings)


def settle(db: Connection, run_ids: Sequence[str], now: float, *, whole: bool = False) -> None:
    """Turn open charges into what was spent; the rest is free again.

    That is the device-seconds of the attempts that a charge pays for, and the FLOPs that the run has reached beyond
    what earlier charges paid: all of them if it is `whole`.
    """
    if run_ids:
        db.execute(SETTLE, [{"of_run": run_id, "whole": whole, "now": now} for run_id in run_ids])


def hand_over(db: Connection, run_id: str, sweep_id: int, now: float, ceilings: Ceilings) -> None:
    """Let another sweep pay for a run from now on; the one that paid so far keeps what was spent.

    Raises CeilingExceeded.
    """
    settle(db, [run_id], now)
    reserve(db, sweep_id, [run_id], ceilings)


def open_charges(db: Connection, run_ids: Sequence[str]) -> dict[str, OpenCharge]:
    """The open charges of some runs, each with what its attempts have taken so far."""
    rows = db.execute(OPEN_CHARGES, {"run_ids": list(run_ids)})
    return {
        row.run_id: OpenCharge(
            row.sweep_id,
            row.name,
            row.held and Hold(row.held),
            row.ceiling_seconds,
            row.seconds,
            row.taken,
            bool(row.quota),
        )
        for row in rows
    }


def grow(db: Connection, run_id: str, seconds: float, ceilings: Ceilings) -> None:
    """Raise a running run's reservation to `seconds`. Raises CeilingExceeded."""
    columns = (t.charges.c.sweep_id, t.charges.c.user, t.charges.c.seconds)
    row = db.execute(select(*columns).where(_open(run_id))).first()
    if row is None or row.seconds >= seconds:
        return
    more = t.charges.c.planned_seconds + (seconds - row.seconds)
    db.execute(update(t.charges).where(_open(run_id)).values(seconds=seconds, planned_seconds=more))
    check(db, row.sweep_id, row.user, ceilings)


def _open(run_id: str | ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a charge is the open one of a run."""
    return sa.and_(t.charges.c.run_id == run_id, t.charges.c.settled_at.is_(None))


def _paid(run_id: ColumnElement[str]) -> sa.ScalarSelect[float]:
    """FLOPs that settled charges have paid for a run since it was last begun from its first step."""
    earlier, run = t.charges.alias("earlier"), t.runs.alias("paid_run")
    mine = (
        (earlier.c.run_id == run_id) & earlier.c.settled_at.is_not(None) & (earlier.c.after_attempt >= run.c.restarted)
    )
    paid = select(sa.func.coalesce(sa.func.sum(earlier.c.flops), 0.0)).join_from(
        earlier, run, run.c.id == earlier.c.run_id
    )
    return paid.where(mine).correlate(t.runs).scalar_subquery()


def _taken() -> sa.ScalarSelect[float]:
    """Device-seconds of the attempts that a charge pays for."""
    mine = (t.attempts.c.run_id == t.charges.c.run_id) & (t.attempts.c.number > t.charges.c.after_attempt)
    seconds = select(sa.func.coalesce(sa.func.sum(t.attempts.c.seconds), 0.0)).where(mine)
    return seconds.correlate(t.charges).scalar_subquery()


def _settlement() -> sa.Update:
    """The statement that settles one run's open charge."""
    run: sa.BindParameter[str] = sa.bindparam("of_run", type_=sa.String)
    nominal = select(t.runs.c.flops).where(t.runs.c.id == run).scalar_subquery()
    restarted = select(t.runs.c.restarted).where(t.runs.c.id == run).scalar_subquery()
    reached = select(sa.func.coalesce(sa.func.max(t.attempts.c.flops), 0.0)).where(
        (t.attempts.c.run_id == run) & (t.attempts.c.number > restarted)
    )
    far = reached.scalar_subquery()
    total = sa.case((sa.or_(sa.bindparam("whole", type_=sa.Boolean), far > nominal), nominal), else_=far)
    spent, taken, planned = total - _paid(run), _taken(), t.charges.c.planned_seconds
    values = {
        "flops": sa.case((spent > 0, spent), else_=0.0),
        "seconds": taken,
        # Without a ceiling nothing grows a reservation: what a run took beyond it was reserved, too.
        "planned_seconds": sa.case((taken > planned, taken), else_=planned),
        "settled_at": sa.bindparam("now", type_=sa.Float),
    }
    return update(t.charges).where(_open(run)).values(values)


BATCH = 500
"""Most runs that one statement names."""
# Built once: the scheduler executes them again and again.
SETTLE = _settlement()
OPEN_CHARGES = (
    select(
        t.charges.c.run_id,
        t.charges.c.sweep_id,
        t.charges.c.seconds,
        t.sweeps.c.name,
        t.sweeps.c.held,
        t.sweeps.c.ceiling_seconds,
        _taken().label("taken"),
        has_seconds(t.charges.c.user).label("quota"),
    )
    .join(t.sweeps, t.sweeps.c.id == t.charges.c.sweep_id)
    .where(t.charges.c.run_id.in_(sa.bindparam("run_ids", expanding=True)) & t.charges.c.settled_at.is_(None))
)
