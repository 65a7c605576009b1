"""What waits, and in which order: over a real store, without workers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.attempts import Kinds, Outcome, Slot
from orchestrator.cluster.artifact_store import open_artifacts
from orchestrator.scheduling import queue as queue_module
from orchestrator.scheduling.queue import Queue
from orchestrator.states import Cause, Hold
from orchestrator.store import LostAttempts, Store
from tests.unit.orchestrator.store_fixtures import claim, end_attempt, new_run, open_store, result, sweep_record

DONE = Outcome(Cause.DONE, {"train_seconds": 20.0, "loss": 3.0, "bits_per_byte": 1.0})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path)


@pytest.fixture
def queue(store: Store, tmp_path: Path) -> Queue:
    return Queue(store, open_artifacts(str(tmp_path)))


def order(queue: Queue, slots: int = 9) -> list[str]:
    """Which runs would start on so many cores."""
    claims = queue.claims([Slot(f"w{i}", f"w{i}") for i in range(slots)])
    for made in claims:
        queue.release(made.run_id)
    return [made.run_id for made in claims]


def test_the_longest_run_of_any_sweep_is_first_and_none_before_a_look(queue: Queue, store: Store) -> None:
    store.submit(sweep_record("a"), [new_run(0, 5.0), new_run(1, 1.0)])
    store.submit(sweep_record("b"), [new_run(2, 3.0)])
    assert not queue.has_work and order(queue) == []
    queue.refresh([])
    assert queue.has_work and queue.asked() == {"": 3}
    assert queue.seconds(queue.job("run2")) == 3.0
    assert order(queue) == ["run0", "run2", "run1"]


def test_one_sweep_can_be_followed_alone(queue: Queue, store: Store) -> None:
    store.submit(sweep_record("a"), [new_run(0)])
    other = store.submit(sweep_record("b"), [new_run(1)])
    queue.follow(other.id)
    queue.refresh([])
    assert order(queue) == ["run1"]
    queue.follow(None)
    queue.refresh(["run1"])
    assert order(queue) == ["run0"], "run1 is in training"


def test_what_is_followed_alone_rests_with_its_sweep_even_in_training_and_wanted_by_another(
    queue: Queue, store: Store
) -> None:
    followed = store.submit(sweep_record("a"), [new_run(0), new_run(1)])
    store.submit(sweep_record("b"), [new_run(0)])
    claim(store, "run0", 0, store.start_driver("boot", [], ""), "w")
    queue.follow(followed.id)
    queue.refresh(["run0"])
    assert not queue.is_held("run0")
    store.hold(followed.id, Hold.PAUSED)
    queue.refresh(["run0"])
    assert queue.is_held("run0") and queue.is_held("run1")
    queue.follow(None)
    queue.refresh(["run0"])
    assert not queue.is_held("run0") and queue.is_held("run1")


def test_the_database_is_read_again_when_something_was_asked_or_forgotten(queue: Queue, store: Store) -> None:
    sweep = store.submit(sweep_record(), [new_run(0), new_run(1)])
    queue.refresh([])
    driver = store.start_driver("boot", [], "")
    fence = claim(store, "run0", 0, driver, "w")
    end_attempt(store, "run0", fence, Outcome(Cause.LOST, seconds=4.0))
    queue.refresh([])
    assert queue.lost_attempts == LostAttempts(), "nobody asked for anything"
    queue.forget()
    queue.refresh([])
    assert queue.lost_attempts == LostAttempts(1, 4.0)
    store.hold(sweep.id, Hold.PAUSED)
    queue.refresh(["run1"])
    assert queue.is_held("run0") and queue.is_held("run1")
    assert not queue.has_work and order(queue) == []
    store.release(sweep.id)
    queue.refresh([])
    assert queue.has_work and not queue.is_held("run0")


def test_a_run_that_was_taken_can_be_put_back_alone(store: Store, tmp_path: Path) -> None:
    queue = Queue(store, open_artifacts(str(tmp_path)), by_memory=True)
    store.submit(sweep_record(), [new_run(0)])
    queue.refresh([])
    (taken,) = queue.claims([Slot("w", "gpu", "GPU", 2, 100)])
    job = queue.take(taken.run_id)
    assert not queue.has_work and taken.share == 0.5
    queue.note_end("run0", finished=False)
    queue.put_back(job, replace(store.run("run0"), micro_batch=4, alone=True), Cause.OUT_OF_MEMORY)
    again = queue.job("run0")
    assert (again.run.cell, again.run.role, again.run.micro_batch, again.run.alone) == (job.run.cell, "grid", 4, True)
    (whole,) = queue.claims([Slot("w", "gpu", "GPU", 2, 100), Slot("v", "gpu", "GPU", 2, 100)])
    assert whole.share == 1.0


def test_what_runs_took_changes_the_order_now_and_then(
    queue: Queue, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs of 1 N take twenty times what the calibration says: they go before longer ones that do not."""
    runs = [new_run(i) for i in range(3)]
    cells = [
        replace(run.cell, params=n, calibrated_seconds=s)
        for run, n, s in zip(runs, (1, 1, 10**6), (1, 1, 5), strict=True)
    ]
    store.submit(sweep_record(), [replace(run, cell=cell) for run, cell in zip(runs, cells, strict=True)])
    queue.refresh([])
    assert order(queue)[0] == "run2"
    job = queue.take("run0")
    queue.learn(job, Outcome(Cause.LOST))
    assert queue.seconds(queue.job("run1")) == 1.0, "nothing to learn from"
    monkeypatch.setattr(queue_module, "ORDER_SECONDS", -1.0)
    queue.learn(job, DONE)
    assert queue.seconds(queue.job("run1")) == pytest.approx(20.0, rel=0.4)
    assert order(queue) == ["run2", "run1"], "the same factor for the nearest size known"
    assert queue.seconds(queue.job("run2")) == pytest.approx(5 * 20.0, rel=0.4)


