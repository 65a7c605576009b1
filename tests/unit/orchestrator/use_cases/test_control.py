"""Control of a submitted sweep: what becomes of its runs, and what is read of their logs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.cluster.attempt_log import EventLog, attempt_log
from orchestrator.errors import NotFound
from orchestrator.states import Cause, Hold, RunState
from orchestrator.store import CeilingExceeded
from orchestrator.use_cases import control
from orchestrator.use_cases.control import (
    ACTIONS,
    ControlError,
    cancel,
    find_run,
    live_progress,
    pause,
    resume,
    retry,
    run_log_json,
)
from orchestrator.use_cases.execution import Execution
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.store_fixtures import new_run, sweep_record
from tests.unit.orchestrator.use_cases.homes import open_home, small_home, start


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Two revisions of a sweep: run0 is done, run1 failed, run2 waits."""
    opened = small_home(tmp_path)
    yield opened
    opened.close()


def _states(workspace: Workspace) -> list[str]:
    return [str(r.state) for r in workspace.store.runs_of(workspace.store.sweep("demo").id)]


def test_a_paused_sweep_waits_in_all_its_revisions(workspace: Workspace) -> None:
    assert pause(workspace, "demo", reason="lunch") == "sweep demo is paused; continue with: isoflop resume demo"
    assert {(s.held, s.held_reason) for s in workspace.store.sweeps()} == {(Hold.PAUSED, "lunch")}
    assert workspace.store.held_runs() == {"run2"}
    assert Execution(workspace).progress(workspace.store.sweep("demo")).held == "paused: lunch"
    assert resume(workspace, "demo") == "1 run waits for a worker"
    assert workspace.store.held_runs() == set()


def test_a_revision_can_be_paused_alone(workspace: Workspace) -> None:
    pause(workspace, "demo@bbbb")
    assert {s.revision: s.held for s in workspace.store.sweeps()} == {"aaaa": None, "bbbb": Hold.PAUSED}


def test_a_cancelled_sweep_is_started_again_by_retry_alone(workspace: Workspace) -> None:
    assert cancel(workspace, "demo") == "1 run cancelled, 0 in training leave a checkpoint first"
    assert _states(workspace) == ["done", "failed", "cancelled"]
    assert Execution(workspace).progress(workspace.store.sweep("demo")).finished
    for refused, words in ((pause, "nothing to pause"), (resume, "isoflop retry demo")):
        with pytest.raises(ControlError, match=words):
            refused(workspace, "demo")
    assert retry(workspace, "demo") == "2 runs queued again, 2 runs wait for a worker"
    assert _states(workspace) == ["done", "queued", "queued"]
    assert workspace.store.sweep("demo").held is None


def test_a_run_in_training_is_counted_when_its_sweep_is_cancelled(workspace: Workspace) -> None:
    start(workspace, "run2")
    assert cancel(workspace, "demo") == "0 runs cancelled, 1 in training leaves a checkpoint first"


def test_pausing_twice_keeps_the_first_reason(workspace: Workspace) -> None:
    pause(workspace, "demo", reason="lunch")
    pause(workspace, "demo", reason="tea")
    assert workspace.store.sweep("demo").held_reason == "lunch"


def test_a_retry_stays_below_the_ceiling(tmp_path: Path) -> None:
    workspace = small_home(tmp_path)
    object.__setattr__(workspace.settings, "user_flops", 1.0)
    with pytest.raises(CeilingExceeded):
        retry(workspace, "demo")


def test_an_unknown_sweep_is_not_found(workspace: Workspace) -> None:
    assert list(ACTIONS) == ["cancel", "pause", "resume", "retry"]
    for verb in ACTIONS.values():
        with pytest.raises(NotFound):
            verb(workspace, "nothing")


def test_a_run_is_found_by_the_start_of_its_id(tmp_path: Path) -> None:
    workspace = open_home(tmp_path)
    workspace.store.submit(sweep_record(), [new_run(index) for index in range(6)])
    assert find_run(workspace.store, "run2").id == "run2"
    with pytest.raises(NotFound, match="of 6 runs start with 'run': run0, run1, run2, run3, run4, …; give more"):
        find_run(workspace.store, "run")
    with pytest.raises(NotFound, match="no run whose id starts with 'nothing'"):
        find_run(workspace.store, "nothing")


def test_up_to_five_runs_are_all_named(workspace: Workspace) -> None:
    with pytest.raises(NotFound, match="run0, run1, run2; give"):
        find_run(workspace.store, "run")


def test_a_log_has_attempts_causes_and_events(workspace: Workspace) -> None:
    retry(workspace, "demo")
    start(workspace, "run1")
    for number in (1, 2):
        log = EventLog(attempt_log(workspace.home.runs, "run1", number))
        log.append({"kind": "progress", "step": number, "tokens": 96, "loss": 4.5})
        log.close()
    first, event, second, other = run_log_json(workspace, "run1")
    assert (first["kind"], first["cause"], first["number"]) == ("attempt", Cause.CONFIGURATION, 1)
    assert "run_id" not in first
    assert (event["attempt"], event["step"], event["loss"]) == (1, 1, 4.5)
    assert (second["number"], second["cause"], other["step"]) == (2, None, 2)
    assert list(run_log_json(workspace, "run1", 2)) == [second, other]
    with pytest.raises(NotFound, match="run run1 has no attempt 7; it has 2"):
        list(run_log_json(workspace, "run1", 7))


def test_a_watcher_in_another_process_sees_the_latest_event(workspace: Workspace) -> None:
    start(workspace, "run2")
    assert live_progress(workspace) == {}
    log = EventLog(attempt_log(workspace.home.runs, "run2", 1))
    for tokens in (100, 250):
        log.append({"kind": "progress", "tokens": tokens, "loss": 4.0})
    log.append({"kind": "checkpoint-like line without a position"})
    log.close()
    assert live_progress(workspace)["run2"].tokens == 250
    shown = Execution(workspace).progress(workspace.store.sweep("demo"), live_progress(workspace))
    assert shown.running[0].fraction == 0.25


def test_a_retry_of_a_bare_name_is_about_all_revisions(tmp_path: Path) -> None:
    """A run of an earlier revision alone is queued again, too, and its revision gets workers again."""
    workspace = open_home(tmp_path)
    workspace.store.submit(sweep_record(revision="aaaa"), [new_run(0), new_run(1)])
    workspace.store.submit(sweep_record(revision="bbbb"), [new_run(1), new_run(2)])
    cancel(workspace, "demo")
    assert retry(workspace, "demo@bbbb") == "2 runs queued again, 2 runs wait for a worker"
    assert workspace.store.run("run0").state is RunState.CANCELLED
    assert retry(workspace, "demo") == "1 run queued again, 3 runs wait for a worker"
    assert {sweep.held for sweep in workspace.store.sweeps()} == {None}
    workspace.close()


def test_who_schedules_is_known_by_the_lease_and_the_process(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for driver in workspace.store.unended_drivers():
        workspace.store.end_driver(driver.id)
    assert not control.scheduled(workspace)
    elsewhere = workspace.store.start_driver("another boot", [], "")
    assert control.scheduled(workspace), "a machine elsewhere is believed until its lease ends"
    workspace.store.end_driver(elsewhere)
    assert not control.scheduled(workspace)
    workspace.store.start_driver(control.machine_id(), [], "")
    assert not control.scheduled(workspace), "its process is gone"
    monkeypatch.setattr(control, "alive", lambda _: True)
    assert control.scheduled(workspace)
