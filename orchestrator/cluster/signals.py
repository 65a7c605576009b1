"""Keeps the process's own signal handlers: Ray replaces them when it starts."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

OURS = (signal.SIGINT, signal.SIGTERM)
"""Signals whose handlers are kept."""


@contextmanager
def kept() -> Iterator[None]:
    """Restore the handlers after the block, for Python and for the kernel; only the main thread can change them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in OURS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ignored() -> Iterator[None]:
    """Let the signals do nothing inside the block: the server that runs there sets its own handlers."""
    with kept():
        for number in OURS:
            signal.signal(number, lambda _number, _frame: None)
        yield