def test_finished_runs_of_earlier_sweeps_predict_from_the_start(queue: Queue, store: Store) -> None:
    cell = replace(new_run(0).cell, params=100, calibrated_seconds=1.0)
    store.submit(sweep_record("old"), [replace(new_run(0), cell=cell)])
    driver = store.start_driver("boot", [], "")
    end_attempt(
        store, "run0", claim(store, "run0", 0, driver, "w"), Outcome(Cause.DONE, result() | {"train_seconds": 3.0})
    )
    store.submit(sweep_record("new", "bbbb0000"), [replace(new_run(1), cell=cell)])
    queue.refresh([])
    assert queue.seconds(queue.job("run1")) == pytest.approx(3.0, rel=0.2)


def test_missing_kinds_are_noted_for_runs_that_are_not_held(
    queue: Queue, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.scheduling.missing_devices.PATIENCE_SECONDS", 0.0)
    for name in ("free", "held"):
        run = new_run(0 if name == "free" else 1)
        store.submit(sweep_record(name), [replace(run, cell=replace(run.cell, kind="l40s"))])
    store.hold(store.sweep("held").id, Hold.PAUSED)
    queue.refresh([])
    queue.note_missing(lambda: Kinds(()))
    assert "waits for a worker of kind l40s: no worker is ready" in store.sweep("free").waits
    assert store.sweep("held").on_hold == "paused"


@pytest.mark.parametrize(
    ("stack", "cause", "alone"),
    [
        ((), Cause.CODE, False),
        (("run0", "run1"), Cause.CODE, True),
        (("run0", "run1"), Cause.LOST, True),
        (("run0", "run1"), Cause.PREEMPTED, False),
    ],
)
def test_what_failed_in_a_stack_is_tried_alone(
    queue: Queue, store: Store, stack: tuple[str, ...], cause: Cause, alone: bool
) -> None:
    store.submit(sweep_record(), [new_run(0)])
    queue.refresh([])
    queue.claims([Slot("w", "w")])
    job = queue.take("run0")
    job.stack = stack
    queue.note_end("run0", finished=False)
    queue.put_back(job, store.run("run0"), cause)
    assert queue.job("run0").alone is alone
