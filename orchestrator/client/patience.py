"""Following a service: what is asked again and again there survives its restarts, and the cuts of proxies."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

from orchestrator.errors import MEANINGS
from tokenizer.errors import ExpectedError

AWAY_SECONDS = 600.0
"""For which a service that has answered before is waited for."""
PAUSE_SECONDS = 1.0
"""Between two questions to a service that is away, and between two streams of events."""
AWAY = 503
"""HTTP status of the errors that pass by themselves."""
Value = TypeVar("Value")
Stream = AbstractContextManager[Iterable[bytes]]
"""The lines of an answer, which may end with an OSError or HTTPException."""


class Patience:
    """Asks a service. Before its first answer every error is raised; later it may be away for a while."""

    def __init__(self, away: Callable[[ExpectedError], None], seconds: float = AWAY_SECONDS) -> None:
        """Have no patience yet; `away` is told of the first error each time the service goes."""
        self._away = away
        self._seconds = seconds
        self._answered = False

    def ask(self, question: Callable[[], Value]) -> Value:
        """The answer to a question. Raises its ExpectedError if that will not pass, or did not in time."""
        gone: float | None = None
        while True:
            try:
                answer = question()
            except ExpectedError as error:
                now = time.monotonic()
                if not self._answered or MEANINGS[error.kind].status != AWAY:
                    raise
                if gone is None:
                    gone = now
                    self._away(error)
                if now - gone >= self._seconds:
                    raise
                time.sleep(PAUSE_SECONDS)
                continue
            self._answered = True
            return answer


@dataclass(frozen=True, slots=True)
class Event:
    """A Server-Sent Event."""

    id: str
    """Its identity, from which a later stream goes on."""
    data: str
    """What it says."""


def resumed(open_after: Callable[[str], Stream], patience: Patience) -> Iterator[dict[str, Any]]:
    """The JSON of each event until one says `finished`, from as many streams as it takes.

    Args:
        open_after: opens the stream of what is new since the event of an id, or of everything for "".
        patience: asks for it.

    Raises JSONDecodeError and UnicodeDecodeError for events that are no JSON objects.
    """
    last = ""
    while True:
        with patience.ask(lambda after=last: open_after(after)) as lines:  # type: ignore[misc]
            try:
                for event in events(lines):
                    last = event.id
                    said = json.loads(event.data)
                    if not isinstance(said, dict):
                        raise json.JSONDecodeError("no object", event.data, 0)
                    yield said
                    if said.get("finished"):
                        return
            except (OSError, http.client.HTTPException):
                pass  # a cut: another stream goes on from the last event
        time.sleep(PAUSE_SECONDS)


def events(lines: Iterable[bytes]) -> Iterator[Event]:
    """The whole events of a stream (WHATWG HTML, section 9.2.6): fields `id` and `data`; others and comments go by."""
    last, data = "", list[str]()
    for line in lines:
        text = line.decode().rstrip("\r\n")
        name, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            last = value
        elif name == "data":
            data.append(value)
        elif not text and data:
            yield Event(last, "\n".join(data))
            data = []
