"""The engine of a database: a SQLite file by its path, or PostgreSQL by its URL, to write or only to read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool, QueuePool, StaticPool

import orchestrator.store.sqlite_file as sqlite_file
from orchestrator.store.encoding import clean_parameters, from_json, to_json
from orchestrator.store.errors import StoreError
from orchestrator.store.tables import metadata, scheduler

WAIT_SECONDS = 10
"""Longest wait for another writer, and for a server to answer."""


def place_of(where: str | Path, named: str = "ISOFLOP_DATABASE_URL") -> Path | sa.URL:
    """The file of a SQLite database, given as its path or URL, or the URL of another one.

    `named` is what a user set it by. Raises StoreError for a database that is not supported.
    """
    if isinstance(where, Path):
        return where.absolute()
    try:
        url = sa.make_url(where)
        backend = url.get_backend_name()
        url.get_dialect()
    except NoSuchModuleError as error:
        raise StoreError(f"{named} names an unknown kind of database: {error}") from error
    except (ArgumentError, ValueError) as error:
        raise StoreError(
            f"{named} is not the URL of a database, such as postgresql+psycopg://user@host/name"
        ) from error
    if backend not in ("sqlite", "postgresql"):
        raise StoreError(f"{named}: {backend} is not supported; use SQLite or PostgreSQL")
    if backend == "postgresql":
        return url
    if not url.database or url.query:
        raise StoreError(f"{named}: name a SQLite file without options, as in sqlite:////folder/file.db")
    return Path(url.database).absolute()


def name_of(place: Path | sa.URL) -> str:
    """A database in a message, without its password."""
    return str(place) if isinstance(place, Path) else place.render_as_string(hide_password=True)


def make_engine(place: Path | sa.URL, *, reading: bool) -> Engine:
    """The engine of a database that exists; one only for reading changes nothing, whatever it is asked for."""
    if isinstance(place, Path):
        # To read, each connection is new: only then does it see whether somebody writes by now.
        connect = sqlite_file.open_to_read if reading else sqlite_file.open_to_write
        engine = create_engine(
            sa.URL.create("sqlite", database=str(place)),
            creator=lambda: connect(place),
            poolclass=NullPool if reading else QueuePool,
            json_serializer=to_json,
            json_deserializer=from_json,
        )
        event.listen(engine, "begin", _begin_sqlite)
    else:
        engine = create_engine(
            place,
            connect_args={"connect_timeout": WAIT_SECONDS},
            pool_pre_ping=True,
            json_serializer=to_json,
            json_deserializer=from_json,
            execution_options={"postgresql_readonly": True} if reading else {},
        )
    event.listen(engine, "before_cursor_execute", _clean, retval=True)
    return engine


def empty_engine() -> Engine:
    """The engine of a database in memory without a row: what is read of a home that has no database yet."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    metadata.create_all(engine)
    with engine.begin() as db:
        db.execute(sa.insert(scheduler).values(id=1, identity="", expires_at=0.0, requests=0))
    return engine


def _begin_sqlite(connection: Connection) -> None:
    """Let a writer take the lock at once: a transaction that reads first and then writes would fail, not wait."""
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _clean(
    _connection: Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    """Replace what no database holds in the parameters of a statement."""
    return statement, clean_parameters(parameters)
