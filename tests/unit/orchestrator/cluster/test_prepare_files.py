"""What a step needs is fetched, what it made is stored, and a machine sees nothing of the driver's folder.

With a real Ray: tests/chaos/test_preparation.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.cluster import prepare_files
from orchestrator.cluster.prepare_files import StoredFiles, do_stored, drop_copies, machine_folder, stored_url
from tests.unit.orchestrator.cluster.elsewhere import Elsewhere
from tests.unit.tokenizer.stream.stream_data import in_small_pieces, write_corpus
from tokenizer.dataset import prepare
from tokenizer.stream.portions import File
from tokenizer.vocabulary import TokenizerSpec

BYTE = TokenizerSpec("byte")


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A place in a store; this machine's copies are below tmp_path/scratch."""
    monkeypatch.setenv("ISOFLOP_SCRATCH", str(tmp_path / "scratch"))
    return stored_url((tmp_path / "store").as_uri(), tmp_path / "home" / "cleaning-1")


def test_every_step_finds_what_it_reads(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    in_small_pieces(monkeypatch)
    spec = write_corpus(tmp_path / "texts")
    alone = prepare(spec, BYTE, tmp_path / "alone")

    def choose(_: Sequence[File], folder: Path) -> Elsewhere:
        return Elsewhere(folder, url)

    together = prepare(spec, BYTE, tmp_path / "home", choose=choose)
    assert {path.name: path.read_bytes() for path in together.path.iterdir()} == {
        path.name: path.read_bytes() for path in alone.path.iterdir()
    }


def test_that_a_task_is_done_goes_last(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stored, folder, other = StoredFiles(url), tmp_path / "a", tmp_path / "b"
    folder.mkdir()
    other.mkdir()
    for name in ("read-1.done", "z.run", "half.unfinished"):
        (folder / name).write_text(name)
    order: list[str] = []
    monkeypatch.setattr(stored._fs._files, "put_file", lambda *paths: order.append(paths[1].rpartition("/")[2]))
    stored.send_missing(folder)
    assert order == ["z.run", "read-1.done"]
    monkeypatch.undo()
    stored.send_missing(folder)
    (other / "z.run").write_text("torn")
    stored.fetch(other)
    assert {path.name: path.read_text() for path in other.iterdir()} == {"read-1.done": "read-1.done", "z.run": "z.run"}


def test_a_task_whose_files_were_not_stored_is_done_again(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def perform(folder: Path, step: str, task: str) -> str:
        (folder / "made.run").write_text(task)
        return f"{step} {task}"

    def fail(*_: object) -> None:
        raise OSError("no store")

    monkeypatch.setattr(prepare_files, "do_once", perform)
    with monkeypatch.context() as patch:
        patch.setattr(StoredFiles, "send", fail)
        with pytest.raises(OSError, match="no store"):
            do_stored(url, "read", "one")
    assert do_stored(url, "read", "one") == ("read one", ["made.run"])
    assert do_stored(url, "read", "one") == ("read one", ["made.run"])
    assert (machine_folder(url) / "made.run").read_text() == "one"


def test_what_earlier_preparations_left_is_deleted(tmp_path: Path, url: str) -> None:
    (tmp_path / "file").write_text("content")
    earlier = f"{url.rpartition('/')[0]}/cleaning-0"
    for each in (url, earlier):
        StoredFiles(each).send(tmp_path, ["file"])
        machine_folder(each)
    StoredFiles(url).drop_others()
    drop_copies(url, own=False)
    left = [path.parent.name for path in (tmp_path / "store").rglob("file")]
    assert left == [path.name for path in (tmp_path / "scratch").glob("*/*/*")] == ["cleaning-1"]
    StoredFiles(url).drop()
    StoredFiles(url).drop()
    drop_copies(url, own=True)
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []
    assert list((tmp_path / "scratch").glob("*/*/*")) == []


def test_each_home_has_a_place_of_its_own(tmp_path: Path) -> None:
    here, there = (stored_url("s3://b/f/", tmp_path / home / "cleaning-1") for home in ("a", "b"))
    assert here != there
    assert here.startswith("s3://b/f/preparations/") and here.endswith("/cleaning-1")
