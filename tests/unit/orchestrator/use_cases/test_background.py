"""The service's scheduler thread: it works until it is stopped, and says why if it ends by itself."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from orchestrator.attempts import Staff
from orchestrator.cluster.head_watch import HeadLost
from orchestrator.cluster.ray_session import ClusterError
from orchestrator.use_cases import background as module
from orchestrator.use_cases.background import Background
from orchestrator.use_cases.execution import Execution
from orchestrator.use_cases.submission import submit
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.use_cases.homes import open_home, planned


class FakeScheduler:
    """Counts its steps; fails at the third with what a test wants."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.steps = 0
        self.followed: list[object] = []
        self.busy = threading.Event()

    def follow(self, sweep_id: int | None = None) -> None:
        self.followed.append(sweep_id)

    def step(self) -> None:
        self.steps += 1
        if self.steps == 3:
            self.busy.set()
            if self.error is not None:
                raise self.error

    def staff(self) -> Staff:
        return Staff(2, 1, 3.0)

    def live(self) -> dict[str, Any]:
        return {"step": self.steps}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_home(tmp_path)


def test_it_follows_all_sweeps_until_it_is_stopped(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    submit(workspace, planned())
    published: list[str] = []
    monkeypatch.setattr(workspace.artifacts, "publish", lambda folder: published.append(folder.name))
    scheduler = FakeScheduler()
    background = Background(Execution(workspace), scheduler)  # type: ignore[arg-type]
    assert not background.ready
    background.start()
    assert scheduler.busy.wait(30) and background.ready
    assert background.staff == Staff(2, 1, 3.0)
    background.stop()
    assert not background.ready and background.error is None
    assert background.staff == Staff(0, 0)
    steps = scheduler.steps
    assert steps >= 3 and scheduler.followed == [None] and published == ["aaaa"]


def test_how_far_runs_are_is_what_the_scheduler_last_saw(workspace: Workspace) -> None:
    scheduler = FakeScheduler()
    background = Background(Execution(workspace), scheduler)  # type: ignore[arg-type]
    assert background.live == {}
    background.start()
    assert scheduler.busy.wait(30)
    background.stop()
    assert background.live == {"step": scheduler.steps}


@pytest.mark.parametrize(
    ("error", "traceback"),
    [(HeadLost("it is silent"), False), (ClusterError("no worker starts"), False), (RuntimeError("a defect"), True)],
)
def test_why_it_ended_is_kept_and_a_lost_head_is_reported(
    workspace: Workspace, error: Exception, traceback: bool, caplog: pytest.LogCaptureFixture
) -> None:
    lost: list[bool] = []
    background = Background(Execution(workspace), FakeScheduler(error), lambda: lost.append(True))  # type: ignore[arg-type]
    background.start()
    background._thread.join(30)
    assert background.error is error and not background.ready
    assert bool(lost) is isinstance(error, HeadLost)
    (record,) = caplog.records
    assert record.getMessage().startswith("the scheduler ended") and bool(record.exc_info) is traceback
    assert traceback or str(error) in record.getMessage()
    background.stop()


def test_without_a_scheduler_nothing_is_trained(workspace: Workspace) -> None:
    background = Background(Execution(workspace))
    background.start()
    assert not background.ready
    background.stop()


def test_adaptive_sweeps_are_looked_at_again_after_a_failure(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(module, "ADVANCE_SECONDS", 0.0)
    looks: list[int] = []
    enough = threading.Event()

    def advance() -> None:
        looks.append(len(looks))
        if len(looks) == 1:
            raise RuntimeError("no answer")
        enough.set()

    background = Background(Execution(workspace), FakeScheduler(), advance=advance)  # type: ignore[arg-type]
    background.start()
    assert enough.wait(30)
    background.stop()
    assert background.error is None
    done = len(looks)
    assert done >= 2 and not background.ready and len(looks) == done


def test_nothing_is_decided_once_the_scheduler_has_ended(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ADVANCE_SECONDS", 0.0)
    background = Background(Execution(workspace), FakeScheduler(RuntimeError("a defect")))  # type: ignore[arg-type]
    background.start()
    background._deciding.join(60)
    assert background.error is not None and not background._deciding.is_alive()
    background.stop()
