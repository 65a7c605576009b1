"""Opening a home: it is announced on stderr, and its own messages go there, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.cli.opening import open_workspace


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
