"""A real worker whose artifacts are in an object store: other machines go on, and what a store that fails costs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from model.config import RunConfig
from model.sample import load_trained
from model.trunk_states import state_step
from orchestrator.cluster.artifact_store import open_artifacts
from orchestrator.cluster.remote_artifacts import RemoteArtifacts
from orchestrator.cluster.worker import Worker
from orchestrator.states import Cause
from tests.unit.orchestrator.cluster.worker_fixtures import assignment_of, changed, interrupted


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
    interrupted(worker, assignment_of(url, run, fence=first), 5)
    monkeypatch.setenv("ISOFLOP_SCRATCH", str(tmp_path / "two"))
    outcome = worker.train(assignment_of(url, run, fence=first + 1))
    assert outcome.result is not None, outcome.detail
    whole = worker.train(assignment_of(url, run, fence=first + 2, checkpoints="c"))
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
    short, middle, long = (changed(base, sequences=n, warmup=0.0, warmup_steps=3) for n in (47, 81, 160))
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
    leader = worker.train(assignment_of(url, long, fence=first, **on_trunk))
    assert leader.result is not None, leader.detail
    assert worker.progress()[long.run_id].kept == {10, 17, 32}
    states = places.states(str(base.trunk_id))[str(base.trunk_id)]
    assert sorted(map(state_step, states)) == [10, 17, 32]
    assert all(size > 12 * 1000 for size in states.values())
    monkeypatch.setenv("ISOFLOP_SCRATCH", str(tmp_path / "two"))
    _damage(places, str(base.trunk_id), next(name for name in states if state_step(name) == 17))
    for run, expected in ((short, 10), (middle, 10)):
        branched = worker.train(assignment_of(url, run, fence=first + 1, **on_trunk))
        alone = worker.train(assignment_of(url, run, fence=first + 2, checkpoints="alone"))
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


@pytest.fixture
def flaky(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """A memory file system whose operations fail as often as a test says, and pauses that take no time."""
    memory, left = fsspec.get_filesystem_class("memory"), dict[str, int]()  # each thread has an instance of its own
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
    outcome = worker.train(assignment_of("memory://store", remote_run))
    assert outcome.cause is Cause.DONE, outcome.detail
    assert open_artifacts("memory://store").events(remote_run.run_id, 1)[-1]["kind"] == "result"


def test_a_result_in_hand_is_delivered_although_the_store_is_gone(
    worker: Worker, remote_run: RunConfig, flaky: dict[str, int]
) -> None:
    """The upload of the log is not worth the result."""
    flaky["pipe_file"] = 10**6
    outcome = worker.train(assignment_of("memory://store", remote_run))
    assert outcome.cause is Cause.DONE, outcome.detail


def test_a_store_that_stays_away_before_the_end_loses_the_attempt(
    worker: Worker, remote_run: RunConfig, flaky: dict[str, int]
) -> None:
    flaky["put_file"] = 10**6
    outcome = worker.train(assignment_of("memory://store", remote_run))
    assert outcome.cause is Cause.LOST and "put_file failed 6 times" in outcome.detail
