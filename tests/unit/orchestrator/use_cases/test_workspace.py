"""A workspace opens each of its parts at the first use, where the settings say."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orchestrator.attempts import Tracking
from orchestrator.home import Home, find_home
from orchestrator.use_cases import database
from orchestrator.use_cases.reading import summaries
from orchestrator.use_cases.submission import submit
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.use_cases.homes import open_home, planned


def test_opening_makes_the_folders_and_nothing_else(tmp_path: Path) -> None:
    workspace = open_home(tmp_path / "home")
    assert workspace.home.artifacts.is_dir() and workspace.home.runs.is_dir()
    assert not (tmp_path / "home" / "isoflop.db").exists()
    assert workspace.store.sweeps() == []
    assert (tmp_path / "home" / "isoflop.db").is_file()
    assert workspace.store is workspace.store
    workspace.close()


def test_settings_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOFLOP_WORKERS", "7")
    assert Workspace(Home(tmp_path, "test")).settings.workers == 7


def test_artifacts_are_in_the_home_unless_they_have_an_address(tmp_path: Path) -> None:
    assert open_home(tmp_path / "a").artifacts.url == str(tmp_path / "a")
    elsewhere = (tmp_path / "shared").as_uri()
    assert open_home(tmp_path / "b", artifacts_url=elsewhere).artifacts.url == elsewhere


def test_wandb_is_looked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []

    def choose(folder: Path) -> Tracking:
        asked.append(folder)
        return Tracking("offline", "", "p", "no key")

    monkeypatch.setattr("orchestrator.tracking.wandb_mirror.choose_tracking", choose)
    workspace = open_home(tmp_path)
    assert workspace.tracking.mode == workspace.tracking.mode == "offline"
    assert asked == [tmp_path / "wandb"]


def test_progress_is_said_to_nobody_by_default(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_home(tmp_path).say("hello")
    assert capsys.readouterr() == ("", "")
    said: list[str] = []
    Workspace(Home(tmp_path, "test"), say=said.append).say("hello")
    assert said == ["hello"]


ODD = st.text(st.sampled_from("a b?#%2F&=;:@'\"\\~*[]{}$+,!|<>\n\té日😀"), min_size=1, max_size=15)
"""Names of folders that mean something in a URL, a shell, a pattern or a format."""


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=ODD)
@example("run?1")
@example("a%2Fb")
@example("x#y?mode=memory&cache=shared")
@example("~ nobody")
@example("50% of 'it'; \"all\"")
@example("s3:bucket::zip")
def test_everything_of_a_home_is_inside_it_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    cwd = folder / "cwd"
    cwd.mkdir()
    home = find_home({"ISOFLOP_HOME": f"./{name}"}, cwd)
    assert home.root.parent == cwd
    workspace = Workspace(home)
    submit(workspace, planned())
    log = workspace.artifacts.log("run", 1)
    log.append({"kind": "checkpoint", "n": 1})
    log.close()
    assert workspace.artifacts.events("run", 1) == [{"kind": "checkpoint", "n": 1}]
    workspace.close()
    reader = Workspace(home, reading=True)
    assert [each.sweep.name for each in summaries(reader)] == ["x"]
    database.backup(reader, home.root / "backup.db")
    inside = {"isoflop.db", "backup.db", "artifacts", "runs", "reports", "wandb"}
    assert {path.name for path in home.root.iterdir()} == inside
    assert list(cwd.iterdir()) == [home.root] and list(folder.iterdir()) == [cwd]
