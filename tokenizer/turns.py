"""One process at a time in a folder: a lock that the system frees, whose holder is known, and a wait with an end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from tokenizer.errors import ExpectedError

WAIT_SECONDS = 1800.0
"""After which nobody waits any longer for another process."""
LOOK_SECONDS = 0.1
"""Between two tries."""


class TurnError(ExpectedError, RuntimeError):
    """Another process has not given the folder back in time."""

    kind = "preparing"


@contextlib.contextmanager
def turn(lock: Path, what: str, report: Callable[[str], None], seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """A context that holds a lock, which the system frees when its holder dies.

    Args:
        lock: the file, which holds the id of the process that has the lock.
        what: what the holder does, such as "prepares a corpus in …", for messages.
        report: takes a line if somebody else has it.
        seconds: how long to wait for them.

    Raises TurnError.
    """
    with lock.open("a+") as file:
        if not _taken(file):
            report(f"waiting for {_holder(file)}, which {what}")
            end = time.monotonic() + seconds
            while not _taken(file):
                if time.monotonic() > end:
                    raise TurnError(
                        f"{_holder(file)} {what}, and has not ended within {seconds:g} s: wait for it, or end it"
                    )
                time.sleep(LOOK_SECONDS)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _taken(file: TextIO) -> bool:
    """Whether the lock of a file is ours now."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(file: TextIO) -> str:
    """The process that has the lock, as its file says."""
    file.seek(0)
    return f"process {file.read().strip() or 'unknown'}"
