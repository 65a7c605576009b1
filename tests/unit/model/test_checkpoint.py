"""Checkpoints: durable, verified, and the newest good one."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
import torch

from model.checkpoint import CheckpointError, Checkpoints, read_checkpoint


def state(step: int) -> dict:
    return {"step": step, "seconds": 1.5, "model": {"w": torch.full((3, 2), float(step))}, "name": "run"}


def test_state_comes_back(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "new" / "folder")
    assert checkpoints.load_newest() is None
    checkpoints.save(7, state(7))
    loaded = checkpoints.load_newest()
    assert loaded is not None
    assert torch.equal(loaded.pop("model")["w"], torch.full((3, 2), 7.0))
    assert loaded == {"step": 7, "seconds": 1.5, "name": "run"}


def test_two_newest_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for step in (5, 900, 10_000):
        checkpoints.save(step, state(step))
    assert [path.name for path in checkpoints.files()] == ["step-000000900.ckpt", "step-000010000.ckpt"]
    assert checkpoints.load_newest()["step"] == 10_000


@pytest.mark.parametrize("damage", ["torn", "empty", "flipped", "foreign", "gone"])
def test_damaged_file_is_skipped_for_the_one_before(tmp_path: Path, damage: str) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, state(1))
    newest = checkpoints.save(2, state(2))
    content = bytearray(newest.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    replacement = {"torn": content[:-100], "empty": b"", "flipped": content, "foreign": b"hello" * 50, "gone": b""}
    newest.write_bytes(replacement[damage])
    with pytest.raises(CheckpointError, match=newest.name):
        read_checkpoint(newest)
    if damage == "gone":
        newest.unlink()
    assert checkpoints.load_newest()["step"] == 1


def test_no_good_file_means_none(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, state(1)).write_bytes(b"")
    assert checkpoints.load_newest() is None


def test_crash_while_writing_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, state(1))

    def crash(descriptor: int) -> None:
        raise OSError("power cut")

    monkeypatch.setattr("model.checkpoint.os.fsync", crash)
    with pytest.raises(OSError, match="power cut"):
        checkpoints.save(2, state(2))
    assert [path.name for path in checkpoints.files()] == ["step-000000001.ckpt"]
    assert checkpoints.load_newest()["step"] == 1


def test_no_code_runs_on_loading(tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    path = Checkpoints(tmp_path / "c").save(1, {"model": Payload()})
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_checkpoint(path)
    assert not (tmp_path / "ran").exists()


def test_clear_leaves_nothing_of_ours(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "c")
    checkpoints.clear()
    checkpoints.save(1, state(1))
    (checkpoints.folder / "step-000000002.tmp").write_bytes(b"leftover")
    checkpoints.clear()
    assert not checkpoints.folder.exists()
    checkpoints.save(1, state(1))
    (checkpoints.folder / "notes.txt").write_text("the user's")
    checkpoints.clear()
    assert [path.name for path in checkpoints.folder.iterdir()] == ["notes.txt"]


def test_final_weights_survive_clearing(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, state(1))
    path = checkpoints.save_final({"model": {"w": torch.ones(2)}})
    assert path == tmp_path / "final.ckpt"
    checkpoints.clear()
    assert [file.name for file in tmp_path.iterdir()] == ["final.ckpt"]
    assert torch.equal(read_checkpoint(path)["model"]["w"], torch.ones(2))
    assert checkpoints.load_newest() is None, "no checkpoint to go on from"


def test_a_file_that_cannot_be_read_is_skipped_for_the_one_before(tmp_path: Path) -> None:
    """It is among the files, and reading it fails: a folder by its name stands for a disk that fails."""
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, state(1))
    (tmp_path / "step-000000002.ckpt").mkdir()
    assert len(checkpoints.files()) == 2
    with pytest.raises(OSError, match="step-000000002"):
        read_checkpoint(checkpoints.files()[-1])
    assert checkpoints.load_newest()["step"] == 1


def test_a_file_that_vanishes_while_it_is_looked_for_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(tmp_path)
    files = [checkpoints.save(step, state(step)) for step in (1, 2)]
    files[1].unlink()
    monkeypatch.setattr(Checkpoints, "files", lambda _: files)
    assert checkpoints.load_newest()["step"] == 1


def test_a_file_is_durable_before_its_name_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is synced, and whether the checkpoint has its name by then."""
    synced: list[tuple[str, bool]] = []
    path = tmp_path / "step-000000001.ckpt"
    sync = os.fsync

    def note(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        assert kind == "file" or os.fstat(descriptor).st_ino == tmp_path.stat().st_ino
        synced.append((kind, path.exists()))
        sync(descriptor)

    monkeypatch.setattr("model.checkpoint.os.fsync", note)
    Checkpoints(tmp_path).save(1, state(1))
    assert synced == [("file", False), ("folder", True)]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
