"""Answers that hold as long as the database has one stamp: within limits, those unused for longest go first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

MOST = 2048
"""Answers that are kept."""
BYTES = 32 * 2**20
"""Memory that they take together."""
Value = TypeVar("Value")


class StampedCache(Generic[Value]):
    """Values by place, for the latest stamp alone."""

    def __init__(self) -> None:
        """Empty."""
        self._stamp: Hashable = None
        self._kept: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._bytes = 0

    def get(self, stamp: Hashable, place: Hashable) -> Value | None:
        """What was put there since the database had this stamp; with another stamp, all that there was goes."""
        if stamp != self._stamp:
            self._stamp, self._bytes = stamp, 0
            self._kept.clear()
        found = self._kept.get(place)
        if found is None:
            return None
        self._kept.move_to_end(place)
        return found[0]

    def put(self, stamp: Hashable, place: Hashable, value: Value, size: int) -> None:
        """Keep a value of so many bytes, unless the database has changed since, and make room for it."""
        if stamp != self._stamp:
            return
        self._remove(place)
        self._kept[place] = value, size
        self._bytes += size
        while self._bytes > BYTES or len(self._kept) > MOST:
            self._remove(next(iter(self._kept)))

    def _remove(self, place: Hashable) -> None:
        """Forget a value."""
        gone = self._kept.pop(place, None)
        self._bytes -= gone[1] if gone else 0
