"""A real worker: what each way to fail says about the run, and how an attempt goes on where another ended."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from model.config import RunConfig
from orchestrator.cluster.artifact_store import open_artifacts
from orchestrator.cluster.worker import Worker
from orchestrator.states import Cause
from tests.unit.orchestrator.cluster.worker_fixtures import assignment_of, changed, interrupted


def test_a_finished_attempt_leaves_its_result_in_the_log(worker: Worker, prepared: tuple[Path, RunConfig]) -> None:
    root, run = prepared
    outcome = worker.train(assignment_of(str(root), run))
    assert outcome.cause is Cause.DONE and outcome.result is not None, outcome.detail
    assert outcome.flops == outcome.result["flops"]
    kinds = [e["kind"] for e in open_artifacts(str(root)).events(run.run_id, 1)]
    assert (kinds[0], kinds[1], kinds[-1]) == ("attempt", "start", "result")


def test_causes_are_told_apart(worker: Worker, prepared: tuple[Path, RunConfig]) -> None:
    root, run = prepared
    wide = dataclasses.replace(run, model=dataclasses.replace(run.model, d_ff=10**13))
    foreign = dataclasses.replace(run, math_version=run.math_version + 1)
    cases = [
        (assignment_of(str(root), changed(run, lr=1e30, sequences=400)), Cause.DIVERGED, "loss is"),
        (assignment_of(str(root), foreign), Cause.CONFIGURATION, "arithmetic version"),
        (assignment_of(str(root), dataclasses.replace(run, dataset="missing")), Cause.CONFIGURATION, "missing"),
        (assignment_of(str(root), wide), Cause.OUT_OF_MEMORY, "memory"),
        (assignment_of(str(root), run, config={"dataset": "x"}), Cause.CODE, "Traceback"),
    ]
    for assignment, cause, words in cases:
        outcome = worker.train(assignment)
        assert outcome.cause is cause, outcome.detail
        assert words in outcome.detail


def test_data_that_somebody_altered_are_not_trained_on(
    worker: Worker, prepared: tuple[Path, RunConfig], tmp_path: Path
) -> None:
    """Also after the same process has trained on them: tokens of the same number and another content."""
    root, run = prepared
    shutil.copytree(root / "artifacts", tmp_path / "artifacts")
    assert worker.train(assignment_of(str(tmp_path), run)).cause is Cause.DONE
    (file,) = (tmp_path / "artifacts").glob("*/train.bin")
    file.write_bytes(bytes(file.stat().st_size))
    outcome = worker.train(assignment_of(str(tmp_path), run, fence=2))
    assert outcome.cause is Cause.CONFIGURATION
    assert f"{file} was altered" in outcome.detail


class Mirror:
    """A wandb mirror that takes all of the time that it is given."""

    def __init__(self, clock: list[float], note: str) -> None:
        self.clock, self.note, self.given = clock, note, list[float]()

    def wait(self, seconds: float) -> None:
        self.given.append(seconds)
        self.clock[0] += 7.0


def test_the_mirrors_share_the_time_that_is_left(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    mirrors = [Mirror(clock, note) for note in ("", "no answer", "")]
    monkeypatch.setattr(worker, "_mirrors", mirrors)
    monkeypatch.setattr("orchestrator.cluster.worker.time.monotonic", lambda: clock[0])
    assert worker.close(10.0) == ["no answer"]
    assert [mirror.given for mirror in mirrors] == [[10.0], [3.0], [0.0]]


def test_a_stop_may_arrive_before_its_attempt(worker: Worker, prepared: tuple[Path, RunConfig]) -> None:
    root, run = prepared
    worker.stop(run.run_id, 20)
    assert worker.train(assignment_of(str(root), run, fence=20, checkpoints="early")).cause is Cause.PREEMPTED


def test_a_stopped_attempt_is_gone_on_with_to_the_same_bit(worker: Worker, prepared: tuple[Path, RunConfig]) -> None:
    root, run = prepared
    whole = worker.train(assignment_of(str(root), run, fence=2, checkpoints="whole"))
    interrupted(worker, assignment_of(str(root), run, fence=3, checkpoints="parts"), 5)
    assert list((root / "runs" / run.run_id / "parts").glob("step-*.ckpt"))
    rest = worker.train(assignment_of(str(root), run, fence=4, checkpoints="parts"))
    assert whole.result is not None and rest.result is not None
    assert rest.result["resumed_from_step"] == 5
    assert rest.result["loss"] == whole.result["loss"]
    assert not list((root / "runs" / run.run_id / "parts").glob("step-*.ckpt")), "a result needs no checkpoint"


def test_an_attempt_whose_scheduler_is_silent_ends_with_its_lease(
    worker: Worker, prepared: tuple[Path, RunConfig]
) -> None:
    root, run = prepared
    outcome = worker.train(assignment_of(str(root), run, fence=5, checkpoints="lease", lease_seconds=-1.0))
    assert outcome.cause is Cause.PREEMPTED
    assert list((root / "runs" / run.run_id / "lease").glob("step-*.ckpt"))


def test_half_a_micro_batch_trains_the_same_global_batch(worker: Worker, prepared: tuple[Path, RunConfig]) -> None:
    root, run = prepared
    whole = worker.train(assignment_of(str(root), run, fence=6, checkpoints="a"))
    halves = worker.train(assignment_of(str(root), run, fence=7, checkpoints="b", micro_batch=2))
    assert whole.result is not None and halves.result is not None
    assert halves.result["implementation"]["micro_batch"] == 2
    assert halves.result["steps"] == whole.result["steps"]
    assert halves.result["loss"] == pytest.approx(whole.result["loss"], rel=1e-4)
