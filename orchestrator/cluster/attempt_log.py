"""The fsynced log of an attempt: a JSON object on each line, appended by the worker, read by the scheduler."""

from __future__ import annotations

import itertools
import json
import logging
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from orchestrator.attempts import Outcome
from orchestrator.states import Cause

log = logging.getLogger("isoflop.attempt_log")
Event = dict[str, Any]
"""One line of a log as JSON: its `kind`, the run's position, and what the kind adds (see `model.train.Sink`)."""
QUANTITIES = ("step", "tokens", "flops", "elapsed")
"""What an event may count: numbers from 0 on."""
RESULTS = ("loss", "bits_per_byte", "train_seconds")
"""Numbers that a result must have to be stored."""
_noted: set[str] = set()
"""Notes that this process has made: logs are read again and again."""


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
        """Make the log at `path`; its folder is made if it is missing.

        A file that is there already is set aside: it is of an attempt that a restored database knows nothing of.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            path.rename(_unused(path))
        self._file = path.open("xb")

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
        return parse_events(path.read_bytes(), str(path))
    except FileNotFoundError:
        return []


def parse_events(content: bytes, name: str) -> list[Event]:
    """All complete events in the content of the log `name`, up to the first line that is not one, which is noted."""
    events: list[Event] = []
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        if not line:
            continue
        try:
            event: Any = json.loads(line)
            why = why_no_event(event)
        except (ValueError, RecursionError) as error:
            why = f"is not JSON ({type(error).__name__})"
        if why:
            _note(f"{name}, line {number} {why}: the rest of this log is ignored")
            break
        events.append(event)
    return events


def why_no_event(value: Any) -> str:
    """Why a value cannot be used as an event, as the end of a sentence; empty if it can."""
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        return "is not an event"
    wrong = [name for name in QUANTITIES if name in value and not _is_number(value[name], least=0.0)]
    loss = value.get("loss")
    if not (loss is None or isinstance(loss, float) or _is_number(loss)):  # of a run that diverges it may be infinite
        wrong.append("loss")
    if value["kind"] == "result":
        result = value.get("result")
        if not isinstance(result, dict) or not isinstance(value.get("device"), str):
            return "has no result and device"
        wrong += [name for name in RESULTS if not _is_number(result.get(name))]
    return f"has no number as {wrong[0]}" if wrong else ""


def _is_number(value: Any, least: float = -math.inf) -> bool:
    """Whether a value from JSON is a number that a float can hold, and at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value) and float(value) >= least
    except OverflowError:
        return False


def _note(text: str) -> None:
    """Say once what is wrong with a log."""
    if text not in _noted:
        _noted.add(text)
        log.warning("%s", text)


def _unused(path: Path) -> Path:
    """A name beside a log for its replaced content."""
    names = (path.with_name(f"{path.stem}.replaced-{number}{path.suffix}") for number in itertools.count(1))
    return next(name for name in names if not name.exists())


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
