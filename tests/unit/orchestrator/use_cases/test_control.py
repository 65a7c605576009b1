"""What a user may ask of a sweep: in the home, over REST through the client, and on the command line."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from typer.testing import CliRunner

from orchestrator.api.app import create_app
from orchestrator.attempts import Outcome
from orchestrator.cli.main import app
from orchestrator.client import Client, Refused, Unreachable
from orchestrator.cluster.attempt_log import EventLog, attempt_log
from orchestrator.errors import NOT_FOUND, UNREACHABLE, USAGE, NotFound, exit_code_of
from orchestrator.home import Home
from orchestrator.states import Cause, Hold, RunState
from orchestrator.use_cases.control import ControlError, cancel, find_run, live_progress, pause, resume, retry, run_log
from orchestrator.use_cases.execution import Execution
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.store_fixtures import claim, end_attempt, new_run, result, sweep_record


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Two revisions of a sweep: run0 is done, run1 failed, run2 waits."""
    opened = Workspace(Home(tmp_path, "test"))
    store = opened.store
    store.submit(sweep_record(revision="aaaa"), [new_run(0), new_run(1)])
    store.submit(sweep_record(revision="bbbb"), [new_run(0), new_run(1), new_run(2)])
    driver = store.start_driver("boot", [], "")
    end_attempt(store, "run0", claim(store, "run0", 0, driver, "w"), Outcome(Cause.DONE, result()))
    failure = Outcome(Cause.CONFIGURATION, detail="Traceback\nno such field")
    end_attempt(store, "run1", claim(store, "run1", 0, driver, "w"), failure)
    yield opened
    store.close()


def _states(workspace: Workspace) -> list[str]:
    return [str(r.state) for r in workspace.store.runs_of(workspace.store.sweep("demo").id)]


def test_a_paused_sweep_waits_in_all_its_revisions(workspace: Workspace) -> None:
    assert "isoflop resume demo" in pause(workspace, "demo", "lunch")
    assert {s.held for s in workspace.store.sweeps()} == {Hold.PAUSED}
    assert workspace.store.held_runs() == {"run2"}
    assert Execution(workspace).progress(workspace.store.sweep("demo")).held == "paused: lunch"
    assert resume(workspace, "demo") == "1 runs wait for a worker"
    assert workspace.store.held_runs() == set()


def test_a_cancelled_sweep_is_taken_up_by_retry_alone(workspace: Workspace) -> None:
    assert cancel(workspace, "demo").startswith("1 runs cancelled")
    assert _states(workspace) == ["done", "failed", "cancelled"]
    assert Execution(workspace).progress(workspace.store.sweep("demo")).finished
    for refused in (pause, resume):
        with pytest.raises(ControlError):
            refused(workspace, "demo")
    assert retry(workspace, "demo") == "2 runs queued again, 2 wait for a worker"
    assert _states(workspace) == ["done", "queued", "queued"]


def test_an_unknown_sweep_or_run_is_not_found(workspace: Workspace) -> None:
    for verb in (cancel, pause, resume, retry):
        with pytest.raises(NotFound):
            verb(workspace, "nothing")
    with pytest.raises(NotFound, match="run0, run1, run2 begin so"):
        find_run(workspace.store, "run")
    assert find_run(workspace.store, "run2").id == "run2"


def test_a_log_tells_attempts_causes_and_events(workspace: Workspace) -> None:
    log = EventLog(attempt_log(workspace.home.runs, "run1", 1))
    log.append({"kind": "progress", "step": 3, "tokens": 96, "loss": 4.5})
    log.close()
    attempt, event = run_log(workspace, "run1")
    assert (attempt["cause"], attempt["number"]) == (Cause.CONFIGURATION, 1)
    assert (event["attempt"], event["loss"]) == (1, 4.5)
    with pytest.raises(NotFound, match="no attempt 7"):
        list(run_log(workspace, "run1", 7))


def test_a_watcher_beside_the_scheduler_sees_the_latest_event(workspace: Workspace) -> None:
    driver = workspace.store.start_driver("boot", [], "")
    claim(workspace.store, "run2", 0, driver, "w")
    log = EventLog(attempt_log(workspace.home.runs, "run2", 1))
    for tokens in (100, 250):
        log.append({"kind": "progress", "tokens": tokens, "loss": 4.0})
    log.append({"kind": "checkpoint-like line without a position"})
    assert live_progress(workspace)["run2"].tokens == 250
    shown = Execution(workspace).progress(workspace.store.sweep("demo"), live_progress(workspace))
    assert shown.running[0].fraction == 0.25


