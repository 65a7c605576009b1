"""Sweeps in the store: idempotent submissions, handles, holds, retries and reruns."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from orchestrator.attempts import Outcome
from orchestrator.errors import NotFound
from orchestrator.settings import Ceilings
from orchestrator.states import MAX_CODE_FAILURES, Cause, Hold, RunState
from orchestrator.store import (
    CeilingExceeded,
    StateTotal,
    Store,
)
from orchestrator.store import tables as t
from tests.unit.orchestrator.store_fixtures import (
    claim,
    end_attempt,
    new_run,
    result,
    sweep_record,
    usage_of_user,
)


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
    assert store.retry([sweep.id]) == 1
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
        store.retry([sweep.id])


@pytest.mark.parametrize(
    ("end", "state", "loss"),
    [
        (Outcome(Cause.DONE, result(2.5)), RunState.DONE, 2.5),
        (Outcome(Cause.CONFIGURATION, detail="no such field"), RunState.DONE, 3.0),
        (Outcome(Cause.DIVERGED, detail="nan"), RunState.DIVERGED, None),
        (Outcome(Cause.PREEMPTED), RunState.QUEUED, 3.0),
        (None, RunState.DONE, 3.0),
    ],
)
def test_a_rerun_forgets_the_checkpoints_and_keeps_the_result_until_it_ends(
    store: Store, end: Outcome | None, state: RunState, loss: float | None
) -> None:
    sweep = store.submit(sweep_record(), [new_run(0), new_run(1)])
    driver = store.start_driver("boot", [], "")
    end_attempt(store, "run0", claim(store, "run0", 0, driver, "w"), Outcome(Cause.DONE, result(3.0)))
    assert store.retry([sweep.id]) == 0
    assert store.rerun(sweep.id) == 1
    run = store.run("run0")
    assert (run.state, run.shown, run.loss, run.restarted) == (RunState.QUEUED, RunState.DONE, 3.0, 1)
    if end is None:
        store.hold(sweep.id, Hold.CANCELLED)
    else:
        end_attempt(store, "run0", claim(store, "run0", 1, driver, "w"), end)
    run = store.run("run0")
    assert (run.state, run.loss, run.result is None) == (state, loss, loss is None)
    assert ("the earlier result stands" in (run.error or "")) == (end is not None and end.cause is Cause.CONFIGURATION)
    assert (run.id in store.open_charges([run.id])) == (state is RunState.QUEUED), "the rest is refunded"


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
def test_a_dozen_submitters_at_once(url: str, same: bool) -> None:
    """One sweep is stored once; of 12 sweeps at 1e9 FLOPs each, exactly 7 fit below a ceiling of 7e9."""
    Store(url).close()
    context = multiprocessing.get_context("fork")
    gate, answers = context.Barrier(12), context.SimpleQueue()
    submitters = [context.Process(target=_submit, args=(url, i, same, gate, answers)) for i in range(12)]
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


def test_sweeps_and_runs_come_in_their_order(store: Store) -> None:
    store.submit(sweep_record("first"), [new_run(1), new_run(0)])
    second = store.submit(sweep_record("second", "bbbb0000"), [new_run(2)])
    with store.writing() as db:
        db.execute(sa.update(t.sweeps).where(t.sweeps.c.id == second.id).values(submitted_at=9e9))
    assert [sweep.name for sweep in store.sweeps()] == ["second", "first"]
    assert [sweep.name for sweep in store.sweeps_with_queued()] == ["first", "second"]
    first = store.sweep("first")
    assert [run.id for run in store.runs_of(first.id)] == ["run1", "run0"]
    assert [run.id for run in store.runs_of(first.id, limit=1)] == ["run1"]
    assert [run.cell.params for run in store.runs_of(first.id)] == [10, 0]
    assert store.runs_of(first.id, "check") == [] == store.runs_of(first.id, None, RunState.DONE)
    store.hold(second.id, Hold.CANCELLED)
    assert [sweep.name for sweep in store.sweeps_with_queued()] == ["first"]


def test_a_further_run_comes_last_and_has_its_role(store: Store) -> None:
    sweep = store.submit(sweep_record(), [new_run(0)])
    before = store.requests()
    store.add_runs(sweep.id, [replace(new_run(1), role="validation")])
    assert store.requests() > before
    assert [(run.id, run.role) for run in store.runs_of(sweep.id)] == [("run0", "grid"), ("run1", "validation")]
    driver = store.start_driver("boot", [], "")
    for run_id in ("run0", "run1"):
        end_attempt(store, run_id, claim(store, run_id, 0, driver, "w"), Outcome(Cause.DONE, result()))
    assert store.rerun(sweep.id) == 1, "a validation run is not trained again"


def test_totals_count_runs_and_flops_by_state(store: Store) -> None:
    sweep = store.submit(sweep_record(), [new_run(i) for i in range(3)])
    driver = store.start_driver("boot", [], "")
    end_attempt(store, "run1", claim(store, "run1", 0, driver, "w"), Outcome(Cause.DONE, result()))
    store.add_runs(sweep.id, [replace(new_run(3), role="validation")])
    totals = {(total.state, total.role): total for total in store.totals()[sweep.id].totals}
    assert totals == {
        (RunState.QUEUED, "grid"): StateTotal(RunState.QUEUED, "grid", 2, 4e9),
        (RunState.QUEUED, "validation"): StateTotal(RunState.QUEUED, "validation", 1, 4e9),
        (RunState.DONE, "grid"): StateTotal(RunState.DONE, "grid", 1, 2e9),
    }
    assert store.state_counts(sweep.id) == {RunState.QUEUED: 3, RunState.DONE: 1}


def test_the_latest_runs_that_are_done_come_with_a_cell_the_latest_at_the_end(store: Store) -> None:
    store.submit(sweep_record(), [new_run(i) for i in range(3)])
    driver = store.start_driver("boot", [], "")
    for finished, run_id in ((3.0, "run0"), (2.0, "run2"), (1.0, "run1")):
        end_attempt(store, run_id, claim(store, run_id, 0, driver, "w"), Outcome(Cause.DONE, result()))
        with store.writing() as db:
            db.execute(sa.update(t.runs).where(t.runs.c.id == run_id).values(finished_at=finished))
    assert [(run.id, run.cell.shape) for run in store.latest_done(2)] == [("run2", "s2"), ("run0", "s0")]


def test_what_sweeps_wait_for_is_noted_unless_they_are_held(store: Store) -> None:
    first, second = (store.submit(sweep_record(name, name), [new_run(0)]) for name in ("first", "second"))
    store.note_waits({first.id: "waits for a worker", second.id: "waits, too"})
    assert (store.sweep("first").waits, store.sweep("first").on_hold) == ("waits for a worker", "")
    store.hold(second.id, Hold.PAUSED, "for lunch")
    store.note_waits({second.id: "waits"})
    assert (store.sweep("first").waits, store.sweep("first").note) == ("", "")
    second = store.sweep("second")
    assert (second.waits, second.on_hold, second.note) == ("", "paused: for lunch", "paused: for lunch")
    store.release(second.id)
    assert store.sweep("second").note == ""
