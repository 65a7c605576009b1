"""Closed, full and broken streams: a sentence, the right exit code, and no traceback, not even at the end."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.cli.streams import mend
from tests.conftest import ROOT

COMMAND = f"{sys.executable} -m orchestrator.cli"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ISOFLOP_", "PYTHON"))}
    return kept | {"ISOFLOP_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}


def _shell(line: str, environment: dict[str, str], folder: Path) -> tuple[int, str, str]:
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"],
        capture_output=True, text=True, timeout=120, check=False, cwd=folder, env=environment,
    )  # fmt: skip
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("{} ls -o json >&-", 1, "cannot be written to standard output: it is closed"),
        ("{} -h >&-", 1, "it is closed"),
        ("PYTHONUNBUFFERED=1 {} --version >/dev/full", 1, "no space left on device"),
        ("{} ls -o json >/dev/full", 1, "no space left on device"),
        ("{} ls >&-", 0, "no sweep yet"),
        ("{} ls -o csv <&-", 0, "state:"),
        ("{} flops --params 1e6 | head -n 1", 0, ""),
        ("{} -h | true", 0, ""),
    ],
)
def test_a_stream_that_takes_nothing(
    environment: dict[str, str], tmp_path: Path, line: str, code: int, words: str
) -> None:
    ended, _, err = _shell(line.format(COMMAND), environment, tmp_path)
    assert ended == code, err
    assert words in err


@pytest.mark.parametrize("closed", ["2>&-", "2>/dev/full", "<&- 2>&-"])
def test_a_result_comes_out_though_nothing_can_be_said(
    environment: dict[str, str], tmp_path: Path, closed: str
) -> None:
    assert _shell(f"{COMMAND} ls -o json {closed}", environment, tmp_path)[:2] == (0, "[]\n")


def test_a_closed_stdin_is_no_terminal_to_ask_on(environment: dict[str, str], tmp_path: Path) -> None:
    code = "from orchestrator.cli.streams import mend; mend(); import sys; print(sys.stdin.isatty(), repr(sys.stdin.read()))"
    line = f"{sys.executable} -c {shlex.quote(code)} <&-"
    assert _shell(line, environment, tmp_path)[:2] == (0, "False ''\n")


def test_characters_that_a_stream_does_not_have_are_escaped(environment: dict[str, str], tmp_path: Path) -> None:
    ascii_only = environment | {"PYTHONIOENCODING": "ascii"}
    code, out, _ = _shell(f"{COMMAND} flops --params 1e6", ascii_only, tmp_path)
    assert code == 0 and "\\xd710" in out


def test_streams_of_a_test_are_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr
    mend()
    assert (sys.stdout, sys.stderr) == before
