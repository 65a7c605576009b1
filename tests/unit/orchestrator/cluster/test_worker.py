"""A real worker: what each way to fail says about the run, and how an attempt goes on where another ended."""

from __future__ import annotations

import dataclasses
import errno
import itertools
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pytest

from model.config import RunConfig
from model.sample import load_trained
from model.trunk_states import state_step
from orchestrator.attempts import Assignment, Tracking
from orchestrator.cluster.artifact_store import open_artifacts
from orchestrator.cluster.remote_artifacts import RemoteArtifacts
from orchestrator.cluster.worker import Worker, outcome_of
from orchestrator.errors import ArtifactsAway
from orchestrator.states import Cause
from tests.conftest import ROOT
from tests.unit.model.model_data import small_run, write_dataset

OFF = Tracking("disabled", "", "p", "test")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunConfig]:
    """A home with a tiny dataset, and a run on it."""
    root = tmp_path_factory.mktemp("home")
    data = write_dataset(root / "artifacts")  # makes a folder named after its content
    return root, small_run(data)


@pytest.fixture(scope="module")
def worker() -> Worker:
    return Worker("cpu", None, str(ROOT))


def _assignment(root: str, run: RunConfig, fence: int = 1, **changes: Any) -> Assignment:
    given: dict[str, Any] = {"config": run.to_dict()} | changes
    return Assignment(run.run_id, fence, artifacts=root, sweep="s", name="n", tracking=OFF, **given)


def _changed(run: RunConfig, **train: Any) -> RunConfig:
    return dataclasses.replace(run, train=dataclasses.replace(run.train, **train))


def test_a_finished_attempt_leaves_its_result_in_the_log(worker: Worker, prepared: tuple[Path, RunConfig]) -> None:
    root, run = prepared
    outcome = worker.train(_assignment(str(root), run))
    assert outcome.cause is Cause.DONE and outcome.result is not None, outcome.detail
    assert outcome.flops == outcome.result["flops"]
    kinds = [e["kind"] for e in open_artifacts(str(root)).events(run.run_id, 1)]
    assert (kinds[0], kinds[1], kinds[-1]) == ("attempt", "start", "result")


def test_causes_are_told_apart(worker: Worker, prepared: tuple[Path, RunConfig]) -> None:
    root, run = prepared
    wide = dataclasses.replace(run, model=dataclasses.replace(run.model, d_ff=10**13))
    foreign = dataclasses.replace(run, math_version=run.math_version + 1)
    cases = [
        (_assignment(str(root), _changed(run, lr=1e30, sequences=400)), Cause.DIVERGED, "loss is"),
        (_assignment(str(root), foreign), Cause.CONFIGURATION, "arithmetic version"),
        (_assignment(str(root), dataclasses.replace(run, dataset="missing")), Cause.CONFIGURATION, "missing"),
        (_assignment(str(root), wide), Cause.OUT_OF_MEMORY, "memory"),
        (_assignment(str(root), run, config={"dataset": "x"}), Cause.CODE, "Traceback"),
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
    assert worker.train(_assignment(str(tmp_path), run)).cause is Cause.DONE
    (file,) = (tmp_path / "artifacts").glob("*/train.bin")
    file.write_bytes(bytes(file.stat().st_size))
    outcome = worker.train(_assignment(str(tmp_path), run, fence=2))
    assert outcome.cause is Cause.CONFIGURATION
    assert f"{file} was altered" in outcome.detail


def test_a_full_disk_is_no_mistake_of_the_run() -> None:
    assert outcome_of(OSError(errno.ENOSPC, "No space left on device"), "cpu").cause is Cause.DISK_FULL
    assert outcome_of(OSError(errno.EIO, "I/O error"), "cpu").cause is Cause.CODE
    assert outcome_of(MemoryError("one sequence does not fit"), "cuda").micro_batch == 1


def _interrupted(worker: Worker, assignment: Assignment, step: int) -> None:
    """Train until the step, where the scheduler's wish to stop arrives."""
    asked = itertools.count()
    whole = worker._must_stop
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            worker, "_must_stop", lambda a: (next(asked) == step and worker.stop(*a.key)) or whole(a), raising=True
        )
        assert worker.train(assignment).cause is Cause.PREEMPTED


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
    assert worker.train(_assignment(str(root), run, fence=20, checkpoints="early")).cause is Cause.PREEMPTED


