"""Checkpoints and trunk states on an object store, for another machine to continue from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
import torch

from model.checkpoint import KEPT
from orchestrator.cluster.remote_checkpoints import RemoteCheckpoints, RemoteTrunk


@pytest.fixture
def files() -> Iterator[Any]:
    memory = fsspec.filesystem("memory")
    yield memory
    memory.store.clear()


def state(step: int) -> dict[str, Any]:
    return {"step": step, "choice": {}, "weights": torch.full((3,), float(step))}


def names(files: Any, folder: str) -> list[str]:
    files.invalidate_cache()
    return sorted(path.rpartition("/")[2] for path in files.ls(folder, detail=False))


def test_another_machine_loads_the_newest_of_both(files: Any, tmp_path: Path) -> None:
    here, there = (RemoteCheckpoints(tmp_path / name, files, "/bucket/c") for name in ("here", "there"))
    assert there.load_newest() is None
    here.save(1, state(1))
    found = there.load_newest()
    assert found is not None and found["step"] == 1
    there.save(2, state(2))
    newest = here.load_newest()
    assert newest is not None and newest["step"] == 2 and newest["weights"].tolist() == [2.0] * 3


def test_a_damaged_upload_is_skipped_for_the_one_before(files: Any, tmp_path: Path) -> None:
    here, there = (RemoteCheckpoints(tmp_path / name, files, "/bucket/c") for name in ("here", "there"))
    here.save(1, state(1))
    newest = here.save(2, state(2)).name
    files.pipe_file(f"/bucket/c/{newest}", b"torn")
    found = there.load_newest()
    assert found is not None and found["step"] == 1


def test_as_many_are_uploaded_as_are_kept_and_readers_see_whole_ones(files: Any, tmp_path: Path) -> None:
    checkpoints = RemoteCheckpoints(tmp_path / "c", files, "/bucket/c")
    for step in range(1, KEPT + 3):
        checkpoints.save(step, state(step))
    uploaded = names(files, "/bucket/c")
    assert len(uploaded) == KEPT and not any(name.endswith(".part") for name in uploaded)
    assert uploaded == sorted(path.name for path in checkpoints.files())


def test_clearing_leaves_the_final_weights_in_both_places(files: Any, tmp_path: Path) -> None:
    checkpoints = RemoteCheckpoints(tmp_path / "c", files, "/bucket/c")
    checkpoints.save(1, state(1))
    checkpoints.save_final({"model": {}})
    checkpoints.clear()
    assert names(files, "/bucket/c") == ["final.ckpt"] == [path.name for path in (tmp_path / "c").iterdir()]


def test_a_trunks_states_are_on_the_store_alone(files: Any, tmp_path: Path) -> None:
    here, there = (RemoteTrunk(tmp_path / name, (10, 20), files, "/bucket/t") for name in ("here", "there"))
    assert there.latest(100, {}, "cpu") is None
    for step in (10, 20):
        assert here.wants(step, {})
        here.keep(state(step))
        assert not there.wants(step, {})
    assert list((tmp_path / "here").iterdir()) == []
    found = there.latest(15, {}, "cpu")
    assert found is not None and found["step"] == 10
    assert list((tmp_path / "there").iterdir()) == []
