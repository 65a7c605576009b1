"""One worker of the pool: what it does, since when, and its slot."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from orchestrator.attempts import Assignment, Outcome, Report, RunProgress, Slot, Staff, Tracking
from orchestrator.cluster import pool_worker
from orchestrator.cluster.placement import WorkerLocation
from orchestrator.cluster.pool_worker import Given, PoolWorker, core_of, staff_of
from orchestrator.states import Cause

ASSIGNMENT = Assignment("run", 2, {}, "artifacts", "sweep", "name", Tracking("disabled", "", "p", "test"))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(pool_worker.time, "monotonic", lambda: now[0])
    return now


def made(location: WorkerLocation | None = None) -> PoolWorker:
    return PoolWorker(3, "h100", "actor", "ready", location=location, last_seen=time.monotonic())


def test_staff_is_who_is_ready_and_who_has_a_run() -> None:
    ready, busy = (made(WorkerLocation("n", (), "Xeon", None)) for _ in range(2))
    busy.begin(ASSIGNMENT, "outcome")
    assert staff_of([made(), ready, busy], 4.0) == Staff(2, 1, 4.0)


def test_a_worker_has_one_of_the_cores_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_worker.os, "sched_getaffinity", lambda _: {5, 2}, raising=False)
    assert [core_of(index) for index in (0, 1, 2)] == [2, 5, None]


def test_it_is_called_by_its_number() -> None:
    assert made().name == "worker-3"


def test_its_runs_are_shown_with_it_and_with_the_gpu_that_it_shares() -> None:
    worker = made(WorkerLocation("0123456789", ("2",), "H100", 80))
    assert worker.live(4) == {}
    worker.begin(ASSIGNMENT, "outcome")
    worker.note({"run": RunProgress(flops=7.0)})
    assert worker.live(1) == {"run": RunProgress(flops=7.0, worker="worker-3")}
    assert worker.live(4) == {"run": RunProgress(flops=7.0, worker="worker-3 on GPU 2 of node 012345")}
    assert made().live(4) == {}, "it has not started"


def test_an_attempt_begins_and_ends(clock: list[float]) -> None:
    worker = made()
    worker.asked = "old promise"
    clock[0] += 7
    worker.begin(ASSIGNMENT, "outcome")
    assert (worker.given, worker.asked) == ({"run": Given(ASSIGNMENT, "outcome", RunProgress())}, None)
    assert worker.silence == 0
    clock[0] += 7
    assert worker.silence == 7 and not worker.is_idle_for(1)
    worker.asked = "promise"
    worker.end_all()
    assert (worker.given, worker.asked) == ({}, None)
    assert worker.is_idle_for(6.9) and not worker.is_idle_for(7)


def test_an_attempt_that_is_lost_is_reported_with_what_it_had_reached() -> None:
    worker = made()
    worker.begin(ASSIGNMENT, "outcome")
    worker.note({"run": RunProgress(flops=7.0), "another": RunProgress(flops=8.0)})
    assert worker.lost("why") == [Report("worker-3", "run", 2, Outcome(Cause.LOST, detail="why", flops=7.0))]


def test_attempts_of_a_stack_end_one_by_one(clock: list[float]) -> None:
    worker = made()
    for run_id in ("a", "b", "c"):
        worker.begin(replace(ASSIGNMENT, run_id=run_id), f"promise of {run_id}")
    worker.note({"c": RunProgress(flops=7.0)})
    outcomes = {"promise of b": (Outcome(Cause.DONE), True), "promise of a": (Outcome(Cause.LOST), False)}
    clock[0] += 3
    ended = worker.ended({"promise of b", "another's"}, lambda promise, _: outcomes[promise])
    assert [report.run_id for report in ended] == ["b"] and list(worker.given) == ["a", "c"]
    assert worker.silence == 0 and worker.alive
    ended = worker.ended({"promise of a"}, lambda promise, _: outcomes[promise])
    assert [(r.run_id, r.outcome.cause, r.outcome.flops) for r in ended] == [
        ("a", Cause.LOST, 0.0),
        ("c", Cause.LOST, 7.0),
    ]
    assert not worker.alive and worker.given == {}
    worker.restart("another", "promise")
    assert worker.alive


def test_it_waits_for_a_node_until_it_has_a_location(clock: list[float]) -> None:
    worker = made()
    clock[0] += 10
    assert worker.waits_for_node(9) and not worker.waits_for_node(10)
    worker.location = WorkerLocation("n", (), "Xeon", None)
    assert not worker.waits_for_node(9)
    worker.restart("another", "promise")
    assert (worker.actor, worker.ready, worker.location, worker.silence) == ("another", "promise", None, 0)


def test_a_core_is_a_device_of_its_own_and_a_gpu_is_shared() -> None:
    assert made(WorkerLocation("n", (), "Xeon", None)).slot(4) == Slot("worker-3", "worker-3", "Xeon")
    gpu = made(WorkerLocation("n", ("0", "1"), "H100", 80)).slot(4)
    assert gpu == Slot("worker-3", "n/0,1", "H100", 4, 80, gpu=True)
