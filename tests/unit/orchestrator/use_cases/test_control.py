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
from orchestrator.use_cases.control import ControlError, cancel, find_run, live_events, pause, resume, retry, run_log
from orchestrator.use_cases.service import Service
from tests.unit.orchestrator.store_fixtures import new_run, result, sweep_record


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Two revisions of a sweep: run0 is done, run1 failed, run2 waits."""
    opened = Service(Home(tmp_path, "test"))
    store = opened.store
    store.submit(sweep_record(revision="aaaa"), [new_run(0), new_run(1)])
    store.submit(sweep_record(revision="bbbb"), [new_run(0), new_run(1), new_run(2)])
    driver = store.start_driver("boot", [], "")
    store.end_attempt("run0", store.claim("run0", 0, driver, "w"), Outcome(Cause.DONE, result()))
    failure = Outcome(Cause.CONFIGURATION, detail="Traceback\nno such field")
    store.end_attempt("run1", store.claim("run1", 0, driver, "w"), failure)
    yield opened
    store.close()


def _states(service: Service) -> list[str]:
    return [str(r.state) for r in service.store.runs_of(service.store.sweep("demo").id)]


def test_a_paused_sweep_waits_in_all_its_revisions(service: Service) -> None:
    assert "isoflop resume demo" in pause(service, "demo", "lunch")
    assert {s.held for s in service.store.sweeps()} == {Hold.PAUSED}
    assert service.store.held_runs() == {"run2"}
    assert service.progress(service.store.sweep("demo")).held == "paused: lunch"
    assert resume(service, "demo") == "1 runs wait for a worker"
    assert service.store.held_runs() == set()


def test_a_cancelled_sweep_is_taken_up_by_retry_alone(service: Service) -> None:
    assert cancel(service, "demo").startswith("1 runs cancelled")
    assert _states(service) == ["done", "failed", "cancelled"]
    assert service.progress(service.store.sweep("demo")).finished
    for refused in (pause, resume):
        with pytest.raises(ControlError):
            refused(service, "demo")
    assert retry(service, "demo") == "2 runs queued again, 2 wait for a worker"
    assert _states(service) == ["done", "queued", "queued"]


def test_an_unknown_sweep_or_run_is_not_found(service: Service) -> None:
    for verb in (cancel, pause, resume, retry):
        with pytest.raises(NotFound):
            verb(service, "nothing")
    with pytest.raises(NotFound, match="run0, run1, run2 begin so"):
        find_run(service.store, "run")
    assert find_run(service.store, "run2").id == "run2"


def test_a_log_tells_attempts_causes_and_events(service: Service) -> None:
    log = EventLog(attempt_log(service.home.runs, "run1", 1))
    log.append({"kind": "progress", "step": 3, "tokens": 96, "loss": 4.5})
    log.close()
    attempt, event = run_log(service, "run1")
    assert (attempt["cause"], attempt["number"]) == (Cause.CONFIGURATION, 1)
    assert (event["attempt"], event["loss"]) == (1, 4.5)
    with pytest.raises(NotFound, match="no attempt 7"):
        list(run_log(service, "run1", 7))


def test_a_watcher_beside_the_scheduler_sees_the_latest_event(service: Service) -> None:
    driver = service.store.start_driver("boot", [], "")
    service.store.claim("run2", 0, driver, "w")
    log = EventLog(attempt_log(service.home.runs, "run2", 1))
    for tokens in (100, 250):
        log.append({"kind": "progress", "tokens": tokens, "loss": 4.0})
    log.append({"kind": "checkpoint-like line without a position"})
    assert live_events(service.store, service.artifacts)["run2"]["tokens"] == 250
    shown = service.progress(service.store.sweep("demo"), live_events(service.store, service.artifacts))
    assert shown.running[0].fraction == 0.25


@pytest.fixture
def url(service: Service) -> Iterator[str]:
    """The REST interface over the same home, without a scheduler."""
    config = uvicorn.Config(create_app(service), port=0, log_level="error")
    server = uvicorn.Server(config)
    socket = config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    server.should_exit = True
    thread.join()


def test_the_client_steers_a_service(service: Service, url: str) -> None:
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


def test_the_verbs_go_to_the_service_that_is_named(service: Service, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOFLOP_URL", url)
    done = CliRunner().invoke(app, ["pause", "demo"])
    assert done.exit_code == 0, done.output
    assert service.store.sweep("demo").held is Hold.PAUSED
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


def test_db_shows_backs_up_and_copies(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert RunState.DONE in {r.state for r in service.store.runs_in(*RunState)}


def test_what_a_sweep_waits_for_is_told_until_it_waits_no_more(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISOFLOP_HOME", str(service.home.root))
    store, sweep = service.store, service.store.sweep("demo")
    store.note_waits({sweep.id: "waits for a worker of kind h100: the workers have A100"})
    progress = service.progress(sweep)
    assert (progress.held, progress.waits[:35]) == ("", "waits for a worker of kind h100: th")
    for verb in ("ls", "show demo"):
        told = CliRunner().invoke(app, verb.split(), catch_exceptions=False)
        assert "kind h100: the workers have A100" in " ".join(told.stderr.split())
    (row, _) = json.loads(CliRunner().invoke(app, ["ls", "-o", "json"]).stdout)
    assert row["note"] == progress.waits
    pause(service, "demo", "lunch")
    store.note_waits({sweep.id: "again"})
    assert store.sweep("demo").on_hold == "paused: lunch" and store.sweep("demo").waits == ""
    resume(service, "demo")
    store.note_waits({sweep.id: "again"})
    store.note_waits({})
    assert store.sweep("demo").waits == ""
