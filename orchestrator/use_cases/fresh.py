"""What was read of the database last: one thread at a time looks for news, and nobody waits for one that is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from orchestrator.store import StoreError

PAUSE_SECONDS = 2.0
"""Between two looks for a database that is away."""
Value = TypeVar("Value")


class Fresh(Generic[Value]):
    """A value as it is now; as it was last while the database is away, which one of those who ask tries again."""

    def __init__(self, read: Callable[[Value | None], Value], away: type[StoreError] = StoreError) -> None:
        """`read` gives the value, from the last one if nothing has changed; it raises `away` if the database is."""
        self._read = read
        self._away = away
        self._lock = threading.Lock()
        self._kept: Value | None = None
        self._error: StoreError | None = None
        self._read_at = self._tried_at = 0.0

    @property
    def age(self) -> float:
        """Seconds since the value was known to be true; 0 while the database answers."""
        return 0.0 if self._error is None else time.monotonic() - self._read_at

    def get(self) -> Value:
        """The value. Raises what `read` raises; the error of a database that is away only without a value."""
        if self._error is not None and time.monotonic() - self._tried_at < PAUSE_SECONDS:
            return self._known()
        if not self._lock.acquire(blocking=self._error is None):
            return self._known()
        try:
            if self._error is None or time.monotonic() - self._tried_at >= PAUSE_SECONDS:
                self._try()
        finally:
            self._lock.release()
        return self._known()

    def known_if(self, holds: Callable[[Value], bool]) -> Value | None:
        """The value without a look for news, if it still holds; None while the database is away."""
        kept = self._kept
        return kept if self._error is None and kept is not None and holds(kept) else None

    def check(self) -> None:
        """Raise the error of a database that is away, instead of waiting for it once more."""
        if self._error is not None:
            raise self._error.with_traceback(None)

    def failed(self, error: StoreError) -> None:
        """Somebody else has found that the database is away."""
        self._error, self._tried_at = error, time.monotonic()

    def _try(self) -> None:
        """Look for news."""
        try:
            self._kept = self._read(self._kept)
            self._error, self._read_at = None, time.monotonic()
        except self._away as error:
            self.failed(error)

    def _known(self) -> Value:
        """The value as it was read last. Raises StoreError if it never was."""
        if self._kept is None:
            self.check()
        assert self._kept is not None
        return self._kept
