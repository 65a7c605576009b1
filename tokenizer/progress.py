"""Says how far a long stage is: nothing for two seconds, then a line every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

Report = Callable[[str], None]
"""Receives lines about the progress of a preparation."""

SILENCE = 2.0
"""Seconds of a stage after which it says for the first time that it is running."""
INTERVAL = 5.0
"""Seconds between its later lines."""


def silent(_: str) -> None:
    """Drop a line."""


class Stage:
    """One stage of a preparation, from its construction on."""

    def __init__(self, name: str, report: Report) -> None:
        """The stage's name, as the beginning of its lines, and who receives them."""
        self._name, self._report = name, report
        self._began = time.monotonic()
        self._due = self._began + SILENCE

    def tick(self, done: str = "") -> None:
        """Report, if it is time again, how long the stage has been running and what is done."""
        now = time.monotonic()
        if now >= self._due:
            self._due = now + INTERVAL
            self._report(f"{self._name}: {done}{', ' if done else ''}{now - self._began:.0f} s so far")

    def counting(self, texts: Iterable[str]) -> Iterator[str]:
        """The texts; each asks whether a line is due."""
        characters = 0
        for number, text in enumerate(texts, start=1):
            yield text
            characters += len(text)
            self.tick(f"{number:,} documents, {characters / 1e6:.1f} M characters")
