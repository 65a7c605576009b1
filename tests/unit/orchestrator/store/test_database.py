"""The database: durable, locked against a second writer, brought up from every released schema."""

from __future__ import annotations

import shutil
import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from orchestrator.attempts import Outcome
from orchestrator.boards import Forecast, NewEntry
from orchestrator.people import ITSELF, Actor, Role
from orchestrator.states import Cause, Hold, RunState
from orchestrator.store import Entry, OpenCharge, Store, StoreError, Unavailable, Usage
from orchestrator.store import tables as t
from tests.conftest import ROOT
from tests.unit.orchestrator.store_fixtures import (
    claim,
    end_attempt,
    new_run,
    open_store,
    result,
    sweep_record,
    usage_of_sweep,
)
from tests.unit.orchestrator.use_cases.board_homes import asked

SCHEMAS = Path(__file__).parent / "schemas"
"""Rows of each released schema but the newest."""


def test_what_is_stored_survives_reopening(url: str) -> None:
    store = Store(url)
    sweep = store.submit(sweep_record(), [new_run(0, seconds=12.5)])
    store.close()
    again = Store(url)
    assert again.runs_of(sweep.id)[0].predicted_seconds == 12.5
    assert again.state_counts(sweep.id) == {RunState.QUEUED: 1}
    again.close()


