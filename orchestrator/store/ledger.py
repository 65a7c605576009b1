"""The ledger: what each user planned, still reserves, spent and got back, a line for each sweep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, select

import orchestrator.store.tables as t
from orchestrator.store.database import Database


@dataclass(frozen=True, slots=True)
class Entry:
    """An amount in the ledger: planned = reserved + spent + refunded."""

    planned: float
    """All that was ever set aside."""
    reserved: float
    """Of that, what unfinished runs may still take."""
    spent: float
    """Of that, what ended attempts have taken."""
    refunded: float
    """Of that, what was not needed, and is free again."""


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """What one user pays for one revision of a sweep."""

    user: str
    """Who pays."""
    sweep: str
    """Name of the sweep."""
    revision: str
    """Its revision."""
    runs: int
    """Runs that it pays or paid for; one that was retried or rerun counts once."""
    flops: Entry
    """Training FLOPs."""
    seconds: Entry
    """Device-seconds."""


class Ledger(Database):
    """The part of the store that knows who paid for what."""

    def ledger(self, user: str | None = None) -> list[LedgerLine]:
        """The lines of all users, or of one, by user and age of the sweep."""
        query = (
            select(t.charges.c.user, t.sweeps.c.name, t.sweeps.c.revision, *_SUMS)
            .join(t.sweeps, t.sweeps.c.id == t.charges.c.sweep_id)
            .group_by(t.charges.c.user, t.sweeps.c.id, t.sweeps.c.name, t.sweeps.c.revision)
            .order_by(t.charges.c.user, t.sweeps.c.id)
        )
        if user is not None:
            query = query.where(t.charges.c.user == user)
        with self.reading() as db:
            return [_line(tuple(row)) for row in db.execute(query)]


def _line(row: tuple[Any, ...]) -> LedgerLine:
    """A row of the query as a record."""
    user, sweep, revision, runs, *amounts = row
    return LedgerLine(user, sweep, revision, runs, _entry(*amounts[:3]), _entry(*amounts[3:]))


def _entry(planned: float, reserved: float, spent: float) -> Entry:
    """An amount whose parts add up: what is neither reserved nor spent was refunded."""
    return Entry(planned, reserved, spent, max(planned - reserved - spent, 0.0))


def _amounts(planned: ColumnElement[float], amount: ColumnElement[float]) -> tuple[ColumnElement[float], ...]:
    """Sums of what charges planned, what the open ones reserve, and what the settled ones spent."""
    is_open = t.charges.c.settled_at.is_(None)
    return (
        sa.func.sum(planned),
        sa.func.sum(sa.case((is_open, amount), else_=0.0)),
        sa.func.sum(sa.case((is_open, 0.0), else_=amount)),
    )


_SUMS = (
    sa.func.count(t.charges.c.run_id.distinct()),
    *_amounts(t.charges.c.planned_flops, t.charges.c.flops),
    *_amounts(t.charges.c.planned_seconds, t.charges.c.seconds),
)
