"""The processes that this one started: recorded, and those of Ray watched by their ids."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import psutil
import pytest

from orchestrator.cluster import own_processes
from orchestrator.cluster.own_processes import OwnProcesses, own_family


@pytest.fixture
def sleeper(monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    """A child process of the name that is watched."""
    monkeypatch.setattr(own_processes, "ESSENTIAL", ("sleep",))
    child = subprocess.Popen(["sleep", "60"])
    yield child
    child.kill()
    child.wait(60)


def test_one_that_ends_is_named_before_its_parent_has_looked(sleeper: subprocess.Popen[bytes]) -> None:
    processes = OwnProcesses()
    assert processes.ended() == []
    sleeper.kill()
    _become_zombie(sleeper.pid)
    assert processes.ended() == ["sleep"]
    sleeper.wait(60)
    assert processes.ended() == ["sleep"], "nor is it there afterwards"
    assert OwnProcesses().ended() == [], "one that has ended is not watched"


def _become_zombie(pid: int) -> None:
    while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        pass


def test_the_family_begins_with_this_process(sleeper: subprocess.Popen[bytes]) -> None:
    own = psutil.Process()
    first, *others = own_family()
    assert (first.pid, first.created, first.name) == (own.pid, own.create_time(), own.name())
    assert sleeper.pid in [process.pid for process in others]