def test_a_stopped_attempt_is_gone_on_with_to_the_same_bit(worker: Worker, prepared: tuple[Path, RunConfig]) -> None:
    root, run = prepared
    whole = worker.train(_assignment(str(root), run, fence=2, checkpoints="whole"))
    _interrupted(worker, _assignment(str(root), run, fence=3, checkpoints="parts"), 5)
    assert list((root / "runs" / run.run_id / "parts").glob("step-*.ckpt"))
    rest = worker.train(_assignment(str(root), run, fence=4, checkpoints="parts"))
    assert whole.result is not None and rest.result is not None
    assert rest.result["resumed_from_step"] == 5
    assert rest.result["loss"] == whole.result["loss"]
    assert not list((root / "runs" / run.run_id / "parts").glob("step-*.ckpt")), "a result needs no checkpoint"


def test_an_attempt_whose_scheduler_is_silent_ends_with_its_lease(
    worker: Worker, prepared: tuple[Path, RunConfig]
) -> None:
    root, run = prepared
    outcome = worker.train(_assignment(str(root), run, fence=5, checkpoints="lease", lease_seconds=-1.0))
    assert outcome.cause is Cause.PREEMPTED
    assert list((root / "runs" / run.run_id / "lease").glob("step-*.ckpt"))


def test_half_a_micro_batch_trains_the_same_global_batch(worker: Worker, prepared: tuple[Path, RunConfig]) -> None:
    root, run = prepared
    whole = worker.train(_assignment(str(root), run, fence=6, checkpoints="a"))
    halves = worker.train(_assignment(str(root), run, fence=7, checkpoints="b", micro_batch=2))
    assert whole.result is not None and halves.result is not None
    assert halves.result["implementation"]["micro_batch"] == 2
    assert halves.result["steps"] == whole.result["steps"]
    assert halves.result["loss"] == pytest.approx(whole.result["loss"], rel=1e-4)


@pytest.mark.parametrize("scheme", ["memory", "file"])
def test_another_machine_goes_on_from_the_object_store(
    worker: Worker,
    prepared: tuple[Path, RunConfig],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
) -> None:
    """Two machines share nothing but the store: each has a scratch folder of its own."""
    root, run = prepared
    first = {"memory": 30, "file": 40}[scheme]
    url = f"{scheme}://{tmp_path}/store"
    monkeypatch.setenv("ISOFLOP_SCRATCH", str(tmp_path / "driver"))
    open_artifacts(url).publish(root / "artifacts" / run.dataset)
    monkeypatch.setenv("ISOFLOP_SCRATCH", str(tmp_path / "one"))
    _interrupted(worker, _assignment(url, run, fence=first), 5)
    monkeypatch.setenv("ISOFLOP_SCRATCH", str(tmp_path / "two"))
    outcome = worker.train(_assignment(url, run, fence=first + 1))
    assert outcome.result is not None, outcome.detail
    whole = worker.train(_assignment(url, run, fence=first + 2, checkpoints="c"))
    assert whole.result is not None
    assert outcome.result["loss"] == whole.result["loss"]
    monkeypatch.setenv("ISOFLOP_SCRATCH", str(tmp_path / "driver"))
    events = open_artifacts(url).events(run.run_id, first + 1)
    assert [e["kind"] for e in events][-1] == "result"
    assert next(e for e in events if e["kind"] == "start")["resumed_from_step"] == 5
    assert open_artifacts(url).events(run.run_id, 99) == []
    kept = open_artifacts(url).trained(run.run_id, "checkpoints")
    assert [file.name for file in kept.iterdir()] == ["final.ckpt"]
    load_trained(kept)


