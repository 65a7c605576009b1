"""When a full disk keeps runs from starting."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from orchestrator.scheduling import disk_space
from orchestrator.scheduling.disk_space import FREE_BYTES, DiskSpace
from orchestrator.states import Cause


@pytest.fixture
def artifacts() -> SimpleNamespace:
    return SimpleNamespace(url="the store", free=FREE_BYTES, free_bytes=lambda: None)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(disk_space.time, "monotonic", lambda: now[0])
    return now


def test_free_space_decides_and_each_change_is_logged_once(
    artifacts: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    artifacts.free_bytes = lambda: artifacts.free
    space = DiskSpace(artifacts)
    assert space.has_room() and caplog.messages == []
    artifacts.free = FREE_BYTES - 1
    assert not space.has_room() and not space.has_room()
    artifacts.free = FREE_BYTES
    assert space.has_room() and space.has_room()
    assert caplog.messages == [
        "the disk of the store is full: nothing new starts until there is space",
        "the store has space again",
    ]
    artifacts.free_bytes = lambda: None
    assert space.has_room(), "an object store says nothing about its space"


def test_a_workers_full_disk_is_given_a_pause_that_doubles_until_an_attempt_is_done(
    artifacts: SimpleNamespace, clock: list[float]
) -> None:
    space = DiskSpace(artifacts)
    space.note(Cause.LOST)
    assert space.has_room()
    for pause in (2, 4, 8, 16, 32, 60, 60):
        space.note(Cause.DISK_FULL)
        clock[0] += pause - 0.5
        assert not space.has_room()
        clock[0] += 0.5
        assert space.has_room()
    space.note(Cause.PREEMPTED)
    space.note(Cause.DONE)
    assert space.has_room()
    space.note(Cause.DISK_FULL)
    clock[0] += 2
    assert space.has_room()
