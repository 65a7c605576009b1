"""The connection: SQLite or PostgreSQL by URL, one writer at a time on both, its clock, and its schema upgraded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import InterfaceError, NoSuchModuleError, OperationalError, SQLAlchemyError

from orchestrator.store.records import StoreError, Unavailable
from orchestrator.store.tables import SCHEMA

WAIT_SECONDS = 10
"""Longest wait for another writer, and for a server to answer."""
WRITE_LOCK = 0x150F109
"""Key of PostgreSQL's advisory lock that makes its writers take turns, as SQLite's do."""


class Database:
    """The database at one URL. Opening it brings the schema up to date.

    Raises StoreError.
    """

    def __init__(self, url: str, *, clock: Callable[[], float] | None = None) -> None:
        """Open the database at an SQLAlchemy `url`; `clock` replaces its own in tests."""
        self._clock = clock
        try:
            self.engine = _engine(url)
            with translated():
                _upgrade(self)
        except (SQLAlchemyError, ImportError, Unavailable, ValueError) as error:  # ValueError: a port that is no number
            raise StoreError(f"the database {url.split('@')[-1]} cannot be opened: {error}") from error

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read with. Raises Unavailable."""
        with translated(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that overlaps with no other writer's. Raises Unavailable."""
        with translated(), self.engine.execution_options(immediate=True).begin() as connection:
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
def translated() -> Iterator[None]:
    """Turn the errors of a lock, a full disk or a lost server into Unavailable."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise Unavailable(f"the database does not answer: {error.orig or error}") from error


def new_id(result: sa.CursorResult[Any]) -> int:
    """The primary key of the row just inserted."""
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def _engine(url: str) -> Engine:
    """The engine of a URL. Raises StoreError for a database that is not supported."""
    try:
        postgresql = sa.make_url(url).get_backend_name() == "postgresql"
        options = {"connect_args": {"connect_timeout": WAIT_SECONDS}, "pool_pre_ping": True} if postgresql else {}
        engine = create_engine(url, **options)
    except NoSuchModuleError as error:
        raise StoreError(f"ISOFLOP_DATABASE_URL names an unknown kind of database: {error}") from error
    if engine.dialect.name not in ("sqlite", "postgresql"):
        raise StoreError(f"ISOFLOP_DATABASE_URL: {engine.dialect.name} is not supported; use SQLite or PostgreSQL")
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _begin_sqlite(connection: Connection) -> None:
    """Let a writer take the lock at once: a transaction that reads first and then writes would fail, not wait."""
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _configure_sqlite(connection: Any, _record: Any) -> None:
    """Make SQLite durable and readable while it is written; SQLAlchemy, not the driver, opens the transactions."""
    connection.isolation_level = None
    wait = f"busy_timeout={WAIT_SECONDS * 1000}"
    for pragma in (wait, "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _upgrade(database: Database) -> None:
    """Run the missing migrations; Alembic is loaded only if there are some."""
    if _version(database.engine) == SCHEMA:
        return
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
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
