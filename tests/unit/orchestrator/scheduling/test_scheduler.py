"""The scheduler over a real store and an executor that obeys the test."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from orchestrator.attempts import Outcome, Tracking
from orchestrator.cluster.artifact_store import open_artifacts
from orchestrator.cluster.attempt_log import EventLog, attempt_log
from orchestrator.scheduling import missing_devices
from orchestrator.scheduling.reservations import STOP_SECONDS
from orchestrator.scheduling.scheduler import Scheduler
from orchestrator.states import Cause, Hold, RunState
from orchestrator.store import LeaseLost, NewRun, Store, Unavailable
from orchestrator.store import tables as t
from tests.unit.orchestrator.scheduling.hands import Hands
from tests.unit.orchestrator.store_fixtures import new_run, open_store, result, sweep_record, usage_of_sweep

OFF = Tracking("disabled", "", "p", "test")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path)


def _scheduler(store: Store, hands: Hands, folder: Path, sweep_id: int | None = None, **more: Any) -> Scheduler:
    scheduler = Scheduler(store, hands, open_artifacts(str(folder)), OFF, **more)
    scheduler.take_over()
    scheduler.follow(sweep_id)
    return scheduler


def _run_all(store: Store, hands: Hands, folder: Path, sweep_id: int, **more: Any) -> None:
    scheduler = _scheduler(store, hands, folder, sweep_id, **more)
    scheduler.run(lambda _live: None)
    scheduler.finish()


def test_all_runs_end_done(store: Store, tmp_path: Path) -> None:
    sweep = store.submit(sweep_record(), [new_run(i) for i in range(5)])
    hands = Hands(2)
    _run_all(store, hands, tmp_path, sweep.id)
    assert store.state_counts(sweep.id) == {RunState.DONE: 5}
    assert [a.run_id for a in hands.assigned] == ["run4", "run3", "run2", "run1", "run0"]
    assert store.unended_drivers() == []


def test_a_lost_attempt_is_repeated_and_a_poison_run_fails_while_the_sweep_goes_on(
    store: Store, tmp_path: Path
) -> None:
    sweep = store.submit(sweep_record(), [new_run(i) for i in range(3)])
    outcomes = {
        "run0": [Outcome(Cause.LOST), Outcome(Cause.PREEMPTED)],
        "run1": [Outcome(Cause.CODE, detail="boom")] * 9,
        "run2": [Outcome(Cause.DIVERGED, detail="loss is nan")],
    }
    _run_all(store, Hands(2, outcomes), tmp_path, sweep.id)
    states = {r.id: r.state for r in store.runs_of(sweep.id)}
    assert states == {"run0": RunState.DONE, "run1": RunState.FAILED, "run2": RunState.DIVERGED}
    assert [a.cause for a in store.attempts_of("run0")] == [Cause.LOST, Cause.PREEMPTED, Cause.DONE]


def test_a_successor_takes_the_result_from_the_log_and_repeats_only_what_was_lost(store: Store, tmp_path: Path) -> None:
    sweep = store.submit(sweep_record(), [new_run(0), new_run(1)])
    dead = Hands(2)
    scheduler = _scheduler(store, dead, tmp_path)
    dead.silent = True
    scheduler.step()
    assert store.state_counts(sweep.id) == {RunState.RUNNING: 2}
    finished = EventLog(attempt_log(tmp_path / "runs", "run0", 1))
    finished.append({"kind": "result", "result": result(2.5), "device": "cpu"})
    finished.close()
    poisoned = attempt_log(tmp_path / "runs", "run1", 1)
    poisoned.parent.mkdir()
    poisoned.write_bytes(b'{"kind":"attempt"}\n\x00\xff\n42\n')  # it must not keep the home from scheduling
    hands = Hands(1)
    _run_all(store, hands, tmp_path, sweep.id)
    assert [(a.run_id, a.fence) for a in hands.assigned] == [("run1", 2)]
    assert store.run("run0").loss == 2.5
    assert [a.cause for a in store.attempts_of("run1")] == [Cause.ORPHANED, Cause.DONE]


def test_draining_queues_running_work_again(store: Store, tmp_path: Path) -> None:
    sweep = store.submit(sweep_record(), [new_run(0)])
    hands = Hands(1)
    scheduler = _scheduler(store, hands, tmp_path)
    hands.silent = True
    scheduler.step()
    scheduler.drain(1.0)
    assert store.state_counts(sweep.id) == {RunState.QUEUED: 1}


def test_what_is_held_gets_no_worker_and_what_trains_is_stopped(store: Store, tmp_path: Path) -> None:
    sweep = store.submit(sweep_record(), [new_run(0), new_run(1)])
    hands = Hands(1)
    scheduler = _scheduler(store, hands, tmp_path)
    hands.silent = True
    scheduler.step()
    store.hold(sweep.id, Hold.PAUSED)
    hands.silent = False
    scheduler.step()
    assert [a.cause for a in store.attempts_of("run1")] == [Cause.PREEMPTED]
    assert not scheduler.busy
    scheduler.step()
    assert len(hands.assigned) == 1
    store.release(sweep.id)
    scheduler.step()
    scheduler.run(lambda _live: None)
    assert store.state_counts(sweep.id) == {RunState.DONE: 2}
    assert [a.run_id for a in hands.assigned] == ["run1", "run1", "run0"]


def test_a_run_cancelled_under_the_scheduler_is_dropped(store: Store, tmp_path: Path) -> None:
    sweep = store.submit(sweep_record(), [new_run(0), new_run(1)])
    hands = Hands(1)
    scheduler = _scheduler(store, hands, tmp_path)
    with store.writing() as db:  # by another process, between two looks
        db.execute(sa.update(t.runs).where(t.runs.c.id == "run1").values(state=RunState.CANCELLED))
    scheduler.run(lambda _live: None)
    assert store.state_counts(sweep.id) == {RunState.CANCELLED: 1, RunState.DONE: 1}


def test_a_sweep_submitted_meanwhile_is_taken_up(store: Store, tmp_path: Path) -> None:
    hands = Hands(1)
    scheduler = _scheduler(store, hands, tmp_path)
    scheduler.step()
    sweep = store.submit(sweep_record(), [new_run(0)])
    scheduler.step()
    assert store.state_counts(sweep.id) == {RunState.DONE: 1}


def test_out_of_memory_comes_back_with_half_the_micro_batch(store: Store, tmp_path: Path) -> None:
    sweep = store.submit(sweep_record(), [new_run(0, batch=8)])
    hands = Hands(1, {"run0": [Outcome(Cause.OUT_OF_MEMORY)]})
    _run_all(store, hands, tmp_path, sweep.id)
    assert [a.micro_batch for a in hands.assigned] == [None, 4]


def test_a_rerun_begins_with_checkpoints_of_its_own(store: Store, tmp_path: Path) -> None:
    sweep = store.submit(sweep_record(), [new_run(0)])
    hands = Hands(1)
    _run_all(store, hands, tmp_path, sweep.id)
    store.rerun(sweep.id)
    _run_all(store, hands, tmp_path, sweep.id)
    assert [a.checkpoints for a in hands.assigned] == ["checkpoints", "checkpoints-1"]


def test_reports_wait_for_a_database_that_is_away(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = store.submit(sweep_record(), [new_run(i) for i in range(3)])
    hands = Hands(1, {"run1": [Outcome(Cause.CODE)]})
    scheduler = _scheduler(store, hands, tmp_path)
    monkeypatch.setattr("orchestrator.scheduling.scheduler.POLL_SECONDS", 0.0)
    whole, away = store.writing, [True]

    @contextlib.contextmanager
    def sometimes() -> Iterator[Any]:
        """Every second write fails, half of those after it was made: its commit was not heard of."""
        away[0] = not away[0]
        with whole() as db:
            if away[0] and random.random() < 0.5:
                raise Unavailable("away")
            yield db
        if away[0]:
            raise Unavailable("not heard")

    random.seed(1)
    monkeypatch.setattr(store, "writing", sometimes)
    scheduler.run(lambda _live: None)
    assert store.state_counts(sweep.id) == {RunState.DONE: 3}
    for run in store.runs_of(sweep.id):
        assert all(a.cause for a in store.attempts_of(run.id))


def test_a_database_that_is_away_while_devices_are_missing_costs_no_worker(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be noted is noted later; the core is still free for the run."""
    sweep = store.submit(sweep_record(), [new_run(0)])
    scheduler = _scheduler(store, Hands(1), tmp_path)
    monkeypatch.setattr("orchestrator.scheduling.scheduler.POLL_SECONDS", 0.0)

    def away(*_args: Any) -> None:
        monkeypatch.undo()
        raise Unavailable("away")

    monkeypatch.setattr("orchestrator.scheduling.missing_devices.MissingDevices.look", away)
    scheduler.step()
    assert store.state_counts(sweep.id) == {RunState.QUEUED: 1}
    scheduler.run(lambda _live: None)
    assert store.state_counts(sweep.id) == {RunState.DONE: 1}


