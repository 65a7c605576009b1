"""What is computed once and kept: the latest answers by key, each made by one computation for all who wait for it."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future
from typing import Any, Generic, TypeVar

from analysis.records import LawError, QuestionError

REFUSALS = (LawError, QuestionError)
"""What runs or a law refuse to answer: they would refuse it again."""
REFUSALS_KEPT = 4096
"""Refusals that are kept at most, whatever other values weigh."""
Value = TypeVar("Value")


class Kept(Generic[Value]):
    """Values by key. Whoever asks for one that is being made gets the same future; the longest unused ones go first.

    A refusal is as good an answer as any other, and kept as long; other failures are not kept.
    """

    def __init__(self, executor: Executor, most: int, weigh: Callable[[Value], int] = lambda _: 1) -> None:
        """Keep values that together weigh `most`, each weighed by `weigh`; those missing are made by `executor`."""
        self._executor = executor
        self._most = most
        self._weigh = weigh
        self._refusal = max(1, most // REFUSALS_KEPT)
        self._lock = threading.Lock()
        self._futures: OrderedDict[Hashable, Future[Value]] = OrderedDict()
        self._waiting: Counter[Future[Value]] = Counter()
        self._weights: dict[Hashable, int] = {}
        self._weight = 0

    def __len__(self) -> int:
        """Values that are kept or being made."""
        return len(self._futures)

    def get(self, key: Hashable, make: Callable[..., Value], *arguments: Any) -> Future[Value]:
        """The value of a key; if nobody has asked for it yet, `make(*arguments)` makes it."""
        with self._lock:
            known = self._futures.get(key)
            if known is not None:
                self._futures.move_to_end(key)
                return known
            future = self._executor.submit(make, *arguments)
            self._futures[key] = future
        future.add_done_callback(lambda done: self._settle(key, done))
        return future

    def ready(self, key: Hashable) -> Value | None:
        """The value of a key if it was made already; None if not."""
        with self._lock:
            known = self._futures.get(key)
        return known.result() if known is not None and known.done() and known.exception() is None else None

    def wait(self, future: Future[Value]) -> None:
        """Count one who waits for a value that is being made."""
        with self._lock:
            if not future.done():
                self._waiting[future] += 1

    def leave(self, future: Future[Value]) -> None:
        """Count one who waits no longer."""
        with self._lock:
            if future in self._waiting:
                self._waiting[future] -= 1

    def cancel_unwanted(self, future: Future[Value]) -> None:
        """Cancel a value that is being made and that nobody waits for."""
        with self._lock:
            unwanted = self._waiting.get(future) == 0
        if unwanted:
            future.cancel()

    def _settle(self, key: Hashable, done: Future[Value]) -> None:
        """Weigh what was made, and make room for it; forget a computation that failed or was cancelled."""
        error = None if done.cancelled() else done.exception()
        with self._lock:
            self._waiting.pop(done, None)
            if self._futures.get(key) is not done:
                return
            if done.cancelled() or (error is not None and not isinstance(error, REFUSALS)):
                del self._futures[key]
                return
            self._weights[key] = self._refusal if error is not None else self._weigh(done.result())
            self._weight += self._weights[key]
            while self._weight > self._most and self._weights:
                oldest = next(each for each in self._futures if each in self._weights)
                del self._futures[oldest]
                self._weight -= self._weights.pop(oldest)
