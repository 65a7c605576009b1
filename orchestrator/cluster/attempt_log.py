"""The fsynced log of an attempt: one JSON object a line, appended by the worker, read by the scheduler."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orchestrator.attempts import Outcome
from orchestrator.states import Cause


class EventLog:
    """An append-only file; every event is on the disk before `append` returns."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")

    def append(self, event: dict[str, Any]) -> None:
        """Write one event durably."""
        self._file.write(json.dumps(event, separators=(",", ":")).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def attempt_log(runs: Path, run_id: str, number: int) -> Path:
    """Path of an attempt's log below the folder of runs."""
    return runs / run_id / f"attempt-{number:04d}.jsonl"


def read_events(path: Path) -> list[dict[str, Any]]:
    """All whole events of a log; a torn last line, left by a kill, is passed over."""
    try:
        return parse_events(path.read_bytes())
    except FileNotFoundError:
        return []


def parse_events(content: bytes) -> list[dict[str, Any]]:
    """All whole events of a log's content."""
    return [json.loads(line) for line in content.split(b"\n")[:-1] if line]


def result_of(events: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The event with result and device that an attempt left in its log, if it came to its end."""
    return next((event for event in reversed(events) if event["kind"] == "result"), None)


def furthest(events: Sequence[dict[str, Any]], quantity: str) -> float:
    """The highest value of a growing quantity, such as `flops`, that an attempt logged; 0 for none."""
    return max((float(event.get(quantity, 0.0)) for event in events), default=0.0)


def logged_outcome(events: Sequence[dict[str, Any]]) -> Outcome | None:
    """The outcome that an attempt wrote to its log before its worker or driver died, if it came that far."""
    found = result_of(events)
    if found is None:
        return None
    return Outcome(Cause.DONE, result=found["result"], device=found["device"], seconds=furthest(events, "elapsed"))


def orphaned_outcome(events: Sequence[dict[str, Any]]) -> Outcome:
    """The outcome of an attempt whose driver ended, by what it logged."""
    seconds, flops = furthest(events, "elapsed"), furthest(events, "flops")
    return Outcome(Cause.ORPHANED, detail="its driver ended", seconds=seconds, flops=flops)