def test_patience_with_the_database_ends(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.submit(sweep_record(), [new_run(0)])
    scheduler = _scheduler(store, Hands(1), tmp_path)

    def away() -> int:
        raise Unavailable("gone for good")

    monkeypatch.setattr(store, "requests", away)
    monkeypatch.setattr("orchestrator.scheduling.scheduler.POLL_SECONDS", 0.0)
    monkeypatch.setattr("orchestrator.scheduling.scheduler.PATIENCE_SECONDS", -1.0)
    with pytest.raises(Unavailable, match="gone for good"):
        scheduler.step()


def test_nothing_starts_on_a_full_disk(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = store.submit(sweep_record(), [new_run(0)])
    hands = Hands(1)
    scheduler = _scheduler(store, hands, tmp_path)
    monkeypatch.setattr("orchestrator.scheduling.disk_space.FREE_BYTES", 2**60)
    scheduler.step()
    assert hands.assigned == []
    monkeypatch.undo()
    scheduler.step()
    assert store.state_counts(sweep.id) == {RunState.DONE: 1}


def test_a_scheduler_that_lost_its_lease_hands_out_nothing(store: Store, tmp_path: Path) -> None:
    store.submit(sweep_record(), [new_run(0)])
    hands = Hands(1)
    scheduler = _scheduler(store, hands, tmp_path)
    with store.writing() as db:
        db.execute(sa.update(t.scheduler).values(expires_at=0.0))
    store.start_driver("another machine", [], "")
    with pytest.raises(LeaseLost):
        scheduler.step()
    assert hands.assigned == []


def test_a_run_that_outgrows_the_ceiling_is_stopped_and_its_sweep_paused(store: Store, tmp_path: Path) -> None:
    """20 device-seconds: the run is predicted at 1 s, its attempt takes on and on."""
    sweep = store.submit(sweep_record(ceiling_seconds=20.0), [new_run(0, 1.0)])
    hands = Hands(1)
    scheduler = _scheduler(store, hands, tmp_path)
    hands.silent = True
    scheduler.step()
    assert store.open_charges(["run0"])["run0"].reserved > STOP_SECONDS
    job = scheduler._running["run0"]
    for elapsed in (6.0, 12.0):
        job.began = time.monotonic() - elapsed
        scheduler.step()
    hands.silent = False
    scheduler.step()
    held = store.sweep_by_id(sweep.id)
    assert held.held is Hold.PAUSED and "above the ceiling of 20" in (held.held_reason or "")
    assert [a.cause for a in store.attempts_of("run0")] == [Cause.PREEMPTED]
    assert usage_of_sweep(store, sweep.id).seconds <= 20.0
    assert not scheduler.busy


def test_out_of_memory_in_a_share_of_a_gpu_is_repeated_alone_on_one(store: Store, tmp_path: Path) -> None:
    sweep = store.submit(sweep_record(), [new_run(i) for i in range(2)])
    hands = Hands(4, {"run0": [Outcome(Cause.OUT_OF_MEMORY)]})
    hands.shares = 4
    _run_all(store, hands, tmp_path, sweep.id, by_memory=True)
    assert [(a.run_id, a.share) for a in hands.assigned] == [("run1", 0.25), ("run0", 0.25), ("run0", 1.0)]
    assert store.state_counts(sweep.id) == {RunState.DONE: 2}
    assert [each.worker for each in store.attempts_of("run1")] == ["w0 on GPU 0 of node node"]


def test_as_many_workers_are_asked_for_as_have_something_to_do(store: Store, tmp_path: Path) -> None:
    sweep = store.submit(sweep_record(), [new_run(i) for i in range(5)])
    hands = Hands(2)
    scheduler = _scheduler(store, hands, tmp_path, sweep.id)
    hands.silent = True
    scheduler.step()
    assert hands.useful == {"": 5}
    store.hold(sweep.id, Hold.PAUSED)
    scheduler.step()
    assert hands.useful == {"": 2}, "what trains, and nothing that is held"


def _of_kind(index: int, kind: str) -> NewRun:
    run = new_run(index)
    return replace(run, cell=replace(run.cell, kind=kind))


def test_sweeps_of_several_kinds_train_side_by_side_each_on_its_own(store: Store, tmp_path: Path) -> None:
    for name, runs in (("h100", range(4)), ("a100", range(4, 7)), ("auto", range(7, 9))):
        store.submit(sweep_record(name, revision=name), [_of_kind(i, name) for i in runs])
    hands = Hands(2)
    hands.devices = {"w0": "NVIDIA H100 80GB HBM3", "w1": "NVIDIA A100-SXM4-40GB"}
    placed: dict[str, str] = {}
    assign = hands.assign
    hands.assign = lambda worker, a: (placed.update({a.run_id: worker}), assign(worker, a))[1]  # type: ignore[method-assign]
    scheduler = _scheduler(store, hands, tmp_path)
    scheduler.step()
    assert hands.useful == {"h100": 4, "a100": 3, "": 2}
    scheduler.run(lambda _live: None)
    assert {placed[f"run{i}"] for i in range(4)} == {"w0"}
    assert {placed[f"run{i}"] for i in range(4, 7)} == {"w1"}


def test_a_sweep_whose_kind_no_worker_has_waits_and_says_so(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(missing_devices, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(missing_devices, "PATIENCE_SECONDS", 0.0)
    waits = store.submit(sweep_record("waits"), [_of_kind(0, "l40s")])
    trains = store.submit(sweep_record("trains"), [_of_kind(i, "h100") for i in range(1, 4)])
    hands = Hands(1)
    hands.devices = {"w0": "NVIDIA H100 80GB HBM3"}
    scheduler = _scheduler(store, hands, tmp_path)
    for _ in range(6):
        scheduler.step()
    assert store.state_counts(trains.id) == {RunState.DONE: 3}
    assert store.state_counts(waits.id) == {RunState.QUEUED: 1}
    told = store.sweep("waits")
    assert "waits for a worker of kind l40s: the workers have NVIDIA H100 80GB HBM3" in told.waits
    assert (told.on_hold, store.sweep("trains").waits) == ("", "")
    assert sum("kind l40s" in message for message in caplog.messages) == 1, "told once"
    hands.devices["w1"] = "NVIDIA L40S"
    hands.free.append("w1")
    scheduler.run(lambda _live: None)
    scheduler.step()
    assert store.sweep("waits").waits == ""
    assert store.state_counts(waits.id) == {RunState.DONE: 1}


def test_a_run_of_several_sweeps_goes_by_the_latest_one_that_is_not_held(store: Store, tmp_path: Path) -> None:
    store.submit(sweep_record("first"), [_of_kind(0, "h100")])
    latest = store.submit(sweep_record("latest"), [_of_kind(0, "a100")])
    hands = Hands(0)
    scheduler = _scheduler(store, hands, tmp_path)
    scheduler.step()
    assert hands.useful == {"a100": 1}
    store.hold(latest.id, Hold.PAUSED, "for lunch")
    scheduler.step()
    assert hands.useful == {"h100": 1}
    assert store.sweep("latest").on_hold == "paused: for lunch"