@pytest.mark.parametrize("scheme", ["", "memory://", "file://"])
def test_a_cooldown_goes_on_from_a_state_that_another_machine_kept(
    worker: Worker,
    prepared: tuple[Path, RunConfig],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
) -> None:
    """To the last bit as if trained alone; a state that is damaged on the store costs the steps since the one before."""
    root, base = prepared
    short, middle, long = (_changed(base, sequences=n, warmup=0.0, warmup_steps=3) for n in (47, 81, 160))
    url, first = f"{scheme}{tmp_path}/store", 100 + 10 * len(scheme)
    monkeypatch.setenv("ISOFLOP_SCRATCH", str(tmp_path / "driver"))
    places = open_artifacts(url)
    if scheme:
        places.publish(root / "artifacts" / base.dataset)
    else:
        (tmp_path / "store").mkdir()
        (tmp_path / "store" / "artifacts").symlink_to(root / "artifacts")
    on_trunk: dict[str, Any] = {"trunk": base.trunk_id, "points": (10, 17, 32)}
    monkeypatch.setenv("ISOFLOP_SCRATCH", str(tmp_path / "one"))
    leader = worker.train(_assignment(url, long, fence=first, **on_trunk))
    assert leader.result is not None, leader.detail
    assert worker.progress()[long.run_id].kept == {10, 17, 32}
    states = places.states(str(base.trunk_id))[str(base.trunk_id)]
    assert sorted(map(state_step, states)) == [10, 17, 32]
    assert all(size > 12 * 1000 for size in states.values())
    monkeypatch.setenv("ISOFLOP_SCRATCH", str(tmp_path / "two"))
    _damage(places, str(base.trunk_id), next(name for name in states if state_step(name) == 17))
    for run, expected in ((short, 10), (middle, 10)):
        branched = worker.train(_assignment(url, run, fence=first + 1, **on_trunk))
        alone = worker.train(_assignment(url, run, fence=first + 2, checkpoints="alone"))
        assert branched.result is not None and alone.result is not None, branched.detail
        assert branched.result["branched_from_step"] == expected
        assert branched.result["loss"] == alone.result["loss"]
        start = next(e for e in places.events(run.run_id, first + 1) if e["kind"] == "start")
        assert start["branched_from_step"] == expected
    assert not list(tmp_path.glob("two/trunks/*/*")), "copies on scratch are for the moment"
    places.drop_states(str(base.trunk_id), [*states, "not there"])
    assert places.states() == {}


def _damage(places: Any, trunk: str, name: str) -> None:
    if isinstance(places, RemoteArtifacts):
        path = f"{places._root}/trunks/{trunk}/{name}"
        places._fs.pipe_file(path, places._fs.cat_file(path)[:-40])
    else:
        path = Path(places.url) / "trunks" / trunk / name
        path.write_bytes(path.read_bytes()[:-40])


def test_out_of_memory_is_final_only_alone_on_a_gpu() -> None:
    """On a GPU training has tried every micro-batch down to one sequence before it gives up; a share is no device."""
    full = MemoryError("one sequence does not fit")
    assert outcome_of(full, "cuda", 1.0).micro_batch == 1
    assert [outcome_of(full, "cuda", share).micro_batch for share in (0.5, 0.25, 0.99)] == [None, None, None]
    assert outcome_of(full, "cpu", 1.0).micro_batch is None
    assert {outcome_of(full, device, 0.5).cause for device in ("cpu", "cuda")} == {Cause.OUT_OF_MEMORY}


def test_an_artifact_store_that_does_not_answer_loses_an_attempt_and_blames_no_run() -> None:
    outcome = outcome_of(ArtifactsAway("put_file failed 6 times"), "cpu")
    assert (outcome.cause, outcome.detail) == (Cause.LOST, "put_file failed 6 times")


