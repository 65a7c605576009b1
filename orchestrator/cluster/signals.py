"""Keeps the process's own signal handlers: Ray puts others in their place when it starts."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

OURS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def kept() -> Iterator[None]:
    """Handlers after the block are those of before it, for Python and for the kernel. Main thread only."""
    before = {number: signal.getsignal(number) for number in OURS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ignored() -> Iterator[None]:
    """Inside the block the signals do nothing by themselves: the server that runs there has handlers of its own."""
    with kept():
        for number in OURS:
            signal.signal(number, lambda _number, _frame: None)
        yield
