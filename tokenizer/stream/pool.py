"""Does the tasks of a step, here or in several processes, and remembers what is done, so that a kill costs little."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Protocol

from tokenizer.corpus_error import CorpusError
from tokenizer.progress import Stage
from tokenizer.stream.answers import result_of
from tokenizer.stream.kept import keep, kept
from tokenizer.stream.steps import perform

WORKER = Path(__file__).with_name("worker.py")
"""What a process runs."""
MOST = 16
"""Most processes: with more, memory might not suffice for what each of them holds."""


def cores() -> int:
    """Processor cores that this process may use, at most MOST."""
    return min(MOST, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def do_once(folder: Path, step: str, task: str) -> str:
    """The result of a task, which is done unless it was done before. Raises CorpusError, OSError."""
    known = kept(folder, step, task)
    return keep(folder, step, task, perform(step, str(folder), task)) if known is None else known


class Executor(Protocol):
    """Does tasks in a folder."""

    def __enter__(self) -> Executor:
        """Itself."""
        ...

    def __exit__(self, *_: object) -> None:
        """End what it started."""
        ...

    def results(self, step: str, tasks: Sequence[str], stage: Stage) -> Iterator[str]:
        """The result of each task, in their order; those of an earlier process are not done again.

        Raises:
            CorpusError: of the first task that failed.
            OSError: the disk is full.
        """
        ...


class Pool:
    """Does tasks in a folder, in whatever order; results come in the order of the tasks and are kept in the folder."""

    def __init__(self, folder: Path, workers: int) -> None:
        """`workers` processes are started at the first tasks; none for one worker, which is this process."""
        self._folder = folder
        self._workers = workers
        self._idle: queue.SimpleQueue[_Process] = queue.SimpleQueue()
        self._started: list[_Process] = []

    def __enter__(self) -> Pool:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes."""
        for process in self._started:
            process.end()

    def results(self, step: str, tasks: Sequence[str], stage: Stage) -> Iterator[str]:
        """The result of each task, in their order; those of an earlier process are not done again.

        Raises:
            CorpusError: of the first task that failed.
            OSError: the disk is full.
        """
        if self._workers < 2 or len(tasks) < 2:
            for number, task in enumerate(tasks):
                yield do_once(self._folder, step, task)
                stage.tick(f"{number + 1:,} of {len(tasks):,}")
            return
        self._start(min(self._workers, len(tasks)))
        with ThreadPoolExecutor(len(self._started)) as threads:
            waiting: list[Future[str]] = [threads.submit(self._do, step, task) for task in tasks]
            try:
                for number, one in enumerate(waiting):
                    yield self._patiently(one, stage, f"{number:,} of {len(tasks):,}")
            except BaseException:
                for one in waiting:
                    one.cancel()
                self.__exit__()
                raise

    def _patiently(self, one: Future[str], stage: Stage, done: str) -> str:
        """The result of a task; says now and then that it is waited for."""
        while not wait([one], timeout=1).done:
            stage.tick(done)
        return one.result()

    def _start(self, count: int) -> None:
        """Start processes until there are so many."""
        while len(self._started) < count:
            process = _Process()
            self._started.append(process)
            self._idle.put(process)

    def _do(self, step: str, task: str) -> str:
        """The result of a task, from an idle process."""
        known = kept(self._folder, step, task)
        if known is not None:
            return known
        process = self._idle.get()
        try:
            result = process.perform(step, str(self._folder), task)
        finally:
            self._idle.put(process)
        return keep(self._folder, step, task, result)


class _Process:
    """A process that does one task at a time."""

    def __init__(self) -> None:
        """Start it. Ctrl-C of the terminal reaches only this process, which then ends it."""
        environment = os.environ | {"RAYON_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        # By path and isolated: the user's modules, the current folder and PYTHON* variables cannot change what runs.
        command = [sys.executable, "-I", str(WORKER), json.dumps(sys.path), str(os.getpid())]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
            env=environment,
        )

    def perform(self, step: str, folder: str, task: str) -> str:
        """The result of a task. Raises CorpusError, OSError."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = ""
        with contextlib.suppress(BrokenPipeError, ValueError):
            self._process.stdin.write(json.dumps({"step": step, "folder": folder, "task": task}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise CorpusError(f"corpus: a process that cleaned it ended by {how}: if memory ran out, free some")
        return result_of(line)

    def end(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
