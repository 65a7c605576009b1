"""Processes that compute beside a service: laws and charts never hold up what its own process answers."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from tokenizer.errors import ExpectedError

PROCESSES = 2
"""Computations at a time."""
LONGEST_SECONDS = 180.0
"""After which a computation is ended."""
NICENESS = 5
"""By how much training goes before."""
Value = TypeVar("Value")


class WorkshopError(ExpectedError, RuntimeError):
    """A computation ended without a result: it took too long, or its process was killed."""

    kind = "computation"


class Workshop(Executor):
    """Carries out functions of modules in processes of its own, which start when there is something to do."""

    def __init__(self, processes: int = PROCESSES, seconds: float = LONGEST_SECONDS) -> None:
        """Compute in so many processes; each computation may take so many seconds."""
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="workshop")
        self._seconds = seconds
        self._benches: queue.LifoQueue[_Bench] = queue.LifoQueue()
        self._all = [_Bench() for _ in range(processes)]
        for bench in self._all:
            self._benches.put(bench)

    def submit(self, fn: Callable[..., Value], /, *args: Any, **kwargs: Any) -> Future[Value]:
        """Carry out `fn(*args)`; function, arguments and result travel between processes."""
        return self._threads.submit(self._carry_out, fn, args)

    def _carry_out(self, function: Callable[..., Value], arguments: tuple[Any, ...]) -> Value:
        """Carry out a function in a free process. Raises what it raises, and WorkshopError."""
        bench = self._benches.get()
        try:
            made: Value = bench.carry_out(function, arguments, self._seconds)
            return made
        finally:
            self._benches.put(bench)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:
        """End all processes at once, and with them what they compute."""
        self._threads.shutdown(wait=False, cancel_futures=cancel_futures)
        for bench in self._all:
            bench.close()
        self._threads.shutdown(wait=wait)


class _Bench:
    """One process and the connection to it."""

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
            self._end()
            raise
        except (EOFError, OSError):
            self._end()
            raise WorkshopError("the process of the computation was ended by the system; ask again") from None
        if error is not None:
            raise _restored(*error)
        return value

    def close(self) -> None:
        """End the process for good."""
        self._closed = True
        if self._process is not None:
            self._process.kill()

    def _started(self) -> Connection:
        """The connection to a process that lives. Raises WorkshopError once the workshop is closed."""
        if self._closed:
            raise WorkshopError("the service is ending")
        if self._process is None or self._connection is None or not self._process.is_alive():
            spawn = multiprocessing.get_context("spawn")
            self._connection, theirs = spawn.Pipe()
            self._process = spawn.Process(target=_work, args=(theirs,), daemon=True, name="isoflop-workshop")
            self._process.start()
            theirs.close()
        return self._connection

    def _end(self) -> None:
        """End the process; the next computation starts another."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None


def _work(connection: Connection) -> None:
    """What the process does: one computation after the other, until its service is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which ends its processes
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            function, arguments = connection.recv()
        except (EOFError, OSError):
            return
        try:
            value, failed = function(*arguments), None
        except Exception as error:  # noqa: BLE001 - raised again by who asked
            value, failed = None, (type(error), error.args, dict(error.__dict__))
        connection.send((failed, value))


def _end_with_parent() -> None:
    """End with the service, however it ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(0)


def _restored(kind: type[Exception], arguments: tuple[Any, ...], values: Mapping[str, Any]) -> Exception:
    """An error of the process as it was, whatever its class takes to be made."""
    error: Exception = kind.__new__(kind, *arguments)
    error.__dict__.update(values)
    return error
