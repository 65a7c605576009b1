"""One run as its page shows it: facts, configuration, attempts and the latest of its log, all in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from analysis.wording import format_count, format_duration, format_flops, format_loss

LINES = 40
"""Events of the log that are shown."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and a value."""

    name: str
    """What it is."""
    text: str
    """The value in words."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One execution of the run."""

    number: int
    """From 1."""
    worker: str
    """Who carried it out."""
    started: str
    """When it began."""
    seconds: str
    """How long it held its device."""
    cause: str
    """Why it ended; `in training` while it is open."""
    detail: str
    """Reason or traceback; empty for none."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One event that the run logged."""

    attempt: int
    """Number of the attempt."""
    kind: str
    """Kind of the event."""
    text: str
    """What it says."""


_FACTS: Mapping[str, Callable[[Any], str]] = {
    "state": str,
    "loss": format_loss,
    "bits_per_byte": format_loss,
    "flops": format_flops,
    "seconds": format_duration,
    "predicted_seconds": format_duration,
    "device": str,
    "error": str,
}
"""Facts of a run, and how each is written."""
_TITLES = {"flops": "training FLOPs", "seconds": "training time", "predicted_seconds": "predicted time"}
_WRITTEN: Mapping[str, Callable[[float], str]] = {
    "tokens": format_count,
    "flops": format_flops,
    "seconds": format_duration,
    "loss": format_loss,
}
_SCORES = ("loss", "bits_per_byte")
"""What is shown of the score on a further validation set."""
_LEFT_OUT = ("attempt", "kind", "run", "implementation", "time", "pid", "host", "elapsed")
"""What a line of the log leaves out: it is elsewhere on the page, or only of use to machines."""


def facts(run: Mapping[str, Any]) -> list[Fact]:
    """What is known of a run, as REST has it."""
    known = [(name, write, run.get(name)) for name, write in _FACTS.items()]
    sets = (run.get("result") or {}).get("sets", {})
    known[2:2] = [(f"{key}.{name}", format_loss, one[key]) for name, one in sets.items() for key in _SCORES]
    return [
        Fact(_TITLES.get(name, name.replace("_", " ")), write(value))
        for name, write, value in known
        if value not in (None, "")
    ]


def configuration(run: Mapping[str, Any]) -> list[Fact]:
    """The configuration of a run, one line for each value."""
    return [Fact(name, text) for name, text in _flat(run["config"])]


def attempts(run: Mapping[str, Any]) -> list[Attempt]:
    """The attempts of a run, as REST has it."""
    return [
        Attempt(
            each["number"],
            each["worker"],
            datetime.fromtimestamp(each["started_at"], UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
            format_duration(each["seconds"]) if each["seconds"] is not None else "–",
            str(each["cause"] or "in training"),
            each["detail"] or "",
        )
        for each in run["attempts"]
    ]


def log_lines(events: Sequence[Mapping[str, Any]]) -> list[LogLine]:
    """The latest events of a run's log, the last one first."""
    told = [event for event in events if event.get("kind") != "attempt"]
    return [
        LogLine(event.get("attempt", 0), str(event.get("kind", "")), ", ".join(_said(event)))
        for event in reversed(told[-LINES:])
    ]


def _said(event: Mapping[str, Any]) -> Iterator[str]:
    """The values of an event in words."""
    for name, value in event.items():
        if name in _LEFT_OUT or value is None or isinstance(value, dict | list):
            continue
        write = _WRITTEN.get(name, _short)
        number = isinstance(value, float | int) and not isinstance(value, bool)
        yield f"{name.replace('_', ' ')} {write(value) if number else value}"


def _short(number: float) -> str:
    """A number in four significant digits."""
    return f"{number:.4g}"


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested values as lines with dotted names."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", f"{value:g}" if isinstance(value, float) else str(value)
