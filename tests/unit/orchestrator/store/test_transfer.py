"""Moving a whole database: copied row by row, backed up while it is used, described."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from orchestrator.attempts import Outcome
from orchestrator.states import Cause, RunState
from orchestrator.store import Store, StoreError
from orchestrator.store.tables import SCHEMA, metadata
from orchestrator.store.transfer import backup, copy, status
from tests.unit.orchestrator.store_fixtures import claim, end_attempt, new_run, open_store, result, sweep_record


@pytest.fixture
def filled(tmp_path: Path) -> Store:
    (tmp_path / "source").mkdir()
    store = open_store(tmp_path / "source")
    sweep = store.submit(sweep_record(), [new_run(i) for i in range(3)])
    driver = store.start_driver("boot", [], "")
    end_attempt(store, "run0", claim(store, "run0", 0, driver, "w"), Outcome(Cause.DONE, result()))
    store.add_forecast(sweep.id, "run1", "law", 1e12, {"loss": 3.0})
    return store


def _rows(store: Store) -> dict[str, list[tuple[object, ...]]]:
    with store.reading() as db:
        return {
            t.name: [tuple(row) for row in db.execute(sa.select(t).order_by(*t.primary_key))]
            for t in metadata.sorted_tables
        }


def test_a_copy_has_every_row_and_goes_on(filled: Store, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.store.transfer.BATCH", 2)
    rows = _rows(filled)
    assert copy(filled, store) == sum(map(len, rows.values())) > 10
    assert _rows(store) == rows
    assert store.identity() == filled.identity(), "its workers are still its own"
    fresh = store.submit(sweep_record("other", "bbbb0000"), [new_run(5)])
    assert fresh.id not in {row[0] for row in rows["sweeps"]}, "the next id is a new one"
    assert store.state_counts(store.sweep("demo").id) == {RunState.DONE: 1, RunState.QUEUED: 2}


def test_a_database_with_sweeps_is_not_copied_into(filled: Store, store: Store) -> None:
    store.submit(sweep_record("mine"), [])
    with pytest.raises(StoreError, match="holds sweeps already"):
        copy(filled, store)
    assert [sweep.name for sweep in store.sweeps()] == ["mine"]


def test_a_backup_is_a_database_and_replaces_no_file(filled: Store, tmp_path: Path) -> None:
    backup(filled, tmp_path / "test.db")
    again = open_store(tmp_path)
    assert _rows(again) == _rows(filled)
    again.close()
    with pytest.raises(StoreError, match="exists already"):
        backup(filled, tmp_path / "test.db")


def test_postgresql_is_backed_up_by_its_own_tool(shared: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="pg_dump"):
        backup(shared, tmp_path / "file")
    assert not (tmp_path / "file").exists()


def test_the_status_counts_rows_and_names_the_scheduler(filled: Store) -> None:
    found = status(filled)
    assert (found["schema"], found["runs"], found["attempts"], found["forecasts"]) == (SCHEMA, 3, 1, 1)
    assert str(found["url"]).endswith("source/test.db")
    (driver,) = filled.unended_drivers()
    assert found["scheduler"] == f"driver {driver.id}"
    filled.end_driver(driver.id)
    assert status(filled)["scheduler"] == "none"
