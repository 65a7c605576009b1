"""The log of a run as it grows: each new line once, until the run has ended."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import typer

from orchestrator.cli.output import Format
from orchestrator.states import RunState

PAUSE_SECONDS = 1.0
"""Time between two looks."""
NAMED = ("step", "tokens", "loss", "validation_loss", "elapsed", "cause", "detail")
"""What a line shows of an event, where it has it."""
Row = Mapping[str, Any]
"""An attempt or an event as JSON, as `run_log_json` makes them."""


def follow(state: Callable[[], RunState], rows: Callable[[], Sequence[Row]], output: Format) -> None:
    """Print a log as lines, or as JSON a line, until its run is neither queued nor running.

    Args:
        state: the run's state now.
        rows: its whole log now.
        output: form of the lines. CSV, whose columns are only known at the end, is refused by BadParameter.
    """
    if output is Format.CSV:
        raise typer.BadParameter("--follow prints lines, or JSON with -o json")
    seen = 0
    while True:
        ended = state().terminal  # before the log is read, so that its last line is among those
        lines = list(grown(rows()))
        for line in lines[seen:]:
            typer.echo(json.dumps(line) if output is Format.JSON else in_words(line))
        seen = len(lines)
        if ended:
            return
        time.sleep(PAUSE_SECONDS)


def grown(rows: Sequence[Row]) -> Iterator[Row]:
    """The rows so that a later look only adds some: how an attempt ended comes after what it logged."""
    opened: Row = {}
    for row in rows:
        if "attempt" in row:  # something that the attempt of this number logged
            yield row
            continue
        yield from _end(opened)
        opened = row
        yield {"attempt": row["number"], "kind": "attempt"}
    yield from _end(opened)


def _end(attempt: Row) -> Iterator[Row]:
    """The row of an attempt's end, if it has ended."""
    if attempt.get("cause"):
        yield {
            "attempt": attempt["number"],
            "kind": "ended",
            "cause": attempt["cause"],
            "detail": attempt.get("detail") or "",
        }


def in_words(line: Row) -> str:
    """A row as a line: attempt, kind, and what it counts."""
    facts = [f"{name} {_short(line[name])}" for name in NAMED if line.get(name) not in (None, "")]
    return "  ".join([str(line.get("attempt", "")), str(line["kind"]), *facts])


def _short(value: object) -> str:
    """A number with six digits; the last line of a text."""
    if isinstance(value, float):
        return f"{value:.6g}"
    lines = str(value).strip().splitlines()
    return lines[-1][:200] if lines else ""
