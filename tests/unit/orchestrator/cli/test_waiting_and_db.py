"""What a sweep waits for is shown by the verbs that read; `db` shows, checks, backs up and copies the database."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.states import RunState
from orchestrator.store.tables import SCHEMA
from orchestrator.use_cases.control import pause, resume
from orchestrator.use_cases.execution import Execution
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.use_cases.homes import finish, small_home


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Two revisions of a sweep: run0 is done, run1 failed, run2 waits."""
    opened = small_home(tmp_path)
    yield opened
    opened.close()


def test_db_shows_backs_up_and_copies(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOFLOP_HOME", str(tmp_path))
    shown = json.loads(CliRunner().invoke(app, ["db", "-o", "json"]).stdout)
    assert (shown["schema"], shown["sweeps"], shown["runs"]) == (SCHEMA, 2, 3)
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


def test_db_check_lists_what_contradicts_itself_and_fails(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISOFLOP_HOME", str(tmp_path))
    finish(workspace, "run2")
    whole = CliRunner().invoke(app, ["db", "check"])
    assert (whole.exit_code, whole.stdout) == (0, "") and "fit together" in whole.stderr
    with contextlib.closing(sqlite3.connect(tmp_path / "isoflop.db")) as db:
        db.execute("UPDATE runs SET loss = NULL WHERE id = 'run0'")
        db.commit()
    found = CliRunner().invoke(app, ["db", "check", "-o", "json"])
    assert found.exit_code == 1 and "1 contradiction: restore a backup" in found.stderr
    assert json.loads(found.stdout) == [{"subject": "run0", "finding": "done without a loss"}]


def test_what_a_sweep_waits_for_is_shown_until_it_no_longer_waits(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISOFLOP_HOME", str(workspace.home.root))
    store, sweep = workspace.store, workspace.store.sweep("demo")
    store.note_waits({sweep.id: "waits for a worker of kind h100: the workers have A100"})
    progress = Execution(workspace).progress(sweep)
    assert (progress.held, progress.waits[:35]) == ("", "waits for a worker of kind h100: th")
    for verb in ("ls", "show demo"):
        shown = CliRunner().invoke(app, verb.split(), catch_exceptions=False)
        assert "kind h100: the workers have A100" in " ".join(shown.stderr.split())
    (row, _) = json.loads(CliRunner().invoke(app, ["ls", "-o", "json"]).stdout)
    assert row["note"] == progress.waits
    pause(workspace, "demo", reason="lunch")
    store.note_waits({sweep.id: "again"})
    assert store.sweep("demo").on_hold == "paused: lunch" and store.sweep("demo").waits == ""
    resume(workspace, "demo")
    store.note_waits({sweep.id: "again"})
    store.note_waits({})
    assert store.sweep("demo").waits == ""
