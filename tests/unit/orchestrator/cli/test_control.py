"""The verbs that steer stored sweeps, in this home or at a service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator import client as clients
from orchestrator.attempts import Outcome
from orchestrator.cli import output
from orchestrator.client.answers import Answers
from orchestrator.cluster.attempt_log import EventLog, attempt_log
from orchestrator.home import Home
from orchestrator.states import Cause
from orchestrator.use_cases import following
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.cli.conftest import Isoflop
from tests.unit.orchestrator.store_fixtures import claim, end_attempt


class Service(Answers):
    """A service that remembers what it is asked."""

    url = "http://service:1"

    def __init__(self, *answers: Any) -> None:
        self.asked: list[Any] = []
        self.answers = list(answers)

    def _call(self, method: str, path: str, body: bytes | None = None) -> Any:
        raise AssertionError("each verb has an answer of its own")

    def submit(self, text: bytes, overrides: list[str], *, rerun: bool) -> dict[str, Any]:
        self.asked.append((text, overrides, rerun))
        return {"name": "tiny", "revision": "0123456789abcdef", "total": 15, "done": 3, "queued": 12, "more": 1}

    def control(self, sweep: str, action: str) -> str:
        self.asked.append((sweep, action))
        return "as you wish"

    def watch(self, sweep: str, away: object) -> Iterator[dict[str, Any]]:
        self.asked.append((sweep, away))
        yield from self.answers

    def run(self, run: str) -> dict[str, Any]:
        self.asked.append(run)
        return {"state": "failed"}

    def log(self, run: str, attempt: int | None) -> list[dict[str, Any]]:
        self.asked.append((run, attempt))
        return self.answers


def _serve(monkeypatch: pytest.MonkeyPatch, *answers: Any) -> Service:
    service = Service(*answers)
    monkeypatch.setattr(clients, "service_client", lambda: service)
    return service


def test_a_sweep_is_submitted_as_it_is_written(isoflop: Isoflop, monkeypatch: pytest.MonkeyPatch) -> None:
    service = _serve(monkeypatch)
    done = isoflop("submit", "tiny", "epochs_max=4", "--rerun")
    text, overrides, rerun = service.asked[0]
    assert b"name: tiny" in text and (overrides, rerun) == (["epochs_max=4"], True)
    assert done.stdout.splitlines()[1].split() == ["tiny", "01234567", "15", "3", "12"]
    assert "isoflop watch tiny" in done.stderr and "http://service:1/sweeps/tiny" in done.stderr
    assert isoflop("submit", "tiny", "-o", "json").json["more"] == 1
    assert service.asked[1][1:] == ([], False)


@pytest.mark.parametrize("action", ["cancel", "pause", "resume", "retry"])
def test_actions_go_to_the_service_or_the_home(stored: Isoflop, monkeypatch: pytest.MonkeyPatch, action: str) -> None:
    if action == "resume":
        assert stored("pause", "young").code == 0
    here = stored(action, "young")
    assert here.code == 0 and here.stdout == ""
    assert {"cancel": "cancelled", "pause": "isoflop resume young", "resume": "wait for a worker", "retry": "queued"}[
        action
    ] in here.stderr
    service = _serve(monkeypatch)
    assert "as you wish" in stored(action, "young").stderr
    assert service.asked == [("young", action)]


def _progress(done: int, **changes: Any) -> dict[str, Any]:
    zero = {"total": 2, "queued": 0, "failed": 0, "running": [], "flops_planned": 2e9, "flops_spent": 1e9}
    return (
        zero
        | {"done": done, "seconds_left": None, "cancelled": 0, "state": "running", "held": "", "waits": ""}
        | changes
    )


def test_watching_ends_with_the_sweep(isoflop: Isoflop, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(following.time, "sleep", pauses.append)
    service = _serve(monkeypatch, _progress(1), _progress(1), _progress(2))
    assert isoflop("watch", "tiny").code == 0
    assert service.asked == [("tiny", output.away)]
    assert pauses == [following.FOLLOW_SECONDS] * 2
    _serve(monkeypatch, _progress(1, failed=1))
    assert isoflop("watch", "tiny").code == 1
    _serve(monkeypatch, _progress(1, held="paused: lunch"))
    held = isoflop("watch", "tiny")
    assert held.code == 1 and "sweep tiny is paused: lunch" in held.stderr


def test_watching_a_finished_sweep_of_this_home(stored: Isoflop) -> None:
    done = stored("watch", "lab")
    assert done.code == 0 and "runs done" in done.stderr
    assert stored("watch", "nothing").code == 3


def _failed_run(home: Path) -> str:
    """A run of `young` that failed with a traceback, after one event."""
    workspace = Workspace(Home(home, "test"))
    store = workspace.store
    (run, *_) = [r for r in store.runs_of(store.sweep("young").id) if not r.answered]
    driver = store.start_driver("boot", [], "")
    fence = claim(store, run.id, 0, driver, "w")
    log = EventLog(attempt_log(workspace.home.runs, run.id, 1))
    log.append({"kind": "progress", "step": 3, "tokens": 96_000, "loss": 4.56789})
    log.close()
    end_attempt(store, run.id, fence, Outcome(Cause.CONFIGURATION, detail="Traceback\nno such field"))
    workspace.close()
    return run.id


def test_a_log_shows_attempts_and_events(stored: Isoflop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = _failed_run(tmp_path / "home")
    lines = stored("logs", run).stdout.splitlines()
    assert lines[0].split()[:2] == ["attempt", "kind"]
    assert lines[1].split()[:2] == ["1", "attempt"] and "configuration" in lines[1] and "no such field" in lines[1]
    assert "Traceback" not in lines[1]
    assert lines[2].split()[:2] == ["1", "progress"] and "4.568" in lines[2] and "96 k" in lines[2]
    rows = stored("logs", run, "--attempt", "1", "-o", "json").json
    assert rows[0]["detail"] == "Traceback\nno such field" and rows[1]["loss"] == 4.56789
    assert stored("logs", run, "--attempt", "7").code == 3
    followed = stored("logs", run, "-f").stdout.splitlines()
    assert [line.split()[:2] for line in followed] == [["1", "attempt"], ["1", "progress"], ["1", "ended"]]
    assert followed[-1].endswith("cause configuration  detail no such field")
    service = _serve(monkeypatch, {"kind": "attempt", "number": 2})
    assert stored("logs", run, "--attempt", "2").stdout.splitlines()[1].split() == ["2", "attempt"]
    assert service.asked == [(run, 2)]
    assert stored("logs", run, "--follow").stdout.splitlines() == ["2  attempt"]
    assert service.asked[1:] == [run, (run, None)]


def test_trunks_are_listed_and_dropped_on_request(stored: Isoflop, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestrator.use_cases import kept_trunks

    rows = [kept_trunks.KeptTrunk("t0", ("lab",), "L4", (10, 20), 2_000_000)]
    dropped: list[Any] = []
    monkeypatch.setattr(kept_trunks, "kept_trunks", lambda _, sweep: rows if sweep != "young" else [])
    monkeypatch.setattr(kept_trunks, "drop_trunks", lambda _, trunks: dropped.extend(trunks))
    shown = stored("trunks")
    assert shown.stdout.splitlines()[1].split() == ["t0", "lab", "L4", "10", "20", "2", "MB"]
    assert "1 trunk, 2 MB" in shown.stderr and dropped == []
    assert stored("trunks", "lab", "-o", "json").json == [rows[0].to_dict()]
    assert "1 trunk, 2 MB, deleted" in stored("trunks", "lab", "--drop").stderr
    assert dropped == ["t0"]
    assert stored("trunks", "young").stdout == ""


def test_the_database_is_shown_backed_up_and_copied(stored: Isoflop, tmp_path: Path) -> None:
    status = stored("db", "-o", "json").json
    assert status["sweeps"] == 3
    assert "sweeps" in stored("db").stdout.splitlines()[0]
    backup, copy = tmp_path / "backup.db", tmp_path / "copy.db"
    assert "copied to" in stored("db", "backup", "--to", backup).stderr and backup.exists()
    copied = stored("db", "copy", "--to", f"sqlite:///{copy}")
    assert "rows copied" in copied.stderr and "ISOFLOP_DATABASE_URL" in copied.stderr
    missing = stored("db", "backup")
    assert missing.code == 2 and "db backup needs --to" in missing.stderr
    assert json.dumps(status)


def test_a_sweep_that_nobody_schedules_says_so_and_ends(stored: Isoflop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "ALONE_SECONDS", 0.0)
    done = stored("watch", "young")
    assert done.code == 1
    lines = done.stderr.splitlines()
    assert lines[1].endswith("FLOPs; nobody schedules the runs of this database") and " left" not in lines[1]
    assert lines[-1].startswith("nobody schedules the runs of this database: start `isoflop serve`")
    assert "nobody schedules" not in stored("watch", "lab").stderr


def test_a_sweep_that_somebody_schedules_is_followed(stored: Isoflop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "ALONE_SECONDS", 0.0)
    monkeypatch.setattr(following, "FOLLOW_SECONDS", 0.0)
    asked: list[int] = []

    def scheduled(_: object) -> bool:
        asked.append(1)
        return len(asked) < 4

    monkeypatch.setattr("orchestrator.use_cases.following.scheduled", scheduled)
    assert stored("watch", "young").code == 1
    assert len(asked) == 4


def test_an_answer_of_another_service_is_said(stored: Isoflop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOFLOP_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("orchestrator.client.Client._call", lambda *_, **__: {"name": "other"})
    others = ({"name": "other"}, _progress(1, state="of a later version"), _progress(1))
    for said in others:
        monkeypatch.setattr("orchestrator.client.Client.watch", lambda *_, said=said: iter([said]))
        refused = stored("watch", "lab")
        assert refused.code == 4 and "is not a service of this version of isoflop" in refused.stderr
    refused = stored("submit", "tiny")
    assert refused.code == 4 and "is not a service of this version of isoflop" in refused.stderr
