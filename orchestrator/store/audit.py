"""The audit log: a row for each change that somebody asked for, written in the transaction of the change."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection, insert, select

import orchestrator.store.tables as t
from orchestrator.people import Actor
from orchestrator.store.database import Database


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One change."""

    id: int
    """Number of the entry; it only grows."""
    at: float
    """Seconds since the epoch, by the database's clock."""
    user: str
    """Who asked for it."""
    action: str
    """What was done, such as `submit` or `cancel`."""
    subject: str
    """What was changed: a sweep's name, an account, a group."""
    detail: str
    """More about it; empty if there is nothing to say."""
    address: str
    """Where it came from: a network address, or `this machine`."""
    request: str
    """Id of the request; empty for a command in the home itself."""


def note(db: Connection, now: float, by: Actor, action: str, subject: str, detail: str = "") -> None:
    """Write down a change."""
    values = {"user": by.name, "address": by.address, "request": by.request}
    db.execute(insert(t.audit).values(at=now, action=action, subject=subject, detail=detail, **values))


class Audit(Database):
    """The part of the store that knows who changed what."""

    def audit(self, *, limit: int | None = None, offset: int = 0) -> list[AuditRecord]:
        """The entries of the log, the latest first."""
        query = select(t.audit).order_by(t.audit.c.id.desc()).limit(limit).offset(offset)
        with self.reading() as db:
            return [AuditRecord(**row._mapping) for row in db.execute(query)]

    def audit_length(self) -> int:
        """How many entries the log has."""
        with self.reading() as db:
            return int(db.execute(select(sa.func.count()).select_from(t.audit)).scalar_one())
