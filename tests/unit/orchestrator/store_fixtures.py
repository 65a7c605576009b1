"""A store with one small sweep, for the tests of everything above it; on SQLite, or on a real PostgreSQL."""

from __future__ import annotations

import contextlib
import itertools
import signal
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from model.config import ModelConfig, RunConfig, TrainConfig
from orchestrator.attempts import Outcome
from orchestrator.states import RunState
from orchestrator.store import NewRun, StaleAttempt, Store, SweepRecord, Usage
from orchestrator.store import tables as t
from orchestrator.store.cell import Cell
from orchestrator.store.quotas import usage

DATABASES = ("sqlite", "postgresql")
SHAPE = ModelConfig(vocab=64, context=32, d_model=16, n_layers=2, n_heads=2, d_ff=32)
_numbers = itertools.count()


def open_store(folder: Path) -> Store:
    return Store(f"sqlite:///{folder / 'test.db'}")


@contextlib.contextmanager
def postgresql_server() -> Iterator[str]:
    """URL of a PostgreSQL that lives as long as the block; skips the test where none can be started."""
    pgserver = pytest.importorskip("pgserver", reason="PyPI's pgserver is not installed")
    pytest.importorskip("psycopg")
    with tempfile.TemporaryDirectory(prefix="pg-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            server = pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        except Exception as error:  # noqa: BLE001 - whatever keeps it from starting here
            pytest.skip(f"PostgreSQL does not start: {error}")
        server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")  # else ending it takes many seconds
        try:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        finally:
            _end_at_once(server.get_postmaster_info().process)
            server.cleanup()


def _end_at_once(server: psutil.Process) -> None:
    """End it without a checkpoint, and wait: pgserver's own clean-up fails on a server that goes meanwhile."""
    server.send_signal(signal.SIGQUIT)
    with contextlib.suppress(psutil.TimeoutExpired):  # a container without an init keeps it as a zombie
        server.wait(10)


def new_database(server: str) -> str:
    """URL of an empty database on the server."""
    name = f"test{next(_numbers)}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as db:
        db.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


def empty(store: Store) -> Store:
    """Delete all rows: to migrate a new database for each test would take most of their time."""
    with store.writing() as db:
        db.execute(sa.update(t.scheduler).values(driver_id=None, requests=0, expires_at=0.0))
        for table in reversed(t.metadata.sorted_tables):
            if table not in (t.scheduler, t.audit):
                db.execute(sa.delete(table))
        _empty_the_log(db)
    return store


def _empty_the_log(db: sa.Connection) -> None:
    """Delete the audit log, which the product cannot."""
    if db.dialect.name == "postgresql":
        db.execute(sa.text("ALTER TABLE audit DISABLE TRIGGER USER"))
        db.execute(sa.delete(t.audit))
        db.execute(sa.text("ALTER TABLE audit ENABLE TRIGGER USER"))
        return
    if db.execute(sa.select(t.audit.c.id).limit(1)).first() is None:
        return
    query = "SELECT sql FROM sqlite_master WHERE name = 'audit_refuses_delete'"
    trigger = str(db.execute(sa.text(query)).scalar_one())
    db.execute(sa.text("DROP TRIGGER audit_refuses_delete"))
    db.execute(sa.delete(t.audit))
    db.execute(sa.text(trigger))


def sweep_record(name: str = "demo", revision: str = "aaaa0000", **changes: Any) -> SweepRecord:
    return SweepRecord(0, name, revision, "name: demo\n", "data", 1000, (), [], 0.0, **changes)


def made_cell(**changes: Any) -> Cell:
    cell = Cell(
        budget=1e9,
        size_id="s",
        seed=0,
        recipe="cpu-small",
        params=10,
        params_total=20,
        params_nonembedding=5,
        tokens=1000,
        steps=10,
        batch_tokens=100,
        epochs=0.1,
        shape="s",
        vary={},
    )
    return replace(cell, **changes)


def new_run(index: int, seconds: float | None = None, batch: int = 8) -> NewRun:
    cell = made_cell(shape=f"s{index}", params=10 * index)
    config = RunConfig(SHAPE, TrainConfig(sequences=47, batch=batch, lr=0.005, seed=index), "data").to_dict()
    return NewRun(f"run{index}", config, 1e9 * (index + 1), seconds, cell)


def result(loss: float = 3.0) -> dict[str, Any]:
    return {"loss": loss, "bits_per_byte": loss / 2, "train_seconds": 1.5}


def claim(store: Store, run_id: str, fence: int, driver_id: int, worker: str) -> int:
    """Give one run to a worker: the number of its attempt."""
    (number,) = store.claim_all([(run_id, fence, worker)], driver_id)
    if number is None:
        raise StaleAttempt(f"run {run_id} is not queued in attempt {fence}")
    return number


def end_attempt(store: Store, run_id: str, fence: int, outcome: Outcome) -> RunState:
    """Close one attempt: the state of its run."""
    (state,) = store.end_all([(run_id, fence, outcome)])
    if state is None:
        raise StaleAttempt(f"run {run_id} is not running in attempt {fence}")
    return state


def usage_of_user(store: Store, user: str) -> Usage:
    """What a user's runs have reserved and spent."""
    with store.reading() as db:
        return usage(db, t.charges.c.user == user)


def usage_of_sweep(store: Store, sweep_id: int) -> Usage:
    """What a sweep's runs have reserved and spent."""
    with store.reading() as db:
        return usage(db, t.charges.c.sweep_id == sweep_id)
