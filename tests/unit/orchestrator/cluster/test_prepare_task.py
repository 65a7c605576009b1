"""A node says what it does not see, and does a task once, whoever asks."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from orchestrator.cluster.prepare_files import stored_url
from orchestrator.cluster.prepare_task import MARKER, Place, do_batch, unseen
from tokenizer.stream.kept import kept


def test_a_node_sees_the_folder_and_files_of_equal_size(tmp_path: Path) -> None:
    (tmp_path / f"{MARKER}1").touch()
    (tmp_path / "a").write_text("four")
    folder, a = str(tmp_path), str(tmp_path / "a")
    assert unseen(folder, "1", [(a, 4)]) == ""
    assert unseen(folder, "2", [(a, 4)]) == folder
    assert unseen("", "2", [(a, 4)]) == ""
    assert unseen(folder, "1", [(a, 4), (a, 5)]) == a
    assert unseen(folder, "1", [(a, 4), (f"{a}/gone", 4)]) == f"{a}/gone"


@pytest.fixture
def tasks(tmp_path: Path) -> list[str]:
    """Two tasks that read; the file of the second is no JSON."""
    found = []
    for name, content in (("a", '{"text": "some"}\n'), ("b", "no JSON\n")):
        path = tmp_path / f"{name}.jsonl"
        path.write_text(content)
        spec = {"source": "jsonl", "paths": [str(path)]}
        portion = {"files": [[str(path), name]], "state": "", "bytes": 1}
        found.append(json.dumps({"spec": spec, "portion": portion, "name": name}))
    return found


def test_each_task_has_an_answer_and_is_done_once(tmp_path: Path, tasks: list[str]) -> None:
    before = os.umask(0)
    try:
        done, failed = map(json.loads, do_batch(Place(str(tmp_path)), "read", {"task": tasks})["answer"])
    finally:
        assert os.umask(before) == 0
    assert json.loads(done["result"])["runs"] == ["a-0.run"] and failed["file"].startswith(f"{tmp_path}/b.jsonl:1: ")
    assert (tmp_path / "a-0.run").stat().st_mode & 0o077 == 0
    (tmp_path / "a.jsonl").unlink()
    assert do_batch(Place(str(tmp_path)), "read", {"task": tasks[:1]}) == {
        "answer": [json.dumps(done)],
        "files": ["[]"],
    }
    assert (kept(tmp_path, "read", tasks[0]), kept(tmp_path, "read", tasks[1])) == (done["result"], None)


def test_files_that_were_stored_are_named(tmp_path: Path, tasks: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOFLOP_SCRATCH", str(tmp_path / "scratch"))
    folder = tmp_path / "home" / "cleaning-1"
    place = Place(str(folder), stored_url((tmp_path / "store").as_uri(), folder))
    found = do_batch(place, "read", {"task": tasks})
    assert json.loads(found["answer"][0])["result"] and "file" in json.loads(found["answer"][1])
    run, done = json.loads(found["files"][0])
    assert (run, done.startswith("read-"), found["files"][1]) == ("a-0.run", True, "[]")
    assert not folder.exists()
