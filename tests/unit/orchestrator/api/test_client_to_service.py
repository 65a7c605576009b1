"""The client steers a real service over HTTP, and says what went wrong where it cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.client import Client, Refused, Unreachable
from orchestrator.environment import SettingsError
from orchestrator.errors import NOT_FOUND, UNREACHABLE, USAGE, NotFound, exit_code_of
from orchestrator.states import Hold
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.api.listening import listening
from tests.unit.orchestrator.use_cases.homes import small_home


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Two revisions of a sweep: run0 is done, run1 failed, run2 waits."""
    opened = small_home(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def url(workspace: Workspace) -> Iterator[str]:
    """The REST interface over the same home, without a scheduler."""
    with listening(workspace) as address:
        yield address


def test_the_client_steers_a_service(workspace: Workspace, url: str) -> None:
    client = Client(url)
    client.control("demo", "pause")
    assert client.sweep("demo")["held"] == "paused"
    assert client.control("demo", "resume") == "1 run waits for a worker"
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


def test_a_service_that_does_not_answer_has_an_exit_code() -> None:
    with pytest.raises(Unreachable, match="isoflop serve") as caught:
        Client("http://127.0.0.1:9").sweep("demo")
    assert exit_code_of(caught.value) == UNREACHABLE
    with pytest.raises(SettingsError, match="ISOFLOP_URL") as usage:
        Client("127.0.0.1:8337")
    assert exit_code_of(usage.value) == USAGE
    assert exit_code_of(NotFound("x")) == NOT_FOUND


READ = (
    ["ls", "-o", "json"], ["ls"], ["show", "demo", "-o", "json"], ["show", "demo@aaaa", "-o", "csv"],
    ["export", "demo", "--out", "-"], ["logs", "run1", "-o", "json"],
)  # fmt: skip


@pytest.mark.parametrize("words", READ, ids=" ".join)
def test_a_reading_verb_prints_of_a_service_what_it_prints_of_its_home(
    workspace: Workspace, url: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.cli.opening.open_workspace", lambda **_: workspace)
    for module in ("control", "reading"):
        monkeypatch.setattr(f"orchestrator.cli.{module}.open_workspace", lambda **_: workspace)
    here = CliRunner().invoke(app, words)
    monkeypatch.setenv("ISOFLOP_URL", url)
    there = CliRunner().invoke(app, words)
    assert (there.exit_code, here.exit_code) == (0, 0), there.output
    assert there.stdout == here.stdout and here.stdout
    assert CliRunner().invoke(app, ["show", "nothing"]).exit_code != 0


def test_one_command_may_name_a_service(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOFLOP_URL", "http://127.0.0.1:9")
    done = CliRunner().invoke(app, ["--url", url, "ls", "-o", "json"])
    assert [row["revision"] for row in json.loads(done.stdout)] == ["bbbb", "aaaa"]
    assert f"service: {url}" in done.stderr


def test_the_client_reads_runs_and_plans(url: str) -> None:
    client = Client(url)
    assert [(each.name, each.total, each.state) for each in client.sweeps()] == [
        ("demo", 3, "queued"),
        ("demo", 2, "incomplete"),
    ]
    assert client.run("run1")["state"] == "failed" and client.curve("run1") == []
    with pytest.raises(Refused, match="budgets"):
        client.plan(b"extends: demo\nname: x\nbugets: [1]\n", ["epochs_max=2"])
    for ask in (lambda: client.fit("demo"), lambda: client.predict("demo", flops=1e15)):
        with pytest.raises(Refused) as refused:
            ask()
        assert refused.value.kind == "no-law"
