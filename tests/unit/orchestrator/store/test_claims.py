"""Attempts in the store: claimed once, fenced, closed with their cause."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.attempts import Outcome
from orchestrator.states import MAX_CODE_FAILURES, Cause, RunState
from orchestrator.store import (
    AttemptRecord,
    LeaseLost,
    LostAttempts,
    StaleAttempt,
    Store,
)
from tests.unit.orchestrator.store_fixtures import (
    claim,
    end_attempt,
    new_run,
    result,
    sweep_record,
)


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
    assert store.retry([sweep.id]) == 1
    assert store.run("run0").state is RunState.QUEUED
    assert store.run("run0").error is None
    for expected in [RunState.QUEUED] * (MAX_CODE_FAILURES - 1) + [RunState.FAILED]:
        fence = claim(store, "run0", fence, driver, "a")
        assert end_attempt(store, "run0", fence, Outcome(Cause.CODE)) is expected, "a retry forgives what was before"


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


def test_claims_replace_predictions_and_leave_out_what_is_no_longer_queued(store: Store) -> None:
    store.submit(sweep_record(), [new_run(0, 5.0), new_run(1, 6.0), new_run(2, 7.0)])
    driver = store.start_driver("boot", [], "")
    claims = [("run0", 0, "a"), ("run1", 1, "b"), ("run2", 0, "c")]
    assert store.claim_all(claims, driver, {"run0": 9.0, "run1": 9.0}) == [1, None, 1]
    runs = {run.id: (run.state, run.fence, run.predicted_seconds) for run in store.runs_in(*RunState)}
    assert runs["run0"] == (RunState.RUNNING, 1, 9.0)
    assert runs["run1"] == (RunState.QUEUED, 0, 6.0)
    assert runs["run2"] == (RunState.RUNNING, 1, 7.0)
    assert store.attempts_of("run1") == []
    assert store.claim_all([], driver) == []
    with pytest.raises(LeaseLost):
        store.claim_all([("run1", 0, "b")], driver + 1)


def test_an_attempt_is_recorded_from_its_claim_to_its_end(url: str) -> None:
    now = [100.0]
    store = Store(url, clock=lambda: now[0])
    store.submit(sweep_record(), [new_run(0), new_run(1)])
    driver = store.start_driver("boot", [], "")
    fence = claim(store, "run0", 0, driver, "worker-3")
    opened = AttemptRecord("run0", 1, driver, "worker-3", 100.0, None, None, None, None)
    assert store.attempts_of("run0") == [opened]
    now[0] = 160.0
    end_attempt(store, "run0", fence, Outcome(Cause.DISK_FULL, detail="no space", seconds=42.0, flops=7.0))
    ended = replace(opened, ended_at=160.0, cause=Cause.DISK_FULL, detail="no space", seconds=42.0, flops=7.0)
    assert store.attempts_of("run0") == [ended]
    claim(store, "run0", 1, driver, "worker-4")
    claim(store, "run1", 0, driver, "worker-5")
    found = store.attempts_of_all(["run1", "run0"])
    assert [(a.run_id, a.number, a.worker) for a in found] == [
        ("run0", 1, "worker-3"), ("run0", 2, "worker-4"), ("run1", 1, "worker-5"),
    ]  # fmt: skip
    store.close()


def test_a_result_fills_the_columns_of_its_run(store: Store) -> None:
    sweep = store.submit(sweep_record(), [new_run(0)])
    driver = store.start_driver("boot", [], "")
    done = Outcome(Cause.DONE, result(2.5), device="GPU", seconds=9.0)
    assert store.end_all([("run0", claim(store, "run0", 0, driver, "w"), done), ("run0", 7, done)]) == [
        RunState.DONE, None,
    ]  # fmt: skip
    run = store.run("run0")
    assert (run.loss, run.bits_per_byte, run.seconds, run.device, run.error) == (2.5, 1.25, 1.5, "GPU", None)
    assert run.result == result(2.5)
    assert run.micro_batch is None and store.state_counts(sweep.id) == {RunState.DONE: 1}


def test_lost_attempts_are_counted_with_the_seconds_of_all(store: Store) -> None:
    store.submit(sweep_record(), [new_run(0)])
    assert store.lost_attempts() == LostAttempts(0, 0.0)
    driver, fence = store.start_driver("boot", [], ""), 0
    for cause in (Cause.LOST, Cause.PREEMPTED, Cause.ORPHANED, Cause.DISK_FULL):
        fence = claim(store, "run0", fence, driver, "w")
        end_attempt(store, "run0", fence, Outcome(cause, seconds=10.0))
    claim(store, "run0", fence, driver, "w")
    assert store.lost_attempts() == LostAttempts(2, 40.0)
