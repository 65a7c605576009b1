"""A process beside a service that carries out functions, and can be ended with all that it started."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import signal
import threading
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from tokenizer.errors import ExpectedError

NICENESS = 2
"""By how much the service goes before; its workers in training come after both."""
MEMORY_SHARE = 0.25
"""Part of the machine's memory that one process, and each that it starts, may take."""
LEAST_MEMORY = 4 * 2**30
"""Bytes that it may take on any machine."""


class WorkshopError(ExpectedError, RuntimeError):
    """A computation ended without a result: it took too long, or its process was ended."""

    kind = "computation"


class Bench:
    """One process, which starts when there is something to do, and the connection to it."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._closed = False

    def carry_out(self, function: Callable[..., Any], arguments: tuple[Any, ...], seconds: float) -> Any:
        """Carry out a function in the process. Raises what it raises, and WorkshopError."""
        connection = self._started()
        try:
            connection.send((function, arguments))
            if not connection.poll(seconds):
                raise WorkshopError(f"the computation was ended after {seconds:g} s")
            error, value = connection.recv()
        except WorkshopError:
            self._replace()
            raise
        except (EOFError, OSError):
            self._replace()
            raise WorkshopError("the process of the computation was ended by the system; ask again") from None
        if error is not None:
            raise _restored(*error)
        return value

    def end(self) -> None:
        """End the process with whatever it started; the next computation starts another."""
        process = self._process
        if process is not None and process.pid is not None:
            with contextlib.suppress(ProcessLookupError):  # it is no group of its own yet, or all of it is gone
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()

    def close(self) -> None:
        """End the process for good."""
        self._closed = True
        self.end()

    def _started(self) -> Connection:
        """The connection to a process that lives. Raises WorkshopError once the bench is closed."""
        if self._closed:
            raise WorkshopError("the service is ending")
        if self._process is None or self._connection is None or not self._process.is_alive():
            spawn = multiprocessing.get_context("spawn")
            self._connection, theirs = spawn.Pipe()
            self._process = spawn.Process(target=_work, args=(theirs,), daemon=True, name="isoflop-workshop")
            self._process.start()
            theirs.close()
        return self._connection

    def _replace(self) -> None:
        """End the process and forget it."""
        self.end()
        if self._process is not None:
            self._process.join()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None


def _work(connection: Connection) -> None:
    """What the process does: one computation after the other, until its service is gone."""
    os.setpgid(0, 0)  # it is ended with whatever it starts, such as a calibration
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which ends its processes
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    _limit_memory()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            function, arguments = connection.recv()
        except (EOFError, OSError):
            return
        connection.send(_outcome(function, arguments))


def _outcome(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[tuple[Any, ...] | None, Any]:
    """Class, arguments and values of the error of a function, or None, and what it returns."""
    try:
        return None, function(*arguments)
    except MemoryError:
        return (
            WorkshopError,
            ("it needs more memory than a service gives to one computation: make it smaller",),
            {},
        ), None
    except Exception as error:  # noqa: BLE001 - raised again by who asked
        return (type(error), error.args, dict(error.__dict__)), None


def _limit_memory() -> None:
    """Let an allocation beyond the limit fail here, before the system ends some process of its own choice."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = int(max(LEAST_MEMORY, MEMORY_SHARE * machine))
    with contextlib.suppress(OSError, ValueError):  # a lower limit is set already
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _end_with_parent() -> None:
    """End with the service, however it ended, and take along whatever was started here."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os.killpg(0, signal.SIGKILL)


def _restored(kind: type[Exception], arguments: tuple[Any, ...], values: Mapping[str, Any]) -> Exception:
    """An error of the process as it was, whatever its class takes to be made."""
    error: Exception = kind.__new__(kind, *arguments)
    error.__dict__.update(values)
    return error
