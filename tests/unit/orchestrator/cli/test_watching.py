"""The progress of a sweep: plain lines now and then, a panel on a terminal."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from rich.console import Console

from orchestrator.cli import watching as module
from orchestrator.cli.watching import PLAIN_SECONDS, watching
from orchestrator.scheduling.progress import LiveRun, Progress

RUNNING = LiveRun("r1", "L2 d10", 2e9, 0.5, 3.4567)
PROGRESS = Progress(15, 10, 4, 0, (RUNNING, replace(RUNNING, shape="L2 d20", loss=None)), 7e10, 1.5e10, 75.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set."""
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def _said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_a_line_has_counts_flops_time_left_and_losses(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with watching() as observe:
        observe(PROGRESS)
    assert _said(capsys) == [
        "4 of 15 runs done, 2 running, 10 queued; 1.5×10¹⁰ of 7×10¹⁰ FLOPs, 1 min 15 s left; losses: L2 d10 3.457"
    ]


def test_failures_and_waits_are_said_where_there_are_any(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    waiting = replace(PROGRESS, failed=2, running=(), flops_spent=0.0, seconds_left=None, waits="waits for an h100")
    with watching() as observe:
        observe(waiting)
    assert _said(capsys) == ["4 of 15 runs done, 2 failed, 0 running, 10 queued; 0 of 7×10¹⁰ FLOPs; waits for an h100"]


def test_lines_come_every_few_seconds_and_at_the_end(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    finished = replace(PROGRESS, done=15, queued=0, running=())
    with watching() as observe:
        observe(PROGRESS)
        clock[0] += PLAIN_SECONDS - 0.1
        observe(PROGRESS)
        assert len(_said(capsys)) == 1
        clock[0] += 0.1
        observe(PROGRESS)
        assert len(_said(capsys)) == 1
        observe(finished)
        observe(finished)
    (last,) = _said(capsys)
    assert last.startswith("15 of 15 runs done")


def test_a_terminal_shows_a_panel(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    terminal = partial(Console, file=screen, force_terminal=True, width=100, color_system=None)
    monkeypatch.setattr(module, "Console", lambda **_: terminal())
    with watching() as observe:
        observe(PROGRESS)
    text = screen.getvalue()
    assert "4 of 15 runs done" in text
    rows: list[Any] = [line.split() for line in text.splitlines() if line.startswith("L2")]
    assert rows[0][:3] == ["L2", "d10", "2×10⁹"] and rows[0][-1] == "3.457"
    assert rows[1][-1] == "–"
