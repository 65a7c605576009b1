"""Keeps the process's own signal handlers: Ray replaces them when it starts."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

OURS = (signal.SIGINT, signal.SIGTERM)
"""Signals whose handlers are kept."""


@contextmanager
def kept() -> Iterator[None]:
    """Restore the handlers after the block, for Python and for the kernel. Main thread only."""
    before = {number: signal.getsignal(number) for number in OURS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def replaced(action: Callable[[], None]) -> Iterator[None]:
    """Let the signals do something else inside the block, until what runs there sets handlers of its own."""
    with kept():
        for number in OURS:
            signal.signal(number, lambda _number, _frame: action())
        yield
