"""Where state is kept."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.home import Home, HomeError, find_home


def test_the_setting_is_first_then_the_folder_of_the_project_then_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.home.platformdirs.user_data_dir", lambda name: str(tmp_path / "data" / name))
    assert find_home({}, tmp_path) == Home(tmp_path / "data" / "isoflop", "the user's data folder")
    (tmp_path / ".isoflop").mkdir()
    assert find_home({}, tmp_path) == Home(tmp_path / ".isoflop", ".isoflop of the current folder")
    assert find_home({"ISOFLOP_HOME": "mine"}, tmp_path) == Home(tmp_path / "mine", "ISOFLOP_HOME")
    assert find_home({"ISOFLOP_HOME": "~/mine"}, tmp_path).root == Path("~/mine").expanduser()
    assert find_home({"ISOFLOP_HOME": "./~mine"}, tmp_path).root == tmp_path / "~mine"
    with pytest.raises(HomeError, match=r"there is no user ~no body; \./~no body is a folder"):
        find_home({"ISOFLOP_HOME": "~no body/x"}, tmp_path)
    assert find_home({"ISOFLOP_HOME": ""}, tmp_path).reason.startswith(".isoflop")


def test_it_is_made_with_its_folders(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", "test")
    assert home.create() is home and home.create() is home
    assert {path.name for path in home.root.iterdir()} == {"artifacts", "runs", "reports", "wandb"}
    assert home.database == home.root / "isoflop.db" and home.lock == home.root / "scheduler.lock"
    assert home.ray_token == home.root / "ray-token"


def test_a_home_that_cannot_be_made_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeError, match="set ISOFLOP_HOME"):
        Home(tmp_path / "file" / "below", "test").create()


def test_a_home_of_nobody_names_the_variable_and_the_user(tmp_path: Path) -> None:
    with pytest.raises(
        HomeError, match="ISOFLOP_HOME is '~nobody-of-that-name/x': there is no user ~nobody-of-that-name"
    ):
        find_home({"ISOFLOP_HOME": "~nobody-of-that-name/x"}, tmp_path)


def test_a_folder_that_was_deleted_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(HomeError, match="the current folder does not exist any more"):
        find_home({})


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask() -> Iterator[None]:
    """The usual umask, and afterwards the one from before."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_its_folders_are_its_owners_alone(tmp_path: Path, umask: None) -> None:
    home = Home(tmp_path / "a" / "home", "test").create()
    assert [mode(path) for path in (home.root, home.artifacts, home.runs, home.reports, home.wandb)] == [0o700] * 5


def test_an_open_home_is_closed_to_others_and_new_files_are_private(tmp_path: Path, umask: None) -> None:
    home = Home(tmp_path / "home", "test").create()
    home.database.touch()
    for path, loose in ((home.root, 0o777), (home.runs, 0o755), (home.database, 0o644)):
        path.chmod(loose)
    notes = home.close_to_others()
    assert [mode(path) for path in (home.root, home.runs, home.database)] == [0o700, 0o700, 0o600]
    assert notes == [
        f"{home.root} was open to other users (mode 777); now it is yours alone",
        f"{home.database} was open to other users (mode 644); now it is yours alone",
    ]
    assert home.close_to_others() == []
    (home.root / "later").touch()
    assert mode(home.root / "later") == 0o600


def test_a_home_of_another_owner_stays_as_it_is(tmp_path: Path, umask: None, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path / "home", "test").create()
    home.root.chmod(0o770)
    monkeypatch.setattr("orchestrator.home.os.geteuid", lambda: os.getuid() + 1)
    assert home.close_to_others() == []
    assert mode(home.root) == 0o770


def test_a_home_that_is_not_there_may_be_written_where_its_folder_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []
    monkeypatch.setattr("orchestrator.home.os.access", lambda path, _mode: not asked.append(path))
    assert Home(tmp_path / "a" / "b", "test").writable
    (tmp_path / "a").mkdir()
    assert Home(tmp_path / "a" / "b", "test").writable
    assert asked == [tmp_path, tmp_path / "a"]
