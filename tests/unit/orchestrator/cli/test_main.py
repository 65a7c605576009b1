"""The command itself: its options, exit codes, and which failures keep their traceback."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import typer

from orchestrator.cli import main as module
from orchestrator.cli.main import main
from orchestrator.errors import NotFound
from tests.unit.orchestrator.cli.conftest import Isoflop


def _ends(monkeypatch: pytest.MonkeyPatch, result: object) -> int:
    """The exit code when the command line returns a value or raises an error."""

    def run(**_: object) -> object:
        if isinstance(result, BaseException):
            raise result
        return result

    monkeypatch.setattr(module, "app", run)
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (None, 0),
        (0, 0),
        (3, 3),
        (KeyboardInterrupt(), 130),
        (typer.Abort(), 130),
        (NotFound("there is no sweep 'x'"), 3),
        (FileNotFoundError("no such file"), 2),
    ],
)
def test_exit_codes(monkeypatch: pytest.MonkeyPatch, result: object, code: int) -> None:
    assert _ends(monkeypatch, result) == code


def test_an_interruption_and_an_expected_error_say_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _ends(monkeypatch, KeyboardInterrupt())
    assert "type the command again to continue" in capsys.readouterr().err
    _ends(monkeypatch, NotFound("there is no sweep 'x'"))
    assert capsys.readouterr().err.strip() == "there is no sweep 'x'"


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError):
        _ends(monkeypatch, ZeroDivisionError())


def test_a_closed_pipe_ends_well(monkeypatch: pytest.MonkeyPatch) -> None:
    duplicated: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "dup2", lambda source, target: duplicated.append((source, target)))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(fileno=lambda: 99))
    assert _ends(monkeypatch, BrokenPipeError()) == 0
    assert duplicated[0][1] == 99


def test_help_loads_nothing_that_only_verbs_need() -> None:
    heavy = ("importlib.metadata", "psutil", "platformdirs", "numpy", "pandas", "yaml", "rich.live")
    code = f"import sys, orchestrator.cli.main; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_version_and_usage(isoflop: Isoflop) -> None:
    assert isoflop("--version").stdout == f"isoflop {importlib.metadata.version('isoflop')}\n"
    unknown = isoflop("frobnicate")
    assert (unknown.code, unknown.stdout) == (2, "")
    assert "frobnicate" in unknown.stderr
    assert "--install-completion" in isoflop("-h").stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_verbs_and_options_complete(isoflop: Isoflop, monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "isoflop pred")
    monkeypatch.setenv("COMP_WORDS", "isoflop pred")
    monkeypatch.setenv("COMP_CWORD", "1")
    monkeypatch.setenv("_ISOFLOP_COMPLETE", f"complete_{shell}")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    assert "predict" in isoflop().stdout
