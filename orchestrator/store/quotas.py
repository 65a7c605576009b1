"""Quotas: what a user or a group may take, compared inside the transaction that would exceed one."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, Row, select

import orchestrator.store.tables as t
from orchestrator.people import Quota
from orchestrator.settings import Ceilings
from orchestrator.states import Hold, RunState
from orchestrator.store.errors import CeilingExceeded, QuotaReached
from orchestrator.store.records import Usage
from sweeps.plan.rounds import Round, undecided

NO_QUOTA = Quota()
"""Of whoever has none."""
QUOTA_COLUMNS = {"flops": "quota_flops", "seconds": "quota_seconds", "sweeps": "quota_sweeps"}
"""Columns of a quota, by its fields."""


def usage(db: Connection, condition: ColumnElement[bool]) -> Usage:
    """What is reserved and spent by the charges that fulfil a condition."""
    sums = select(sa.func.sum(t.charges.c.flops), sa.func.sum(t.charges.c.seconds)).where(condition)
    flops, seconds = db.execute(sums).one()
    return Usage(flops or 0.0, seconds or 0.0)


def check_user(db: Connection, user: str, ceilings: Ceilings) -> None:
    """Compare what a user has reserved and spent with their quota and their group's.

    Where the account has no quota of its own, the `ceilings` of each user apply. Raises CeilingExceeded, QuotaReached.
    """
    own, group, shared = _quotas(db, user)
    used = usage(db, t.charges.c.user == user)
    usual = Ceilings(ceilings.flops if own.flops is None else None, ceilings.seconds if own.seconds is None else None)
    compare(f"user {user or 'without a name'}", used, usual)
    compare(f"user {user}", used, Ceilings(own.flops, own.seconds), QuotaReached)
    if shared != NO_QUOTA:
        together = usage(db, t.charges.c.user.in_(_members(group)))
        compare(f"group {group}", together, Ceilings(shared.flops, shared.seconds), QuotaReached)


def check_sweeps(db: Connection, user: str) -> None:
    """Compare the number of a user's unfinished sweeps with their quota and their group's. Raises QuotaReached."""
    own, group, shared = _quotas(db, user)
    for who, most, mine in (
        (f"user {user}", own.sweeps, t.sweeps.c.user == user),
        (f"group {group}", shared.sweeps, t.sweeps.c.user.in_(_members(group))),
    ):
        if most is None:
            continue
        count = db.execute(select(sa.func.count()).select_from(t.sweeps).where(mine & _unfinished())).scalar_one()
        count += _between_rounds(db, mine)
        if count > most:
            raise QuotaReached(
                f"{who} would have {count} unfinished sweeps, above the quota of {most} at a time: wait until one has "
                "ended, or cancel one"
            )


def compare(
    who: str,
    used: Usage,
    ceilings: Ceilings,
    error: type[CeilingExceeded] = CeilingExceeded,
    *,
    of_sweep: bool = False,
) -> None:
    """Raise an error for the first ceiling that is exceeded; `of_sweep` for those in a sweep's own file."""
    kind = "ceiling" if error is CeilingExceeded else "quota"
    for unit, amount, ceiling in (
        ("FLOPs", used.flops, ceilings.flops),
        ("device-seconds", used.seconds, ceilings.seconds),
    ):
        if ceiling is not None and amount > ceiling * (1 + 1e-12):  # sums of floats
            raise error(
                f"{who} would come to {amount:.4g} {unit}, above the {kind} of {ceiling:.4g}", of_sweep=of_sweep
            )


def quota_of(row: Row[*tuple[Any, ...]]) -> Quota:
    """The quota in a row of `accounts` or `account_groups`."""
    return Quota(**{name: row._mapping[column] for name, column in QUOTA_COLUMNS.items()})


def has_seconds(user: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a user, or their group, has a quota of device-seconds."""
    joined = t.accounts.outerjoin(t.groups, t.groups.c.name == t.accounts.c.group_name)
    limited = t.accounts.c.quota_seconds.is_not(None) | t.groups.c.quota_seconds.is_not(None)
    return sa.exists(select(t.accounts.c.id).select_from(joined).where((t.accounts.c.name == user) & limited))


def _quotas(db: Connection, user: str) -> tuple[Quota, str, Quota]:
    """A user's own quota, the name of their group, and its quota."""
    account = db.execute(select(t.accounts).where(t.accounts.c.name == user)).first()
    if account is None:
        return NO_QUOTA, "", NO_QUOTA
    group = db.execute(select(t.groups).where(t.groups.c.name == account.group_name)).first()
    return quota_of(account), account.group_name, NO_QUOTA if group is None else quota_of(group)


def _members(group: str) -> sa.Select[tuple[str]]:
    """The names of a group's accounts, closed ones included."""
    return select(t.accounts.c.name).where(t.accounts.c.group_name == group)


def _between_rounds(db: Connection, mine: ColumnElement[bool]) -> int:
    """Adaptive sweeps of which no run waits or is in training, and which will decide further ones."""
    stuck = _has_runs(RunState.FAILED, RunState.CANCELLED)
    wanted = t.sweeps.c.rounds.is_not(None) & _is_wanted() & ~_unfinished() & ~stuck
    found = db.execute(select(t.sweeps.c.rounds).where(mine & wanted)).scalars()
    return sum(undecided(tuple(map(Round.from_dict, rounds or ()))) for rounds in found)


def _unfinished() -> ColumnElement[bool]:
    """Whether a sweep is not cancelled and has runs that wait or are in training."""
    return _is_wanted() & _has_runs(RunState.QUEUED, RunState.RUNNING)


def _is_wanted() -> ColumnElement[bool]:
    """Whether a sweep is not cancelled."""
    return t.sweeps.c.held.is_(None) | (t.sweeps.c.held != Hold.CANCELLED)


def _has_runs(*states: RunState) -> ColumnElement[bool]:
    """Whether a sweep has runs in one of these states."""
    joined = select(t.sweep_runs.c.run_id).join(t.runs, t.runs.c.id == t.sweep_runs.c.run_id)
    mine = (t.sweep_runs.c.sweep_id == t.sweeps.c.id) & t.runs.c.state.in_(states)
    return sa.exists(joined.where(mine).correlate(t.sweeps))
