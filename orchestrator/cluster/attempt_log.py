"""The fsynced log of an attempt: a JSON object on each line, appended by the worker, read by the scheduler."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from orchestrator.attempts import Outcome
from orchestrator.states import Cause

Event = dict[str, Any]
"""One line of a log as JSON: its `kind`, the run's position, and what the kind adds (see `model.train.Sink`)."""


class AttemptLog(Protocol):
    """Takes the events of an attempt."""

    def append(self, event: Event) -> None:
        """Write one event durably."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


class EventLog:
    """An append-only file: every event is on disk before `append` returns."""

    def __init__(self, path: Path) -> None:
        """Open the log at `path` for appending; its folder is made if it is missing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")

    def append(self, event: Event) -> None:
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


def read_events(path: Path) -> list[Event]:
    """All complete events of a log; an incomplete last line, left by a kill, is ignored. Empty without a file."""
    try:
        return parse_events(path.read_bytes())
    except FileNotFoundError:
        return []


def parse_events(content: bytes) -> list[Event]:
    """All complete events in the content of a log."""
    return [json.loads(line) for line in content.split(b"\n")[:-1] if line]


def result_of(events: Sequence[Event]) -> Event | None:
    """The event with the result and the device of an attempt that came to its end; None if it did not."""
    return next((event for event in reversed(events) if event["kind"] == "result"), None)


def furthest(events: Sequence[Event], quantity: str) -> float:
    """The highest logged value of a growing quantity, such as `flops`; 0 if there is none."""
    return max((float(event.get(quantity, 0.0)) for event in events), default=0.0)


def logged_outcome(events: Sequence[Event]) -> Outcome | None:
    """The outcome of an attempt that logged its result before its worker or driver died; None if it logged none."""
    found = result_of(events)
    if found is None:
        return None
    return Outcome(Cause.DONE, result=found["result"], device=found["device"], seconds=furthest(events, "elapsed"))


def orphaned_outcome(events: Sequence[Event]) -> Outcome:
    """The outcome of an attempt whose driver ended, as far as it logged."""
    seconds, flops = furthest(events, "elapsed"), furthest(events, "flops")
    return Outcome(Cause.ORPHANED, detail="its driver ended", seconds=seconds, flops=flops)