@pytest.fixture
def flaky(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """A memory file system whose operations fail as often as a test says, and pauses that take no time."""
    memory, left = fsspec.filesystem("memory"), dict[str, int]()
    monkeypatch.setattr("orchestrator.cluster.patient_files.time.sleep", lambda _seconds: None)

    def failing(name: str, whole: Any) -> Any:
        def ask(*args: Any, **kwargs: Any) -> Any:
            left[name] = left.get(name, 0) - 1
            if left[name] >= 0:
                raise OSError(f"{name} failed")
            return whole(*args, **kwargs)

        return ask

    for name in ("put_file", "pipe_file", "rm_file", "mv", "ls"):
        monkeypatch.setattr(memory, name, failing(name, getattr(memory, name)))
    yield left
    memory.store.clear()


@pytest.fixture
def remote_run(
    prepared: tuple[Path, RunConfig], flaky: dict[str, int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> RunConfig:
    """A run whose data are in that store; nothing of it fails yet."""
    root, run = prepared
    monkeypatch.setenv("ISOFLOP_SCRATCH", str(tmp_path))
    open_artifacts("memory://store").publish(root / "artifacts" / run.dataset)
    return run


@pytest.mark.parametrize("operation", ["put_file", "pipe_file", "rm_file", "mv", "ls"])
def test_hiccups_of_an_object_store_cost_no_attempt(
    worker: Worker, remote_run: RunConfig, flaky: dict[str, int], operation: str
) -> None:
    flaky[operation] = 2
    outcome = worker.train(_assignment("memory://store", remote_run))
    assert outcome.cause is Cause.DONE, outcome.detail
    assert open_artifacts("memory://store").events(remote_run.run_id, 1)[-1]["kind"] == "result"


def test_a_result_in_hand_is_delivered_although_the_store_is_gone(
    worker: Worker, remote_run: RunConfig, flaky: dict[str, int]
) -> None:
    """The upload of the log is not worth the result."""
    flaky["pipe_file"] = 10**6
    outcome = worker.train(_assignment("memory://store", remote_run))
    assert outcome.cause is Cause.DONE, outcome.detail


def test_a_store_that_stays_away_before_the_end_loses_the_attempt(
    worker: Worker, remote_run: RunConfig, flaky: dict[str, int]
) -> None:
    flaky["put_file"] = 10**6
    outcome = worker.train(_assignment("memory://store", remote_run))
    assert outcome.cause is Cause.LOST and "put_file failed 6 times" in outcome.detail


def test_a_stack_is_trained_together_and_each_run_ends_by_itself(
    prepared: tuple[Path, RunConfig], worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, base = prepared
    runs = [_changed(base, seed=30 + i, sequences=n) for i, n in enumerate((47, 20, 33))]
    wild = _changed(base, seed=40, lr=1e30, sequences=400)
    stack = tuple(run.run_id for run in (*runs, wild))
    given = [_assignment(str(root), run, stack=stack, stacked=8, share=0.7) for run in (*runs, wild)]
    kept: list[float] = []
    monkeypatch.setattr(worker, "_keep_to", kept.append)
    with ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(worker.train, given))
    assert kept == [1.0], "all shares together, of one device"
    assert [outcome.cause for outcome in outcomes] == [Cause.DONE] * 3 + [Cause.DIVERGED]
    for run, outcome in zip(runs, outcomes, strict=False):
        assert outcome.result is not None and outcome.seconds is not None
        assert outcome.result["implementation"]["stacked"] == 8
        alone = worker.train(_assignment(str(root), run, fence=2))
        assert alone.result is not None and alone.seconds is None
        assert outcome.result["loss"] == pytest.approx(alone.result["loss"], abs=1e-4)
        assert outcome.flops == alone.flops == alone.result["flops"]
        assert [e["kind"] for e in open_artifacts(str(root)).events(run.run_id, 1)][-1] == "result"
    assert set(worker.progress()) == {runs[2].run_id}


def test_a_run_that_memory_ran_out_for_is_not_stacked(prepared: tuple[Path, RunConfig], worker: Worker) -> None:
    root, base = prepared
    run = _changed(base, seed=50)
    outcome = worker.train(_assignment(str(root), run, stacked=8, micro_batch=2))
    assert outcome.result is not None, outcome.detail
    computed = outcome.result["implementation"]
    assert (computed["stacked"], computed["micro_batch"]) == (0, 2)


def test_runs_that_are_not_stacked_here_are_charged_for_their_own_time(
    prepared: tuple[Path, RunConfig], worker: Worker
) -> None:
    root, base = prepared
    runs = [_changed(base, seed=seed) for seed in (70, 71, 72)]
    stack = tuple(run.run_id for run in runs)
    began = time.monotonic()
    with ThreadPoolExecutor(3) as threads:
        outcomes = list(threads.map(worker.train, [_assignment(str(root), run, stack=stack) for run in runs]))
    wall = time.monotonic() - began
    seconds = [outcome.seconds for outcome in outcomes if outcome.seconds is not None]
    assert len(seconds) == 3 and 0 < sum(seconds) <= wall
    assert [o.result["implementation"]["stacked"] for o in outcomes if o.result] == [0, 0, 0]


def test_what_befalls_a_whole_stack_is_the_end_of_each(
    prepared: tuple[Path, RunConfig], worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, base = prepared
    runs = [_changed(base, seed=seed) for seed in (60, 61)]
    monkeypatch.setattr("model.choice.stored_implementation", lambda *_, **__: 1 / 0)
    given = [_assignment(str(root), run, stack=tuple(r.run_id for r in runs)) for run in runs]
    with ThreadPoolExecutor(2) as threads:
        outcomes = list(threads.map(worker.train, given))
    assert [outcome.cause for outcome in outcomes] == [Cause.CODE] * 2
    assert all("ZeroDivisionError" in outcome.detail for outcome in outcomes)
