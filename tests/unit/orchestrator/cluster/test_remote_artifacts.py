"""An object store: datasets fetched once, logs uploaded in segments, weights fetched."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from orchestrator.cluster import remote_artifacts
from orchestrator.cluster.remote_artifacts import UPLOAD_SECONDS, RemoteArtifacts
from tests.unit.model.model_data import write_dataset
from tokenizer.shards import Manifest, open_shards


@pytest.fixture
def files() -> Iterator[Any]:
    memory = fsspec.filesystem("memory")
    yield memory
    memory.store.clear()


@pytest.fixture
def store(files: Any, tmp_path: Path) -> RemoteArtifacts:
    return RemoteArtifacts("memory://bucket/", tmp_path / "scratch")


def test_a_dataset_is_published_once_its_manifest_last_and_fetched_once(
    store: RemoteArtifacts, files: Any, tmp_path: Path
) -> None:
    folder = write_dataset(tmp_path / "made").path
    (folder / "a").mkdir()
    (folder / "a/more.bin").write_text("x")
    written: list[str] = []
    put, store._fs.put_file = store._fs.put_file, lambda a, b: (written.append(b), put(a, b))[1]
    try:
        store.publish(folder)
        store.publish(folder)
    finally:
        del store._fs.put_file
    assert [name.removeprefix("/") for name in written][-1] == f"bucket/artifacts/{folder.name}/manifest.json"
    assert len(written) == 4, "nothing is uploaded twice"
    local = store.dataset(folder.name)
    assert local == tmp_path / "scratch" / "artifacts" / folder.name
    assert (local / "a" / "more.bin").read_text() == "x"
    assert (local / "train.bin").read_bytes() == (folder / "train.bin").read_bytes()
    files.rm("/bucket", recursive=True)
    assert store.dataset(folder.name) == local
    assert [path.name for path in local.parent.iterdir()] == [folder.name], "no half a copy is left"


@pytest.mark.parametrize("planted", ["other tokens", "another dataset", "no manifest"])
def test_a_copy_that_is_not_the_dataset_of_its_name_is_fetched_again(
    store: RemoteArtifacts, tmp_path: Path, planted: str
) -> None:
    """As another user could have left it, or a full disk."""
    folder = write_dataset(tmp_path / "made").path
    store.publish(folder)
    local = tmp_path / "scratch" / "artifacts" / folder.name
    shutil.copytree(folder, local)
    if planted == "other tokens":
        content = bytearray((local / "train.bin").read_bytes())
        content[::2] = bytes(len(content[::2]))
        (local / "train.bin").write_bytes(content)
    elif planted == "another dataset":
        manifest = json.loads((local / "manifest.json").read_bytes()) | {"corpus": "another"}
        manifest["dataset"] = Manifest(**manifest).identity
        (local / "manifest.json").write_text(json.dumps(manifest))
    else:
        (local / "manifest.json").unlink()
    assert store.dataset(folder.name) == local
    opened = open_shards(local)
    assert opened.manifest.dataset == folder.name
    assert (local / "train.bin").read_bytes() == (folder / "train.bin").read_bytes()


def test_ordinary_events_wait_and_urgent_ones_take_them_along(
    store: RemoteArtifacts, files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(remote_artifacts.time, "monotonic", lambda: now[0])
    log = store.log("r", 2)

    def uploaded() -> list[int]:
        return [event["n"] for event in store.events("r", 2)]

    log.append({"kind": "progress", "n": 1})
    assert uploaded() == []
    log.append({"kind": "checkpoint", "n": 2})
    assert uploaded() == [1, 2]
    log.append({"kind": "progress", "n": 3})
    now[0] += UPLOAD_SECONDS + 1
    log.append({"kind": "progress", "n": 4})
    assert uploaded() == [1, 2, 3, 4]
    log.append({"kind": "progress", "n": 5})
    log.close()
    assert uploaded() == [1, 2, 3, 4, 5]
    assert [p.rpartition("/")[2] for p in files.ls("/bucket/runs/r/attempt-0002", detail=False)] == [
        "000000.jsonl", "000001.jsonl", "000002.jsonl",
    ]  # fmt: skip


def test_a_log_of_a_number_that_was_used_begins_anew(store: RemoteArtifacts, files: Any) -> None:
    """As after a database was restored from a backup that is older than the logs."""
    for n in (1, 2):
        log = store.log("r", 1)
        log.append({"kind": "attempt", "n": n})
        log.close()
    assert [event["n"] for event in store.events("r", 1)] == [2]
    (aside,) = (name for name in files.ls("/bucket/runs/r", detail=False) if ".replaced-" in name)
    assert b'"n":1' in files.cat_file(f"{aside}/000000.jsonl")


def test_a_bad_line_is_noted_with_the_folder_of_its_log(
    store: RemoteArtifacts, files: Any, caplog: pytest.LogCaptureFixture
) -> None:
    files.pipe_file("/bucket/runs/bad/attempt-0001/000000.jsonl", b'{"kind":"attempt"}\n')
    files.pipe_file("/bucket/runs/bad/attempt-0001/000001.jsonl", b'garbage\n{"kind":"end"}\n')
    assert [event["kind"] for event in store.events("bad", 1)] == ["attempt"]
    assert "runs/bad/attempt-0001, line 2 is not JSON" in caplog.text


def test_weights_are_fetched_and_their_folder_is_empty_without_any(store: RemoteArtifacts, files: Any) -> None:
    assert list(store.trained("r", "checkpoints").iterdir()) == []
    files.pipe_file("/bucket/runs/r/checkpoints/final.ckpt", b"weights")
    assert (store.trained("r", "checkpoints") / "final.ckpt").read_bytes() == b"weights"


def test_nobody_knows_the_space_of_an_object_store(store: RemoteArtifacts) -> None:
    assert store.free_bytes() is None
