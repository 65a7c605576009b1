"""A folder used in place."""

from __future__ import annotations

import shutil
from pathlib import Path

from orchestrator.cluster.local_artifacts import LocalArtifacts


def test_everything_is_used_in_place(tmp_path: Path) -> None:
    store = LocalArtifacts(tmp_path)
    assert store.url == str(tmp_path) and store.scratch is None
    assert store.dataset("d") == tmp_path / "artifacts" / "d"
    assert store.trained("r", "checkpoints") == tmp_path / "runs" / "r" / "checkpoints"
    assert store.checkpoints("r", "checkpoints-1").folder == tmp_path / "runs" / "r" / "checkpoints-1"
    assert store.choice(lambda folder: folder) == tmp_path / "implementations"
    store.log("r", 3).close()
    assert (tmp_path / "runs" / "r" / "attempt-0003.jsonl").exists()


def test_free_space_is_that_of_its_disk(tmp_path: Path) -> None:
    assert abs(LocalArtifacts(tmp_path).free_bytes() - shutil.disk_usage(tmp_path).free) < 2**30


def test_a_trunk_without_states_has_no_folder(tmp_path: Path) -> None:
    store = LocalArtifacts(tmp_path)
    folder = tmp_path / "trunks" / "t"
    folder.mkdir(parents=True)
    for name in ("a.ckpt", "b.ckpt", "c.txt"):
        (folder / name).write_bytes(b"state")
    assert store.states() == {"t": {"a.ckpt": 5, "b.ckpt": 5}}
    store.drop_states("t", ["a.ckpt", "b.ckpt"])
    assert folder.exists(), "it holds others"
    (folder / "c.txt").unlink()
    store.drop_states("t", [])
    assert not folder.exists()
