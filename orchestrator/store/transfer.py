"""A whole database: copied to PostgreSQL, backed up into a file, described."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

import orchestrator.store.sqlite_file as sqlite_file
import orchestrator.store.tables as t
from orchestrator.store.database import Database
from orchestrator.store.errors import StoreError
from orchestrator.store.tables import SCHEMA, metadata

BATCH = 1000
"""Rows of one insertion."""


def copy(source: Database, target: Database) -> int:
    """Copy every row into an empty database; returns how many. Raises StoreError if it is not empty."""
    copied = 0
    with source.reading() as old, target.writing() as new:
        if new.execute(sa.select(sa.func.count()).select_from(metadata.tables["sweeps"])).scalar_one():
            raise StoreError("the target database holds sweeps already: copy into an empty one")
        new.execute(sa.delete(t.scheduler))
        for table in metadata.sorted_tables:
            rows = [dict(r._mapping) for r in old.execute(sa.select(table))]
            for start in range(0, len(rows), BATCH):
                new.execute(sa.insert(table), rows[start : start + BATCH])
            there = new.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            if there != len(rows):
                raise StoreError(f"{there} of {len(rows)} rows of {table.name} were copied: nothing was kept")
            copied += len(rows)
            if new.dialect.name == "postgresql" and isinstance(table.primary_key.columns[0].type, sa.Integer):
                _advance_sequence(new, table)
    return copied


def _advance_sequence(db: sa.Connection, table: sa.Table) -> None:
    """Move the sequence of a table's ids past those of the copied rows, which did not come from it."""
    key = table.primary_key.columns[0]
    sequence = db.execute(sa.select(sa.func.pg_get_serial_sequence(table.name, key.name))).scalar()
    if sequence is not None:
        highest = sa.select(sa.func.coalesce(sa.func.max(key), 0) + 1).scalar_subquery()
        db.execute(sa.select(sa.func.setval(sequence, highest, False)))


def backup(source: Database, path: Path) -> None:
    """Write a consistent SQLite file while others read and write, private and checked. Raises StoreError, Damaged."""
    if source.file is None:
        raise StoreError("this database is PostgreSQL: back it up with pg_dump")
    if not source.file.exists():
        raise StoreError(f"there is no database {source.file} to back up yet")
    sqlite_file.backup(source.file, path)


def status(database: Database) -> dict[str, str | int]:
    """What `isoflop db` shows: URL, schema, who schedules, and the number of rows of each other table."""
    with database.reading() as db:
        rows = {
            table.name: int(db.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
            for table in metadata.sorted_tables
            if table is not t.scheduler
        }
        lease = db.execute(sa.select(t.scheduler)).one()
    return {
        "url": database.name,
        "schema": SCHEMA,
        "scheduler": f"driver {lease.driver_id}" if lease.driver_id else "none",
        **rows,
    }
