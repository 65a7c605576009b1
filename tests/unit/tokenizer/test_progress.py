"""Long stages say so: nothing for two seconds, then a line every five."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tokenizer import progress
from tokenizer.progress import Stage, silent


def clock(monkeypatch: pytest.MonkeyPatch, times: list[float]) -> None:
    ticks: Iterator[float] = iter(times)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(ticks))


def test_lines_come_after_two_seconds_and_then_every_five(monkeypatch: pytest.MonkeyPatch) -> None:
    clock(monkeypatch, [100.0, 101.9, 102.0, 106.9, 107.0, 120.0])
    lines: list[str] = []
    stage = Stage("training", lines.append)
    for done in ("a", "b", "c", "", "e"):
        stage.tick(done)
    assert lines == ["training: b, 2 s so far", "training: 7 s so far", "training: e, 20 s so far"]


def test_texts_are_counted_as_they_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    clock(monkeypatch, [0.0, 1.0, 3.0])
    lines: list[str] = []
    stage = Stage("encoding", lines.append)
    assert list(stage.counting(["a" * 1_000_000, "b" * 500_000])) == ["a" * 1_000_000, "b" * 500_000]
    assert lines == ["encoding: 2 documents, 1.5 M characters, 3 s so far"]


def test_silence_is_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    silent("a line")
    assert capsys.readouterr() == ("", "")
