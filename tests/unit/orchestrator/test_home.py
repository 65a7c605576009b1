"""Where state is kept."""

from __future__ import annotations

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
