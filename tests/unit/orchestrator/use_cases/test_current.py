"""What a service knows of its sweeps: read once after each change, by whomever it was made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.attempts import Outcome, RunProgress
from orchestrator.errors import NotFound
from orchestrator.states import Cause
from orchestrator.store import Store, Unavailable
from orchestrator.use_cases import fresh
from orchestrator.use_cases.control import cancel, pause
from orchestrator.use_cases.current import Current
from orchestrator.use_cases.execution import Execution
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.use_cases.homes import finish, small_home, start


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return small_home(tmp_path)


def test_nothing_is_read_again_before_something_is_written(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Any] = []
    totals = Store.totals
    monkeypatch.setattr(Store, "totals", lambda store, ids=None: read.append(ids) or totals(store, ids))
    current = Current(workspace)
    listed = current.listed()
    assert current.listed() is listed and read == [None]
    found = current.sweep("demo")
    assert current.sweep("demo") is found and len(read) == 2
    assert current.answers(found) is current.answers(found)
    pause(Workspace(workspace.home, workspace.settings), "demo")  # by another process
    assert current.sweep("demo").sweep.held == "paused" and current.listed().key != listed.key
    assert len(read) == 4


def test_sweeps_that_have_ended_are_read_again_only_after_a_request(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    current = Current(workspace)
    before = current.listed()
    read: list[Any] = []
    totals = Store.totals
    monkeypatch.setattr(Store, "totals", lambda store, ids=None: read.append(ids) or totals(store, ids))
    start(workspace, "run2")
    after = current.listed()
    assert read == [[workspace.store.sweep("demo@bbbb").id]], "the earlier revision has ended"
    assert [each.sweep.revision for each in after.sweeps] == [each.sweep.revision for each in before.sweeps]
    assert after.sweeps[0].key != before.sweeps[0].key and after.sweeps[1] is before.sweeps[1]
    workspace.store.end_all(
        [("run2", 1, Outcome(Cause.DONE, {"loss": 2.0, "bits_per_byte": 1.0, "train_seconds": 1.0}))]
    )
    assert current.listed().settled
    cancel(workspace, "demo")
    assert [each.sweep.held for each in current.listed().sweeps] == ["cancelled", "cancelled"] and read[-1] is None


def test_every_change_of_a_run_changes_the_key_of_its_sweeps_alone(workspace: Workspace) -> None:
    current = Current(workspace)
    keys = [current.sweep("demo").key]
    earlier = current.sweep("demo@aaaa").key

    def note() -> None:
        keys.append(current.sweep("demo").key)

    start(workspace, "run2")
    note()
    workspace.store.add_forecast(current.sweep("demo").sweep.id, "run2", "law", 1e12, {"loss": 3.0})
    note()
    cancel(workspace, "demo")
    note()
    assert len(set(keys)) == 4
    assert earlier != current.sweep("demo@aaaa").key, "forecasts and holds are of all revisions"


def test_progress_is_that_of_the_runs(workspace: Workspace) -> None:
    current, live = Current(workspace), {"run2": RunProgress(tokens=100, loss=4.0)}
    start(workspace, "run2")
    for name in ("demo", "demo@aaaa"):
        found = current.sweep(name)
        assert current.progress(found, live) == Execution(workspace).progress(found.sweep, live)
    assert current.progress(current.sweep("demo"), live).running[0].loss == 4.0
    assert current.handle(current.sweep("demo@bbbb")) == "demo"
    assert current.handle(current.sweep("demo@aaaa")) == "demo@aaaa"
    with pytest.raises(NotFound):
        current.sweep("nothing")


def test_a_run_that_ends_is_in_the_next_answers(workspace: Workspace) -> None:
    current = Current(workspace)
    before = current.answers(current.sweep("demo"))
    finish(workspace, "run2", 2.5)
    after = current.answers(current.sweep("demo"))
    assert [run.loss for run in before.runs][-1] is None and [run.loss for run in after.runs][-1] == 2.5
    assert current.listed().settled


def test_what_was_read_stays_while_the_database_is_away(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    current = Current(workspace)
    listed, found = current.listed(), current.sweep("demo")
    asked: list[str] = []

    def away() -> None:
        asked.append("stamp")
        raise Unavailable("gone")

    monkeypatch.setattr(workspace.store, "stamp", away)
    monkeypatch.setattr(fresh, "PAUSE_SECONDS", 1e9)
    assert current.listed() is listed and current.sweep("demo") is found
    assert current.age > 0 and asked == ["stamp"]
    revision = f"demo@{found.sweep.revision}"
    assert current.sweep(revision).sweep == found.sweep, "the list has it"
    with pytest.raises(Unavailable):
        current.sweep("another")
