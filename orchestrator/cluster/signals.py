"""Keeps the process's own signal handlers: Ray replaces them when it starts."""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

OURS = (signal.SIGINT, signal.SIGTERM)
"""Signals whose handlers are kept."""
ACTION_BYTES = 512
"""More than a `struct sigaction` takes on any system."""
_LIBC = ctypes.CDLL(None)


@contextmanager
def kept() -> Iterator[None]:
    """Restore the handlers after the block, for Python and for the kernel, in whichever thread it runs."""
    kernel = {number: _kernels(number) for number in OURS}
    before = {number: signal.getsignal(number) for number in OURS}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)
        for number, action in kernel.items():
            _LIBC.sigaction(number, action, None)


def _kernels(number: int) -> ctypes.Array[ctypes.c_char]:
    """What the kernel does on a signal, as the C library keeps it: Python can change it in the main thread only."""
    action = ctypes.create_string_buffer(ACTION_BYTES)
    _LIBC.sigaction(number, None, action)
    return action


@contextmanager
def replaced(action: Callable[[], None]) -> Iterator[None]:
    """Let the signals do something else inside the block, until what runs there sets handlers of its own."""
    with kept():
        for number in OURS:
            signal.signal(number, lambda _number, _frame: action())
        yield
