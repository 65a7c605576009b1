"""Opening a home: it is announced on stderr, and its own messages go there, too."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.cli.opening import open_workspace


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_the_home_is_opened_and_announced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("ISOFLOP_HOME", str(tmp_path / "home"))
    workspace = open_workspace()
    assert workspace.home.root == tmp_path / "home"
    workspace.say("measuring")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [f"state: {tmp_path / 'home'} (ISOFLOP_HOME)", "measuring"]


def test_a_command_that_works_here_says_so_where_a_service_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("ISOFLOP_HOME", str(tmp_path))
    monkeypatch.setenv("ISOFLOP_URL", "http://127.0.0.1:1")
    open_workspace(reading=True)
    assert "note: ISOFLOP_URL names a service, and this command works in the home here\n" in capsys.readouterr().err
    open_workspace(reading=True, here="only this is done here")
    assert "note: ISOFLOP_URL names a service, and only this is done here\n" in capsys.readouterr().err


def test_what_is_only_read_is_neither_made_nor_changed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ISOFLOP_HOME", str(tmp_path / "home"))
    workspace = open_workspace(reading=True)
    assert workspace.store.sweeps() == [] and list(tmp_path.iterdir()) == []
    (tmp_path / "home").mkdir(mode=0o755)
    open_workspace(reading=True)
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o755


def test_a_home_that_others_could_enter_is_closed_with_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("ISOFLOP_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir(mode=0o755)
    workspace = open_workspace()
    assert workspace.store.sweeps() == []
    assert "was open to other users (mode 755); now it is yours alone" in capsys.readouterr().err
    assert {oct(stat.S_IMODE(p.stat().st_mode)) for p in (tmp_path / "home").rglob("*")} == {"0o600", "0o700"}
    workspace.close()
