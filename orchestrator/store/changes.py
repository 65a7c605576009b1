"""What has changed: a cheap sign of any change, and how far each sweep is, with the key of its state, in one query."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from collections.abc import Collection, Hashable
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row, select
from sqlalchemy.exc import DBAPIError

import orchestrator.store.sqlite_file as sqlite_file
import orchestrator.store.tables as t
from orchestrator.states import RunState
from orchestrator.store.database import Database
from orchestrator.store.errors import Unavailable
from orchestrator.store.records import SweepRecord
from orchestrator.store.sweeps import to_sweep
from orchestrator.store.totals import StateTotal, SweepTotals

LOOK_SECONDS = 0.05
"""Between two looks at a file that is locked."""
KEY_DIGITS = 16
"""Hexadecimal digits of a key."""
SNAPSHOT = sa.text("SELECT pg_current_snapshot()::text")


class Changes(Database):
    """The part of the store that knows whether anything is new."""

    _watcher: sqlite3.Connection | None = None
    _asking: Connection | None = None
    _watching = threading.Lock()

    def stamp(self, *, wait: bool = True) -> Hashable:
        """A value that differs from earlier ones once anybody has written anything; costs some microseconds on SQLite.

        Two equal stamps of one process mean that nothing was written in between. A SQLite file that somebody keeps
        locked is waited for, or not. Raises Unavailable, Damaged.
        """
        if self.file is None:
            return self._snapshot()
        deadline = time.monotonic() + (sqlite_file.WAIT_SECONDS if wait else 0.0)
        while True:
            try:
                return self._version_of(self.file)
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() >= deadline:
                    raise Unavailable(f"the database does not answer: {error}") from error
            time.sleep(LOOK_SECONDS)

    def _snapshot(self) -> str:
        """PostgreSQL's transactions so far, by a connection of its own: one message there and one back."""
        with self._watching, self._translated():
            if self._asking is not None:
                try:
                    return str(self._asking.execute(SNAPSHOT).scalar_one())
                except DBAPIError:  # the server may have started again
                    self._asking.invalidate()
                    self._asking.close()
                    self._asking = None
            connection = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            try:
                found = str(connection.execute(SNAPSHOT).scalar_one())
            except BaseException:
                connection.close()
                raise
            self._asking = connection
            return found

    def _version_of(self, file: Path) -> int:
        """SQLite's count of changes: it compares with what the same connection saw, so this one never writes."""
        with self._watching, sqlite_file.damage_of(file):
            if self._watcher is None:
                self._watcher = sqlite_file.open_to_watch(file)
            with closing(self._watcher.execute("PRAGMA data_version")) as found:
                return int(found.fetchone()[0])

    def close(self) -> None:
        """Close the connections."""
        with self._watching:
            if self._watcher is not None:
                self._watcher.close()
                self._watcher = None
            if self._asking is not None:
                self._asking.close()
                self._asking = None
        super().close()

    def totals(self, sweep_ids: Collection[int] | None = None) -> dict[int, SweepTotals]:
        """All sweeps by id, or those named, the latest submission first: how far each is, and the key of its state."""
        every = sweep_ids is None
        mine = sa.true() if every else t.sweeps.c.id.in_(sweep_ids or ())
        runs = sa.true() if every else t.sweep_runs.c.sweep_id.in_(sweep_ids or ())
        named = (
            sa.true() if every else t.sweeps.c.name.in_(select(_NAMED.c.name).where(_NAMED.c.id.in_(sweep_ids or ())))
        )
        with self.reading() as db:
            sweeps = [to_sweep(r) for r in db.execute(select(t.sweeps).where(mine).order_by(*LATEST_FIRST))]
            rows: dict[int, list[Row[*tuple[Any, ...]]]] = {}
            for row in db.execute(TOTALS.where(runs)):
                rows.setdefault(row.sweep_id, []).append(row)
            forecasts = {row.name: tuple(row) for row in db.execute(FORECASTS.where(named))}
        return {s.id: _totals(s, rows.get(s.id, []), forecasts.get(s.name, ())) for s in sweeps}


def _totals(sweep: SweepRecord, rows: list[Row[*tuple[Any, ...]]], forecasts: tuple[Any, ...]) -> SweepTotals:
    """A sweep's totals, and the key: a hash of everything that can change while the sweep is stored."""
    totals = tuple(StateTotal(RunState(row.state), row.role, row.runs, row.flops) for row in rows)
    facts = [sweep.name, sweep.revision, sweep.submitted_at, sweep.held, sweep.held_reason, sweep.ceiling_seconds]
    facts.append(len(sweep.rounds))
    content = [facts, sorted(tuple(map(str, row)) for row in rows), forecasts]
    return SweepTotals(sweep, totals, hashlib.sha256(repr(content).encode()).hexdigest()[:KEY_DIGITS])


_NAMED = t.sweeps.alias("named")
LATEST_FIRST = (t.sweeps.c.submitted_at.desc(), t.sweeps.c.id)
"""The order in which sweeps are listed."""
# Every move of a run changes its state, its number of attempts, when it ended, or when it was begun again; together
# with their places in the plan these sums tell which run it was.
_PLACE = t.sweep_runs.c.position + 1
TOTALS = (
    select(
        t.sweep_runs.c.sweep_id,
        t.runs.c.state,
        t.sweep_runs.c.role,
        sa.func.count().label("runs"),
        sa.func.sum(t.runs.c.flops).label("flops"),
        sa.func.sum(_PLACE),
        sa.func.sum(_PLACE * _PLACE),
        sa.func.sum(t.runs.c.fence),
        sa.func.sum(t.runs.c.fence * _PLACE),
        sa.func.sum(t.runs.c.restarted * _PLACE),
        sa.func.sum(t.runs.c.finished_at),
        sa.func.sum(t.runs.c.loss),
        sa.func.sum(t.runs.c.predicted_seconds),
    )
    .join(t.runs, t.runs.c.id == t.sweep_runs.c.run_id)
    .group_by(t.sweep_runs.c.sweep_id, t.runs.c.state, t.sweep_runs.c.role)
)
FORECASTS = (
    select(
        t.sweeps.c.name,
        sa.func.count(),
        sa.func.max(t.forecasts.c.id),
        sa.func.count(t.forecasts.c.scored_at),
        sa.func.max(t.forecasts.c.scored_at),
    )
    .join(t.sweeps, t.sweeps.c.id == t.forecasts.c.sweep_id)
    .group_by(t.sweeps.c.name)
)