@pytest.fixture
def url(workspace: Workspace) -> Iterator[str]:
    """The REST interface over the same home, without a scheduler."""
    config = uvicorn.Config(create_app(workspace), port=0, log_level="error")
    server = uvicorn.Server(config)
    socket = config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    server.should_exit = True
    thread.join()


def test_the_client_steers_a_service(workspace: Workspace, url: str) -> None:
    client = Client(url)
    client.control("demo", "pause")
    assert client.sweep("demo")["held"] == "paused"
    assert client.control("demo", "resume") == "1 runs wait for a worker"
    client.control("demo", "cancel")
    with pytest.raises(Refused, match="isoflop retry demo"):
        client.control("demo", "resume")
    assert client.control("demo", "retry").startswith("2 runs")
    assert [row["kind"] for row in client.log("run1")] == ["attempt"]
    for missing in (lambda: client.sweep("nothing"), lambda: client.log("nothing")):
        with pytest.raises(NotFound):
            missing()
    with pytest.raises(Refused):
        client.control("demo", "explode")


def test_the_verbs_go_to_the_service_that_is_named(
    workspace: Workspace, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISOFLOP_URL", url)
    done = CliRunner().invoke(app, ["pause", "demo"])
    assert done.exit_code == 0, done.output
    assert workspace.store.sweep("demo").held is Hold.PAUSED
    rows = json.loads(CliRunner().invoke(app, ["logs", "run1", "-o", "json"]).stdout)
    assert rows[0]["cause"] == "configuration"
    assert CliRunner().invoke(app, ["watch", "demo"]).exit_code == 1


def test_a_service_that_does_not_answer_has_anexit_code_of() -> None:
    with pytest.raises(Unreachable, match="isoflop serve") as caught:
        Client("http://127.0.0.1:9").sweep("demo")
    assert exit_code_of(caught.value) == UNREACHABLE
    with pytest.raises(Refused, match="ISOFLOP_URL") as usage:
        Client("127.0.0.1:8337")
    assert exit_code_of(usage.value) == USAGE
    assert exit_code_of(NotFound("x")) == NOT_FOUND


def test_db_shows_backs_up_and_copies(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOFLOP_HOME", str(tmp_path))
    shown = json.loads(CliRunner().invoke(app, ["db", "-o", "json"]).stdout)
    assert (shown["schema"], shown["sweeps"], shown["runs"]) == ("0002", 2, 3)
    copy = tmp_path / "copy.db"
    for action, target in (("backup", str(tmp_path / "backup.db")), ("copy", f"sqlite:///{copy}")):
        done = CliRunner().invoke(app, ["db", action, "--to", target])
        assert done.exit_code == 0, done.output
        again = CliRunner().invoke(app, ["db", action, "--to", target])
        assert again.exit_code != 0
    for name in ("copy.db", "backup.db"):
        monkeypatch.setenv("ISOFLOP_DATABASE_URL", f"sqlite:///{tmp_path / name}")
        assert json.loads(CliRunner().invoke(app, ["db", "-o", "json"]).stdout)["runs"] == 3
    assert RunState.DONE in {r.state for r in workspace.store.runs_in(*RunState)}


def test_what_a_sweep_waits_for_is_told_until_it_waits_no_more(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISOFLOP_HOME", str(workspace.home.root))
    store, sweep = workspace.store, workspace.store.sweep("demo")
    store.note_waits({sweep.id: "waits for a worker of kind h100: the workers have A100"})
    progress = Execution(workspace).progress(sweep)
    assert (progress.held, progress.waits[:35]) == ("", "waits for a worker of kind h100: th")
    for verb in ("ls", "show demo"):
        told = CliRunner().invoke(app, verb.split(), catch_exceptions=False)
        assert "kind h100: the workers have A100" in " ".join(told.stderr.split())
    (row, _) = json.loads(CliRunner().invoke(app, ["ls", "-o", "json"]).stdout)
    assert row["note"] == progress.waits
    pause(workspace, "demo", "lunch")
    store.note_waits({sweep.id: "again"})
    assert store.sweep("demo").on_hold == "paused: lunch" and store.sweep("demo").waits == ""
    resume(workspace, "demo")
    store.note_waits({sweep.id: "again"})
    store.note_waits({})
    assert store.sweep("demo").waits == ""