def test_sqlite_is_durable_and_waits_for_locks(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with store.engine.connect() as db:
        pragmas = {
            p: db.execute(sa.text(f"PRAGMA {p}")).scalar() for p in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_locked_database_is_unavailable_and_nothing_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.store.sqlite_file.WAIT_SECONDS", 0)
    store = open_store(tmp_path)
    other = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked"):
        store.submit(sweep_record(), [new_run(0)])
    assert store.sweeps() == []
    other.execute("ROLLBACK")
    store.submit(sweep_record(), [new_run(0)])


def test_a_database_of_the_first_release_is_upgraded_with_its_rows(url: str) -> None:
    """Schema 0001 with a finished, a failed and a queued run, as the first release wrote them."""
    _filled_by(url, "0001")
    store = Store(url)
    sweep = store.sweep("old")
    assert (sweep.user, sweep.held, sweep.ceiling_flops) == ("", None, None)
    states = {r.id: (r.state, r.loss, r.counted_from, r.micro_batch) for r in store.runs_of(sweep.id)}
    assert states == {
        "a": (RunState.DONE, 3.25, 0, None),
        "b": (RunState.FAILED, None, 0, None),
        "c": (RunState.QUEUED, None, 0, None),
    }
    assert [a.cause for a in store.attempts_of("b")] == ["code", "code"]
    driver = store.start_driver("boot", [], "")
    end_attempt(store, "c", claim(store, "c", 0, driver, "w"), Outcome(Cause.DONE, result()))
    assert store.retry([sweep.id]) == 1
    store.close()


def _migrate(engine: sa.Engine, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "orchestrator" / "store" / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def test_a_database_of_a_later_version_is_refused(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with store.writing() as db:
        db.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(StoreError, match="another version of isoflop"):
        open_store(tmp_path)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("nothing://here", "names an unknown kind of database"),
        ("mssql+pyodbc://user:secret@host/name", "mssql is not supported|cannot be opened"),
        (
            "sqlite:////nowhere/at/all.db",
            "the database /nowhere/at/all.db cannot be opened: there is no folder /nowhere/at",
        ),
    ],
)
def test_a_database_that_cannot_be_opened_is_named_without_its_password(bad: str, message: str) -> None:
    with pytest.raises(StoreError, match=message) as refused:
        Store(bad)
    assert "secret" not in str(refused.value)


def test_the_clock_is_the_databases_own(store: Store) -> None:
    with store.reading() as db:
        assert abs(store.now(db) - time.time()) < 60


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.writing() as db:
        db.execute(sa.update(t.scheduler).values(requests=7))
        _ = 1 / 0
    assert store.requests() != 7


def _filled_by(url: str, schema: str) -> None:
    """A database of an earlier schema, with its rows."""
    engine = sa.create_engine(url)
    _migrate(engine, schema)
    with engine.begin() as db:
        for statement in (SCHEMAS / f"{schema}.sql").read_text().split(";\n"):
            if statement.strip():
                db.execute(sa.text(statement))
    engine.dispose()


def test_a_database_of_the_second_release_goes_on_paying_for_the_attempts_that_counted(url: str) -> None:
    """Schema 0002: a run with a forgiven attempt, a preempted one, and an open reservation."""
    _filled_by(url, "0002")
    store = Store(url)
    assert (store.run("b").alone, store.attempts_of("b")[0].flops) == (False, None)
    assert store.open_charges(["a", "b"]) == {"b": OpenCharge(1, "old", Hold.PAUSED, None, 60.0, 7.0)}
    driver = store.start_driver("boot", [], "")
    end_attempt(store, "b", claim(store, "b", 2, driver, "w"), Outcome(Cause.DONE, result(), seconds=2.0))
    assert usage_of_sweep(store, 1) == Usage(2e9, 3.0 + 5.0 + 7.0 + 2.0)
    store.submit(replace(sweep_record(), unique_tokens=2**40), [])
    store.close()


def test_a_database_of_the_third_release_has_accounts_a_log_and_a_ledger(url: str) -> None:
    """Schema 0003: a run that was paid for, and one that is reserved for."""
    _filled_by(url, "0003")
    store = Store(url)
    (line,) = store.ledger()
    assert (line.user, line.flops, line.seconds) == ("ann", Entry(2e9, 1e9, 1e9, 0.0), Entry(63.0, 60.0, 3.0, 0.0))
    ann = Actor("ann", Role.SUBMITTER)
    store.add_account("ann", Role.SUBMITTER, "", ITSELF)
    store.hold(1, Hold.CANCELLED, by=ann)
    assert store.ledger()[0].flops == Entry(2e9, 0.0, 1e9, 1e9)
    assert [entry.action for entry in store.audit()] == ["cancel", "user add"]
    with pytest.raises(StoreError, match="append-only"), store.writing() as db:
        db.execute(sa.delete(t.audit))
    store.close()


def test_a_database_of_the_fifth_release_has_boards(url: str) -> None:
    """Schema 0005: a finished run, and the account of its owner in a group."""
    _filled_by(url, "0005")
    store = Store(url)
    assert store.boards() == [] and store.owners("a") == {"ann"}
    store.add_board(asked(group="cs"), None, ITSELF)
    store.add_entry("speed", NewEntry(runs=("a",), flops=1e9, scores=(1.5,)), Actor("ann", Role.SUBMITTER))
    (entry,) = store.entries(store.board("speed").id)
    assert (entry.user, entry.entered.runs, store.audit()[-1].action) == ("ann", ("a",), "user add")
    store.close()


def test_a_database_of_the_sixth_release_keeps_its_forecasts(url: str) -> None:
    """Schema 0006: a board and a forecast that was entered on it."""
    _filled_by(url, "0006")
    store = Store(url)
    (entry,) = store.entries(store.board("far").id)
    assert (entry.user, entry.entered.forecast) == ("ann", Forecast(1e4, 2e5, 3.0, 2.9, 3.1))
    store.close()


def test_an_earlier_schema_is_upgraded_by_a_reader_who_may_write(tmp_path: Path) -> None:
    _filled_by(f"sqlite:///{tmp_path / 'test.db'}", "0002")
    store = Store(tmp_path / "test.db", reading=True)
    assert store.run("a").loss == 3.25
    assert [path.name for path in tmp_path.iterdir()] == ["test.db"]


def test_an_earlier_schema_that_may_only_be_read_says_who_can_upgrade_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _filled_by(f"sqlite:///{tmp_path / 'test.db'}", "0002")
    monkeypatch.setattr("orchestrator.store.database.os.access", lambda *_: False)
    with pytest.raises(StoreError, match=r"schema 0002, this one reads .* you may not write it: .*isoflop db"):
        Store(tmp_path / "test.db", reading=True)


def test_a_reader_of_no_database_finds_no_row_and_makes_none(tmp_path: Path) -> None:
    store = Store(tmp_path / "none" / "isoflop.db", reading=True)
    assert (store.sweeps(), store.runs_in(*RunState), store.requests()) == ([], [], 0)
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "test.db") as db:
        db.execute("CREATE TABLE bookmarks (url TEXT)")
    db.close()
    before = (tmp_path / "test.db").read_bytes()
    with pytest.raises(StoreError, match=r"no database of isoflop's, .* it has the tables bookmarks"):
        open_store(tmp_path)
    assert (tmp_path / "test.db").read_bytes()[100:] == before[100:]


def test_a_database_that_lost_its_schemas_number_is_not_made_anew(url: str) -> None:
    opened = Store(url)
    opened.submit(sweep_record(), [new_run(0)])
    with opened.writing() as db:
        db.execute(sa.text("DELETE FROM alembic_version"))
    opened.close()
    with pytest.raises(StoreError, match="lost its schema's number"):
        Store(url)


def test_an_installation_may_lie_in_a_folder_with_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alembic's configuration would take a per cent sign for an interpolation."""
    copy = tmp_path / "50%(here)s%"
    shutil.copytree(ROOT / "orchestrator" / "store" / "migrations", copy / "migrations")
    monkeypatch.setattr("orchestrator.store.database.__file__", str(copy / "database.py"))
    assert open_store(tmp_path).sweeps() == []
