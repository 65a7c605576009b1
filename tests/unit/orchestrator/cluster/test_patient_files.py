"""A file system that asks again: what is repeated, for how long, and what is an answer."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from orchestrator.attempts import LEASE_SECONDS
from orchestrator.cluster import patient_files
from orchestrator.cluster.patient_files import DELAYS, PatientFiles
from orchestrator.cluster.remote_artifacts import RemoteArtifacts
from orchestrator.errors import ArtifactsAway


class Flaky:
    """A file system that fails a number of times before each of its answers."""

    root = "bucket"

    def __init__(self, failures: int, error: Exception, answer: Any = "content") -> None:
        self.failures, self.error, self.answer = failures, error, answer
        self.asked = 0
        self.there: set[str] = set()

    def cat_file(self, *_paths: str) -> Any:
        self.asked += 1
        if self.asked <= self.failures:
            raise self.error
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    mv = rm_file = cat_file

    def exists(self, path: str) -> bool:
        return path in self.there


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    made: list[float] = []
    monkeypatch.setattr(patient_files.time, "sleep", made.append)
    return made


@pytest.mark.parametrize(
    "error",
    [OSError("503"), ConnectionResetError("reset"), TimeoutError(), PermissionError("403"), RuntimeError("slow down")],
)
def test_two_hiccups_cost_two_pauses(pauses: list[float], error: Exception) -> None:
    files = Flaky(2, error)
    assert PatientFiles(files).cat_file("a") == "content"
    assert (files.asked, pauses) == (3, list(DELAYS[:2]))


def test_a_store_that_stays_away_is_given_up_with_its_last_word(pauses: list[float]) -> None:
    files = Flaky(99, ConnectionError("no route"))
    with pytest.raises(ArtifactsAway, match=r"cat_file failed 6 times, at last with ConnectionError: no route"):
        PatientFiles(files).cat_file("a")
    assert (files.asked, pauses) == (len(DELAYS) + 1, list(DELAYS))


def test_the_last_repetition_counts(pauses: list[float]) -> None:
    assert PatientFiles(Flaky(len(DELAYS), OSError("503"))).cat_file("a") == "content"


def test_all_pauses_leave_a_scheduler_its_lease() -> None:
    assert 2 * sum(DELAYS) < LEASE_SECONDS and list(DELAYS) == sorted(DELAYS)


@pytest.mark.parametrize(
    "error",
    [FileNotFoundError("a"), FileExistsError("a"), IsADirectoryError("a"), NotADirectoryError("a"),
     NotImplementedError("a"), TypeError("a"), OSError(errno.ENOSPC, "full"), OSError(errno.EDQUOT, "quota")],
)  # fmt: skip
def test_an_answer_is_not_asked_for_again(pauses: list[float], error: Exception) -> None:
    files = Flaky(99, error)
    with pytest.raises(type(error)):
        PatientFiles(files).cat_file("a")
    assert (files.asked, pauses) == (1, [])


def test_a_move_that_failed_and_was_made_all_the_same_is_done(pauses: list[float]) -> None:
    files = Flaky(1, OSError("the answer was lost"), FileNotFoundError("a"))
    files.there = {"b"}
    assert PatientFiles(files).mv("a", "b") is None
    files = Flaky(1, OSError("the answer was lost"), FileNotFoundError("a"))
    with pytest.raises(FileNotFoundError):
        PatientFiles(files).mv("a", "b")
    files = Flaky(0, OSError(), FileNotFoundError("a"))
    files.there = {"b"}
    with pytest.raises(FileNotFoundError):
        PatientFiles(files).mv("a", "b")


def test_what_was_deleted_and_reported_to_fail_is_deleted(pauses: list[float]) -> None:
    assert PatientFiles(Flaky(1, OSError("503"), FileNotFoundError("a"))).rm_file("a") is None
    with pytest.raises(FileNotFoundError):
        PatientFiles(Flaky(0, OSError(), FileNotFoundError("a"))).rm_file("a")
    with pytest.raises(FileNotFoundError):
        PatientFiles(Flaky(1, OSError("503"), FileNotFoundError("a"))).cat_file("a")


def test_what_is_no_method_is_handed_out() -> None:
    assert PatientFiles(Flaky(0, OSError())).root == "bucket"


# the artifact store over such a file system


@pytest.fixture
def memory() -> Iterator[Any]:
    files = fsspec.filesystem("memory")
    yield files
    files.store.clear()


def _fails(memory: Any, monkeypatch: pytest.MonkeyPatch, name: str, times: int) -> list[int]:
    """Let an operation of the memory file system fail so often before it works."""
    left, whole = [times], getattr(memory, name)

    def flaky(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            raise OSError("hiccup")
        return whole(*args, **kwargs)

    monkeypatch.setattr(memory, name, flaky)
    return left


@pytest.mark.parametrize("operation", ["pipe_file", "ls", "cat_file", "makedirs"])
def test_hiccups_of_the_store_leave_a_log_whole(
    memory: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pauses: list[float], operation: str
) -> None:
    left = _fails(memory, monkeypatch, operation, 2)
    store = RemoteArtifacts("memory://bucket", tmp_path)
    log = store.log("r", 1)
    log.append({"kind": "attempt", "n": 0})
    log.append({"kind": "checkpoint", "n": 1})
    log.close()
    assert [event["n"] for event in store.events("r", 1)] == [0, 1]
    assert left[0] < 0 and len(pauses) >= 2


def test_a_log_that_cannot_be_uploaded_is_not_the_end_of_its_attempt(
    memory: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pauses: list[float]
) -> None:
    store = RemoteArtifacts("memory://bucket", tmp_path)
    log = store.log("r", 1)
    with monkeypatch.context() as away:
        _fails(memory, away, "pipe_file", 10**6)
        log.append({"kind": "attempt", "n": 0})
    log.append({"kind": "checkpoint", "n": 1})
    assert [event["n"] for event in store.events("r", 1)] == [0, 1], "the next upload takes it along"
    with monkeypatch.context() as away:
        _fails(memory, away, "pipe_file", 10**6)
        log.append({"kind": "result", "n": 2})
        log.close()
