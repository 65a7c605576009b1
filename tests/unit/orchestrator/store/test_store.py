"""The store: idempotent submissions, compare-and-set transitions, fences, durability."""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from orchestrator.attempts import LEASE_SECONDS, Outcome, ProcessRecord
from orchestrator.errors import NotFound
from orchestrator.settings import Ceilings
from orchestrator.states import MAX_CODE_FAILURES, Cause, Hold, IllegalMove, Move, RunState
from orchestrator.store import (
    CeilingExceeded,
    ForecastScore,
    LeaseHeld,
    LeaseLost,
    StaleAttempt,
    Store,
    StoreError,
    Unavailable,
    Usage,
)
from orchestrator.store.runs import move
from orchestrator.store.tables import SCHEMA, metadata
from tests.conftest import ROOT
from tests.unit.orchestrator.store_fixtures import (
    DATABASES,
    claim,
    end_attempt,
    made_cell,
    new_database,
    new_run,
    open_store,
    postgresql_server,
    result,
    sweep_record,
    usage_of_sweep,
    usage_of_user,
)

SCHEMAS = Path(__file__).parent / "schemas"
"""Rows of each released schema but the newest."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql_server() as url:
        yield url


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The same suite over both databases."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    return new_database(request.getfixturevalue("server"))


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store(url)
    yield opened
    opened.close()


def test_unfinished_runs_of_trunks_are_found_once_and_reruns_are_not(store: Store) -> None:
    trunks = ["a", "b", None, "a"]
    runs = [replace(new_run(i), cell=made_cell(trunk=name)) for i, name in enumerate(trunks)]
    sweep = store.submit(sweep_record(), [*runs, new_run(4)])
    store.submit(sweep_record("other", "bbbb0000"), runs[:1])
    found = sorted(store.unfinished_on_trunks(), key=lambda run: run.id)
    assert [(run.id, run.cell.trunk) for run in found] == [("run0", "a"), ("run1", "b"), ("run3", "a")]
    driver = store.start_driver("boot", [], "")
    end_attempt(store, "run0", claim(store, "run0", 0, driver, "w"), Outcome(Cause.DONE, result()))
    claim(store, "run1", 0, driver, "w")
    assert sorted(run.id for run in store.unfinished_on_trunks()) == ["run1", "run3"]
    store.rerun(sweep.id)
    assert sorted(run.id for run in store.unfinished_on_trunks()) == ["run1", "run3"]


def test_submitting_twice_changes_nothing(store: Store) -> None:
    first = store.submit(sweep_record(), [new_run(0), new_run(1)])
    second = store.submit(sweep_record(), [new_run(0), new_run(1)])
    assert first.id == second.id
    assert [r.id for r in store.runs_of(first.id)] == ["run0", "run1"]


def test_sweeps_share_equal_runs_and_a_larger_one_adds_the_difference(store: Store) -> None:
    small = store.submit(sweep_record(), [new_run(0)])
    driver = store.start_driver("boot", [], "")
    fence = claim(store, "run0", 0, driver, "w")
    end_attempt(store, "run0", fence, Outcome(Cause.DONE, result()))
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
    assert claim(store, "run0", 0, driver, "a") == 1
    with pytest.raises(StaleAttempt):
        claim(store, "run0", 0, driver, "b")
    assert [a.worker for a in store.attempts_of("run0")] == ["a"]


def test_a_fenced_attempt_cannot_report(store: Store) -> None:
    store.submit(sweep_record(), [new_run(0)])
    driver = store.start_driver("boot", [], "")
    old = claim(store, "run0", 0, driver, "a")
    end_attempt(store, "run0", old, Outcome(Cause.LOST))
    new = claim(store, "run0", old, driver, "b")
    with pytest.raises(StaleAttempt):
        end_attempt(store, "run0", old, Outcome(Cause.DONE, result(9.9)))
    end_attempt(store, "run0", new, Outcome(Cause.DONE, result(3.5)))
    assert store.run("run0").loss == 3.5


def test_a_failing_run_ends_with_its_traceback_and_can_be_retried(store: Store) -> None:
    sweep = store.submit(sweep_record(), [new_run(0)])
    driver = store.start_driver("boot", [], "")
    fence = 0
    for _ in range(MAX_CODE_FAILURES):
        fence = claim(store, "run0", fence, driver, "a")
        state = end_attempt(store, "run0", fence, Outcome(Cause.CODE, detail="Traceback: boom"))
    assert state is RunState.FAILED
    assert store.run("run0").error == "Traceback: boom"
    assert store.retry_failed(sweep.id) == 1
    assert store.run("run0").state is RunState.QUEUED
    assert store.run("run0").error is None


def test_an_illegal_move_is_refused_before_anything_is_written(store: Store) -> None:
    store.submit(sweep_record(), [new_run(0)])
    with pytest.raises(StaleAttempt):
        end_attempt(store, "run0", 0, Outcome(Cause.DONE, result()))
    with pytest.raises(IllegalMove), store.writing() as db:
        move(db, "run0", 0, RunState.DONE, Move.CLAIM, {})
    assert store.run("run0").state is RunState.QUEUED


def test_what_is_stored_survives_reopening(store: Store, url: str) -> None:
    sweep = store.submit(sweep_record(), [new_run(0, seconds=12.5)])
    store.close()
    again = Store(url)
    assert again.runs_of(sweep.id)[0].predicted_seconds == 12.5
    assert again.state_counts(sweep.id) == {RunState.QUEUED: 1}
    again.close()


def test_a_forecast_is_kept_once_and_scored(store: Store) -> None:
    sweep = store.submit(sweep_record(), [new_run(0)])
    for _ in range(2):
        store.add_forecast(sweep.id, "run0", "law", 3e12, {"loss": 3.0, "loss_interval": [2.9, 3.1]})
    (forecast,) = store.forecasts_of(sweep.id)
    assert forecast.scored_at is None
    store.score_forecast(forecast.id, ForecastScore(3.2, 0.2, 4.2, inside=False))
    (forecast,) = store.forecasts_of(sweep.id)
    assert (forecast.loss, forecast.inside) == (3.2, False)


def test_the_migrations_make_exactly_the_tables_of_the_code(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_sqlite_is_durable_and_waits_for_locks(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with store.engine.connect() as db:
        pragmas = {
            p: db.execute(sa.text(f"PRAGMA {p}")).scalar() for p in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


# leases


def test_one_scheduler_a_database(store: Store) -> None:
    first = store.start_driver("here", [ProcessRecord(1, 0.0, "a")], "", alive=lambda _: True)
    with pytest.raises(LeaseHeld, match=r"process 1 .* already schedules"):
        store.start_driver("here", [ProcessRecord(2, 0.0, "b")], "", alive=lambda _: True)
    store.end_driver(first)
    assert store.start_driver("here", [], "", alive=lambda _: True) > first


def test_a_dead_holder_of_this_machine_loses_the_lease_at_once_and_is_fenced(store: Store) -> None:
    store.submit(sweep_record(), [new_run(0)])
    old = store.start_driver("here", [ProcessRecord(1, 0.0, "a")], "")
    new = store.start_driver("here", [], "", alive=lambda _: False)
    with pytest.raises(LeaseLost):
        store.renew_lease(old)
    with pytest.raises(LeaseLost):
        claim(store, "run0", 0, old, "w")
    assert claim(store, "run0", 0, new, "w") == 1


def test_a_holder_of_another_machine_keeps_the_lease_until_it_expires(url: str) -> None:
    now = [1e9]
    store = Store(url, clock=lambda: now[0])
    there = store.start_driver("there", [], "")
    now[0] += LEASE_SECONDS - 1
    with pytest.raises(LeaseHeld, match="lease ends in 1 s"):
        store.start_driver("here", [], "")
    store.renew_lease(there)
    now[0] += LEASE_SECONDS - 1
    with pytest.raises(LeaseHeld):
        store.start_driver("here", [], "")
    now[0] += 2
    store.start_driver("here", [], "")
    store.close()


# what a user asks


def test_cancelling_leaves_what_another_sweep_waits_for(store: Store) -> None:
    first = store.submit(sweep_record(), [new_run(0), new_run(1)])
    other = store.submit(sweep_record("other"), [new_run(1), new_run(2)])
    before = store.requests()
    store.hold(first.id, Hold.CANCELLED, "no more")
    assert store.requests() > before
    assert {r.id: r.state for r in store.runs_of(first.id)} == {"run0": RunState.CANCELLED, "run1": RunState.QUEUED}
    assert store.held_runs() == set()
    store.hold(other.id, Hold.PAUSED)
    assert store.held_runs() == {"run1", "run2"}
    store.hold(other.id, Hold.CANCELLED)
    assert store.state_counts(other.id) == {RunState.CANCELLED: 2}


def test_a_cancelled_attempt_ends_cancelled_and_goes_on_when_retried(store: Store) -> None:
    sweep = store.submit(sweep_record(), [new_run(0)])
    driver = store.start_driver("boot", [], "")
    fence = claim(store, "run0", 0, driver, "w")
    store.hold(sweep.id, Hold.CANCELLED)
    assert end_attempt(store, "run0", fence, Outcome(Cause.PREEMPTED)) is RunState.CANCELLED
    assert store.retry_failed(sweep.id) == 1
    run = store.run("run0")
    assert (run.state, run.restarted) == (RunState.QUEUED, 0)


def test_a_retry_forgives_earlier_failures(store: Store) -> None:
    sweep = store.submit(sweep_record(), [new_run(0)])
    driver = store.start_driver("boot", [], "")
    fence = 0
    for _ in range(2):
        for _ in range(MAX_CODE_FAILURES):
            assert store.run("run0").state is RunState.QUEUED
            fence = claim(store, "run0", fence, driver, "w")
            end_attempt(store, "run0", fence, Outcome(Cause.CODE))
        assert store.run("run0").state is RunState.FAILED
        store.retry_failed(sweep.id)


def test_a_rerun_forgets_the_result_and_its_checkpoints(store: Store) -> None:
    sweep = store.submit(sweep_record(), [new_run(0), new_run(1)])
    driver = store.start_driver("boot", [], "")
    end_attempt(store, "run0", claim(store, "run0", 0, driver, "w"), Outcome(Cause.DONE, result()))
    assert store.retry_failed(sweep.id) == 0
    assert store.rerun(sweep.id) == 1
    run = store.run("run0")
    assert (run.state, run.loss, run.result, run.restarted) == (RunState.QUEUED, None, None, 1)


def test_out_of_memory_halves_the_micro_batch_and_then_asks_for_a_larger_device(store: Store) -> None:
    store.submit(sweep_record(), [new_run(0, batch=6)])
    driver = store.start_driver("boot", [], "")
    fence, seen = 0, []
    while store.run("run0").state is RunState.QUEUED:
        fence = claim(store, "run0", fence, driver, "w")
        end_attempt(store, "run0", fence, Outcome(Cause.OUT_OF_MEMORY, detail="too big"))
        seen.append(store.run("run0").micro_batch)
    assert seen == [3, 2, 1, 1]
    assert store.run("run0").state is RunState.FAILED
    assert "larger device" in (store.run("run0").error or "")


# ceilings


def test_what_runs_may_take_is_reserved_settled_and_refunded(store: Store) -> None:
    sweep = store.submit(sweep_record(user="ann"), [new_run(0, 10.0), new_run(1, 20.0)])
    assert usage_of_user(store, "ann") == Usage(3e9, 30.0)
    driver = store.start_driver("boot", [], "")
    end_attempt(store, "run0", claim(store, "run0", 0, driver, "w"), Outcome(Cause.LOST, seconds=3.0))
    assert usage_of_user(store, "ann") == Usage(3e9, 30.0)
    done = Outcome(Cause.DONE, result(), seconds=4.0)
    end_attempt(store, "run0", claim(store, "run0", 1, driver, "w"), done)
    assert usage_of_user(store, "ann") == Usage(3e9, 27.0)
    failed = Outcome(Cause.DIVERGED, seconds=1.0, flops=5e8)
    end_attempt(store, "run1", claim(store, "run1", 0, driver, "w"), failed)
    assert usage_of_user(store, "ann") == usage_of_sweep(store, sweep.id) == Usage(1.5e9, 8.0)


def test_a_submission_above_a_ceiling_stores_nothing(store: Store) -> None:
    with pytest.raises(CeilingExceeded, match=r"user ann would come to 3e\+09 FLOPs, above the ceiling of 2e\+09"):
        store.submit(sweep_record(user="ann"), [new_run(0), new_run(1)], Ceilings(flops=2e9))
    assert store.sweeps() == []
    assert store.runs_in(*RunState) == []
    with pytest.raises(CeilingExceeded, match="sweep demo"):
        store.submit(sweep_record(ceiling_seconds=25.0), [new_run(0, 10.0), new_run(1, 20.0)])
    store.submit(sweep_record(ceiling_seconds=30.0), [new_run(0, 10.0), new_run(1, 20.0)])


def test_a_cancelled_sweep_gives_its_reservation_back_and_a_retry_asks_again(store: Store) -> None:
    ceiling = Ceilings(flops=3e9)
    sweep = store.submit(sweep_record(user="ann"), [new_run(0), new_run(1)], ceiling)
    store.hold(sweep.id, Hold.CANCELLED)
    assert usage_of_user(store, "ann") == Usage(0.0, 0.0)
    other = store.submit(sweep_record("other", user="ann"), [new_run(0)], ceiling)
    assert store.state_counts(other.id) == {RunState.CANCELLED: 1}
    assert store.retry_failed(other.id, ceiling) == 1
    with pytest.raises(CeilingExceeded):
        store.retry_failed(sweep.id, Ceilings(flops=2e9))
    assert store.retry_failed(sweep.id, ceiling) == 1


def test_a_reservation_grows_until_the_ceiling(store: Store) -> None:
    store.submit(sweep_record(user="ann"), [new_run(0, 10.0), new_run(1, 10.0)])
    ceiling = Ceilings(seconds=25.0)
    store.extend("run0", 15.0, ceiling)
    assert store.reserved_seconds(["run0", "run1"]) == {"run0": 15.0, "run1": 10.0}
    with pytest.raises(CeilingExceeded):
        store.extend("run1", 11.0, ceiling)
    assert usage_of_user(store, "ann").seconds == 25.0


def _submit(url: str, number: int, same: bool, gate: Any, answers: Any) -> None:
    """One submitter, a process of its own."""
    store = Store(url)
    record = sweep_record("demo" if same else f"sweep{number}", user="ann")
    runs = [new_run(0), new_run(1)] if same else [replace(new_run(0), id=f"run{number}")]
    gate.wait()
    try:
        answers.put((store.submit(record, runs, Ceilings(flops=7e9)).id, None))
    except CeilingExceeded as error:
        answers.put((None, str(error)))
    store.close()


@pytest.mark.parametrize("same", [True, False], ids=["one sweep", "different sweeps"])
def test_twenty_submitters_at_once(url: str, same: bool) -> None:
    """One sweep is stored once; of 20 sweeps at 1e9 FLOPs each, exactly 7 fit below a ceiling of 7e9."""
    Store(url).close()
    context = multiprocessing.get_context("fork")
    gate, answers = context.Barrier(20), context.SimpleQueue()
    submitters = [context.Process(target=_submit, args=(url, i, same, gate, answers)) for i in range(20)]
    for process in submitters:
        process.start()
    found = [answers.get() for _ in submitters]
    for process in submitters:
        process.join()
    ids = {sweep_id for sweep_id, _ in found if sweep_id is not None}
    store = Store(url)
    if same:
        assert len(ids) == len(store.sweeps()) == 1
        assert [error for _, error in found if error] == []
        assert usage_of_user(store, "ann").flops == 3e9
    else:
        assert len(ids) == len(store.sweeps()) == 7
        assert usage_of_user(store, "ann").flops == 7e9
    store.close()


# trouble and age


def test_a_locked_database_is_unavailable_and_nothing_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.store.database.WAIT_SECONDS", 0)
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
    engine = sa.create_engine(url)
    _migrate(engine, "0001")
    with engine.begin() as db:
        for statement in (SCHEMAS / "0001.sql").read_text().split(";\n"):
            if statement.strip():
                db.execute(sa.text(statement))
    engine.dispose()
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
    assert store.retry_failed(sweep.id) == 1
    store.close()


def _migrate(engine: sa.Engine, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "orchestrator" / "store" / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def test_the_schema_is_that_of_the_newest_migration_and_each_has_a_fixture() -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "orchestrator" / "store" / "migrations"))
    script = ScriptDirectory.from_config(config)
    assert script.get_current_head() == SCHEMA
    older = {r.revision for r in script.walk_revisions()} - {SCHEMA}
    assert older == {path.stem for path in SCHEMAS.glob("*.sql")}


def test_a_database_of_a_later_version_is_refused(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with store.writing() as db:
        db.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(StoreError, match="another version of isoflop"):
        open_store(tmp_path)
