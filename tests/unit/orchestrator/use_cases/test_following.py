"""Following ends with the sweep, with a hold, or when nobody trains it any longer."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.scheduling.driver import scheduler_lock
from orchestrator.scheduling.progress import Progress
from orchestrator.use_cases import following
from orchestrator.use_cases.execution import Execution
from orchestrator.use_cases.following import NOBODY, follow, readings
from tests.unit.orchestrator.use_cases.homes import finish, small_home


def moment(done: int, **changes: str) -> Progress:
    return Progress(2, 2 - done, done, 0, (), 1.0, 0.0, None, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "last", [moment(2), moment(1, held="paused: lunch"), moment(1, waits=NOBODY)], ids=["done", "held", "alone"]
)
def test_a_sweep_is_followed_until_nothing_more_will_come(last: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "FOLLOW_SECONDS", 0.0)
    monkeypatch.setattr(following, "ALONE_SECONDS", 0.0)
    seen: list[Progress] = []
    assert follow(iter([moment(0), moment(1), last, moment(0)]), seen.append) == last
    assert seen == [moment(0), moment(1), last]


def test_readings_say_that_nobody_schedules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = small_home(tmp_path)
    found = readings(workspace, workspace.store.sweep("demo"))
    for scheduled, waits in ((True, ""), (False, NOBODY)):
        monkeypatch.setattr(following, "scheduled", lambda _, answer=scheduled: answer)
        assert next(found).waits == waits
    finish(workspace, "run2")
    assert next(found).finished and not next(found).waits


def test_a_service_of_the_home_trains_what_is_submitted(tmp_path: Path) -> None:
    workspace = small_home(tmp_path)
    assert not Execution(workspace).served()
    for serves in (False, True):
        with scheduler_lock(workspace.home.lock, serves=serves):
            assert Execution(workspace).served() is serves
