"""Whether anything has changed, on SQLite and on PostgreSQL; and all sweeps in one query."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from orchestrator.attempts import Outcome
from orchestrator.settings import Ceilings
from orchestrator.states import Cause, Hold, RunState
from orchestrator.store import Store, Unavailable, sqlite_file
from tests.unit.orchestrator.store_fixtures import claim, empty, end_attempt, new_run, result, sweep_record


def test_a_stamp_differs_after_a_write_of_anybody_and_only_then(store: Store) -> None:
    store.submit(sweep_record(), [new_run(0)])
    before = store.stamp()
    assert store.stamp() == before
    store.sweeps()
    assert store.stamp() == before, "reading changes nothing"
    other = Store(store._where)
    other.hold(other.sweeps()[0].id, Hold.PAUSED)
    other.close()
    after = store.stamp()
    assert after != before and store.stamp() == after
    store.release(store.sweeps()[0].id)
    assert store.stamp() != after, "so does a write of its own"


def test_a_file_that_is_locked_is_waited_for_only_by_who_wants_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "isoflop.db")
    opened, tried = sqlite_file.open_to_watch(tmp_path / "isoflop.db"), []

    class Locked:
        """A connection to a file that is locked the first two times."""

        def execute(self, statement: str) -> sqlite3.Cursor:
            tried.append(statement)
            if len(tried) <= 2:
                raise sqlite3.OperationalError("database is locked")
            return opened.execute(statement)

        close = opened.close

    monkeypatch.setattr(sqlite_file, "open_to_watch", lambda _: Locked())
    with pytest.raises(Unavailable, match="locked"):
        store.stamp(wait=False)
    assert len(tried) == 1
    assert store.stamp() == store.stamp(wait=False) and len(tried) == 4
    store.close()


def test_all_sweeps_are_read_by_three_queries(store: Store) -> None:
    for index in range(5):
        store.submit(sweep_record(f"s{index}"), [new_run(index), new_run(9)])
    queries: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        queries.append(statement)

    sa.event.listen(store.engine, "after_cursor_execute", note)
    found = list(store.totals().values())
    sa.event.remove(store.engine, "after_cursor_execute", note)
    assert len([query for query in queries if query.startswith("SELECT")]) == 3
    assert [each.sweep.name for each in found] == [sweep.name for sweep in store.sweeps()]
    assert [each.total for each in found] == [2] * 5
    one = found[2].sweep.id
    assert store.totals([one]) == {one: found[2]}


CHANGES: dict[str, Callable[[Store, int], object]] = {
    "claim": lambda store, _: claim(store, "run1", 0, store.start_driver("boot", [], ""), "w"),
    "end": lambda store, _: end_attempt(store, "run0", 1, Outcome(Cause.DONE, result())),
    "fail": lambda store, _: end_attempt(store, "run0", 1, Outcome(Cause.CONFIGURATION, detail="no")),
    "pause": lambda store, sweep: store.hold(sweep, Hold.PAUSED),
    "wait": lambda store, sweep: store.note_waits({sweep: "a GPU"}),
    "add": lambda store, sweep: store.add_runs(sweep, [new_run(5)], Ceilings()),
    "forecast": lambda store, sweep: store.add_forecast(sweep, "run0", "law", 1e12, {"loss": 3.0}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_in_the_key_of_its_sweep_alone(store: Store, change: str) -> None:
    sweep = store.submit(sweep_record(), [new_run(0), new_run(1)]).id
    other = store.submit(sweep_record("other"), [new_run(7)]).id
    claim(store, "run0", 0, store.start_driver("boot", [], ""), "w")
    before = store.totals()
    CHANGES[change](store, sweep)
    after = store.totals()
    assert after[sweep].key != before[sweep].key
    assert after[other].key == before[other].key


def test_the_key_tells_equal_numbers_of_runs_apart(store: Store) -> None:
    sweep = store.submit(sweep_record(), [new_run(0), new_run(1)]).id
    driver = store.start_driver("boot", [], "")
    claim(store, "run0", 0, driver, "w")
    first = store.totals()[sweep]
    end_attempt(store, "run0", 1, Outcome(Cause.LOST))
    claim(store, "run1", 0, driver, "w")
    second = store.totals()[sweep]
    assert first.count(RunState.RUNNING) == second.count(RunState.RUNNING) == 1 and first.key != second.key


def test_a_stamp_comes_by_a_new_connection_if_the_server_has_ended_the_old_one(shared: Store) -> None:
    store = empty(shared)
    before = store.stamp()
    assert store._asking is not None
    driver = store._asking.connection.dbapi_connection
    assert driver is not None
    driver.close()
    assert store.stamp() == before
