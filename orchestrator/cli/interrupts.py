"""Ctrl-C and SIGTERM: the first ends in order, the second ends the waiting, the third ends at once; none is unheard."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from orchestrator.errors import INTERRUPTED

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""What ends a command."""
LAST = 3
"""The signal that ends the process at once."""
DEAF_SECONDS = 0.8
"""Time that compiled code gets to return to Python before the process is ended for it."""
LOOKS = 8
"""How often the main thread is looked at in that time."""


class Interrupts:
    """Counts signals, and ends the process where Python does not get to handle one."""

    def __init__(self) -> None:
        """Open the socket into which Python writes each signal's number, before it handles it."""
        self.count = 0
        """Signals handled."""
        self.elsewhere = False
        """Whether something else handles the signals for the moment, such as a web server."""
        self._reader, self.writer = socket.socketpair()
        self._reader.setblocking(False)
        self.writer.setblocking(False)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="interrupts", daemon=True)
        self._thread.start()

    def received(self, _number: int, _frame: FrameType | None) -> None:
        """The handler of both signals. Raises KeyboardInterrupt, at most twice."""
        self.drain()
        self.count += 1
        if self.count >= LAST:
            end_now()
        raise KeyboardInterrupt

    def close(self) -> None:
        """End the watch."""
        self._over.set()
        self.writer.close()
        self._thread.join()
        self._reader.close()

    def _watch(self) -> None:
        """Wait for signals; end the process if one of ours stays unhandled, because compiled code does not return."""
        while not self._over.is_set():
            select.select([self._reader], [], [])
            if self.elsewhere:
                self.drain()
            elif self._stays():
                if any(number in self._waiting() and signal.getsignal(number) == self.received for number in SIGNALS):
                    end_now()
                self.drain()  # another signal's

    def _stays(self) -> bool:
        """Whether something waits to be handled for `DEAF_SECONDS`."""
        return all(not self._over.wait(DEAF_SECONDS / LOOKS) and self._waiting() for _ in range(LOOKS))

    def _waiting(self) -> bytes:
        """The numbers of the signals that wait to be handled."""
        with contextlib.suppress(BlockingIOError):
            return self._reader.recv(4096, socket.MSG_PEEK)
        return b""

    def drain(self) -> None:
        """Take the numbers of the signals that are handled now."""
        with contextlib.suppress(BlockingIOError):
            self._reader.recv(4096)


_current: Interrupts | None = None
"""The process's own, while it listens."""


@contextlib.contextmanager
def handled_elsewhere() -> Iterator[None]:
    """Count on another handler while the block runs: however long that takes, the process is not ended for it."""
    interrupts = _current
    if interrupts is None:
        yield
        return
    interrupts.elsewhere = True
    try:
        yield
    finally:
        interrupts.drain()
        interrupts.elsewhere = False


def end_now() -> None:
    """End the process without cleaning up; workers end by themselves when their scheduler is gone."""
    cursor = "\x1b[?25h" if sys.stderr.isatty() else ""  # a panel of progress hides it
    sys.stderr.write(f"{cursor}interrupted\n")
    sys.stderr.flush()
    os._exit(INTERRUPTED)


def leave() -> None:
    """End an interrupted process whose work is cleaned up: while the interpreter ends, a signal would still kill it."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    os._exit(INTERRUPTED)


@contextlib.contextmanager
def listening() -> Iterator[Interrupts]:
    """Handle the signals while the block runs. Signals that the caller ignores, as `nohup` does, stay ignored."""
    global _current
    interrupts = _current = Interrupts()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    woken = signal.set_wakeup_fd(interrupts.writer.fileno(), warn_on_full_buffer=False)
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, interrupts.received)
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(woken)
        _current = None
        interrupts.close()
