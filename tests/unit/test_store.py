"""The store: idempotent submissions, compare-and-set transitions, fences, durability."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from orchestrator.states import MAX_CODE_FAILURES, Cause, IllegalMove, Move, RunState
from orchestrator.store import ForecastScore, NotFound, Outcome, StaleAttempt, Store
from orchestrator.tables import metadata
from tests.unit.store_fixtures import new_run, open_store, result, sweep_record


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path)


def test_submitting_twice_changes_nothing(store: Store) -> None:
    first = store.submit(sweep_record(), [new_run(0), new_run(1)])
    second = store.submit(sweep_record(), [new_run(0), new_run(1)])
    assert first.id == second.id
    assert [r.id for r in store.runs_of(first.id)] == ["run0", "run1"]


def test_sweeps_share_equal_runs_and_a_larger_one_adds_the_difference(store: Store) -> None:
    small = store.submit(sweep_record(), [new_run(0)])
    driver = store.start_driver("boot", [], "")
    fence = store.claim("run0", 0, driver, "w")
    store.end_attempt("run0", fence, Outcome(Cause.DONE, result()))
    large = store.submit(sweep_record(revision="bbbb0000"), [new_run(0), new_run(1)])
    assert large.id != small.id
    assert [r.state for r in store.runs_of(large.id)] == [RunState.DONE, RunState.QUEUED]


def test_a_name_is_a_moving_handle(store: Store) -> None:
    store.submit(sweep_record(revision="aaaa0000"), [new_run(0)])
    store.submit(sweep_record(revision="bbbb0000"), [new_run(1)])
    assert store.sweep("demo").revision == "bbbb0000"
    assert store.sweep("demo@aaaa").revision == "aaaa0000"
    store.submit(sweep_record(revision="aaaa0000"), [new_run(0)])
    assert store.sweep("demo").revision == "aaaa0000"


@pytest.mark.parametrize("name", ["nothing", "demo@ffff", "demo@%"])
def test_an_unknown_sweep_is_not_found(store: Store, name: str) -> None:
    store.submit(sweep_record(), [new_run(0)])
    with pytest.raises(NotFound, match="known: demo"):
        store.sweep(name)


def test_two_claims_of_one_run_cannot_both_win(store: Store) -> None:
    store.submit(sweep_record(), [new_run(0)])
    driver = store.start_driver("boot", [], "")
    assert store.claim("run0", 0, driver, "a") == 1
    with pytest.raises(StaleAttempt):
        store.claim("run0", 0, driver, "b")
    assert [a["worker"] for a in store.attempts_of("run0")] == ["a"]


def test_a_fenced_attempt_cannot_report(store: Store) -> None:
    store.submit(sweep_record(), [new_run(0)])
    driver = store.start_driver("boot", [], "")
    old = store.claim("run0", 0, driver, "a")
    store.end_attempt("run0", old, Outcome(Cause.LOST))
    new = store.claim("run0", old, driver, "b")
    with pytest.raises(StaleAttempt):
        store.end_attempt("run0", old, Outcome(Cause.DONE, result(9.9)))
    store.end_attempt("run0", new, Outcome(Cause.DONE, result(3.5)))
    assert store.run("run0").loss == 3.5


def test_a_failing_run_ends_with_its_traceback_and_can_be_retried(store: Store) -> None:
    sweep = store.submit(sweep_record(), [new_run(0)])
    driver = store.start_driver("boot", [], "")
    fence = 0
    for _ in range(MAX_CODE_FAILURES):
        fence = store.claim("run0", fence, driver, "a")
        state = store.end_attempt("run0", fence, Outcome(Cause.CODE, detail="Traceback: boom"))
    assert state is RunState.FAILED
    assert store.run("run0").error == "Traceback: boom"
    assert store.retry_failed(sweep.id) == 1
    assert store.run("run0").state is RunState.QUEUED
    assert store.run("run0").error is None


def test_an_illegal_move_is_refused_before_anything_is_written(store: Store) -> None:
    store.submit(sweep_record(), [new_run(0)])
    with pytest.raises(StaleAttempt):
        store.end_attempt("run0", 0, Outcome(Cause.DONE, result()))
    with pytest.raises(IllegalMove), store._write() as db:
        store._move(db, "run0", 0, RunState.DONE, Move.CLAIM, {})
    assert store.run("run0").state is RunState.QUEUED


def test_what_is_stored_survives_reopening(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    sweep = store.submit(sweep_record(), [new_run(0, seconds=12.5)])
    store.close()
    again = open_store(tmp_path)
    assert again.runs_of(sweep.id)[0].predicted_seconds == 12.5
    assert again.state_counts(sweep.id) == {RunState.QUEUED: 1}


def test_a_forecast_is_kept_once_and_scored(store: Store) -> None:
    sweep = store.submit(sweep_record(), [new_run(0)])
    for _ in range(2):
        store.add_forecast(sweep.id, "run0", "law", 3e12, {"loss": 3.0, "loss_interval": [2.9, 3.1]})
    (forecast,) = store.forecasts_of(sweep.id)
    assert forecast["scored_at"] is None
    store.score_forecast(forecast["id"], ForecastScore(3.2, 0.2, 4.2, inside=False))
    (forecast,) = store.forecasts_of(sweep.id)
    assert (forecast["loss"], forecast["inside"]) == (3.2, 0)


def test_the_migrations_make_exactly_the_tables_of_the_code(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_sqlite_is_durable_and_waits_for_locks(store: Store) -> None:
    with store.engine.connect() as db:
        pragmas = {
            p: db.execute(sa.text(f"PRAGMA {p}")).scalar() for p in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
