"""A database: SQLite or PostgreSQL, one writer at a time on both, its clock, its errors, and its schema upgraded."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

import orchestrator.store.sqlite_file as sqlite_file
from orchestrator.store.engine import WAIT_SECONDS, empty_engine, make_engine, name_of, place_of
from orchestrator.store.errors import Damaged, Rejected, StoreError, Unavailable
from orchestrator.store.tables import SCHEMA, metadata

WRITE_LOCK = 0x150F109
"""Key of PostgreSQL's advisory lock that makes its writers take turns, as SQLite's do."""


class Database:
    """The database at a URL, or in a SQLite file. Opening it brings the schema up to date.

    Opened only to read, it changes nothing: not the file, not its folder. One that does not exist has no row then.

    Raises StoreError, Damaged, Unavailable.
    """

    def __init__(self, where: str | Path, *, reading: bool = False, clock: Callable[[], float] | None = None) -> None:
        """Open the database at an SQLAlchemy URL or path of a SQLite file; `clock` replaces its own in tests."""
        self._clock = clock
        self._reading = reading
        self._where = where
        self._place = place_of(where)
        self.name = name_of(self._place)
        """Path or URL, without the password."""
        try:
            with self._translated():
                self.engine = self._open(reading)
        except (SQLAlchemyError, ImportError, OSError, Unavailable, ValueError) as error:
            raise StoreError(f"the database {self.name} cannot be opened: {error}") from error

    @property
    def file(self) -> Path | None:
        """The SQLite file; None on PostgreSQL."""
        return self._place if isinstance(self._place, Path) else None

    def _open(self, reading: bool) -> Engine:
        """The engine, once the database exists, holds together, and has the schema of this version."""
        path = self.file
        if path is not None:
            if not path.exists():
                if reading:
                    return empty_engine()
                sqlite_file.create(path)
            sqlite_file.check_readable(path)
            if path.stat().st_size <= sqlite_file.CHEAP_BYTES:
                check(path)
        engine = make_engine(self._place, reading=reading)
        try:
            version = _version(engine)
            if version == SCHEMA:
                return engine
            self._check_version(engine, version)
            if not reading:
                _upgrade(self, engine)
                return engine
        except BaseException:
            engine.dispose()
            raise
        engine.dispose()
        if version is None:
            return empty_engine()
        if path is not None and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
            raise StoreError(
                f"the database {self.name} was written by an earlier version of isoflop (schema {version}, this one "
                f"reads {SCHEMA}), and you may not write it: whoever may upgrades it with: isoflop db"
            )
        Database(self._where, clock=self._clock).close()
        return make_engine(self._place, reading=True)

    def _check_version(self, engine: Engine, version: str | None) -> None:
        """Refuse a later schema, and tables that are not ours. Raises StoreError."""
        if version is not None and version > SCHEMA:
            raise StoreError(
                f"the database {self.name} was written by another version of isoflop, a later one (schema {version}, "
                f"this one knows {SCHEMA}): install that version"
            )
        if version is None:
            found = set(sa.inspect(engine).get_table_names())
            if engine.dialect.name != "sqlite":  # a server's database may hold other tables, too
                found &= metadata.tables.keys() | {"alembic_version"}
            if found and _version(engine) is None:  # else another process has just made it
                raise StoreError(
                    f"{self.name} is no database of isoflop's, or lost its schema's number: it has the tables "
                    f"{', '.join(sorted(found)[:5])}; name another one, or restore a backup"
                )

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read with. Raises Unavailable, Damaged."""
        stamp = self._stamp()
        with self._translated(), self.engine.connect() as connection:
            yield connection
        if stamp is not None and self._stamp(stamp) != stamp:
            raise Unavailable(f"the database {self.name} was written while it was read")

    def _stamp(self, earlier: object = None) -> tuple[int, int, int] | None:
        """Identity of a file's content that is read without locks, because nobody writes; None for any other."""
        if not self._reading or self.file is None or (earlier is None and sqlite_file.wal_of(self.file).exists()):
            return None
        try:
            stat = self.file.stat()
        except FileNotFoundError:
            return None
        return stat.st_ino, stat.st_size, stat.st_mtime_ns

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that overlaps with no other writer's. Raises Unavailable, Rejected, Damaged."""
        with self._translated(), self.engine.execution_options(immediate=True).begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'")
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")
            yield connection

    def now(self, db: Connection) -> float:
        """Seconds since the epoch by the database's clock, which all its users share."""
        if self._clock is not None:
            return self._clock()
        if db.dialect.name == "postgresql":
            return float(db.execute(sa.text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())
        return time.time()  # SQLite serves one machine

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the driver's errors into ours: away, damaged, or a value that is refused."""
        try:
            yield
        except DBAPIError as error:
            reason = str(error.orig or error)
            if any(sign in reason for sign in sqlite_file.CORRUPT):
                raise Damaged(self.name, reason) from error
            if isinstance(error, OperationalError | InterfaceError):
                raise Unavailable(f"the database does not answer: {reason}") from error
            raise Rejected(f"the database refuses a value: {reason}") from error
        except (OverflowError, UnicodeEncodeError) as error:  # of the driver, before it asks the database
            raise Rejected(f"the database cannot hold a value: {error}") from error


def check(path: Path, *, thorough: bool = False) -> None:
    """Check the structure of a SQLite file, which another process may be about to write. Raises Damaged."""
    try:
        sqlite_file.check_file(path, thorough=thorough)
    except Damaged:
        if not sqlite_file.wal_of(path).exists():
            raise
        sqlite_file.check_file(path, thorough=thorough)  # somebody began to write while it was read


def new_id(result: sa.CursorResult[Any]) -> int:
    """The primary key of the row just inserted."""
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def _upgrade(database: Database, engine: Engine) -> None:
    """Run the missing migrations; Alembic is loaded only for that."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    # The configuration interpolates per cent signs.
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    database.engine = engine
    with database.writing() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise StoreError(f"the database was written by another version of isoflop: {error}") from error


def _version(engine: Engine) -> str | None:
    """The migration that the database is at; None for an empty one."""
    with engine.connect() as db:
        if not sa.inspect(db).has_table("alembic_version"):
            return None
        version: str | None = db.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return version
