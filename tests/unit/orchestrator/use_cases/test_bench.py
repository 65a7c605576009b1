"""A process beside a service: whatever hangs or dies is ended with all that it started, and replaced."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from analysis.records import OutOfReachError
from orchestrator.errors import meaning_of
from orchestrator.use_cases.bench import LEAST_MEMORY, Bench, WorkshopError


def refuse() -> None:
    raise OutOfReachError("no answer", "flops", 1.0, None)


def start_another(note: str) -> None:
    """Start a process, note its id, and hang."""
    started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(note).write_text(str(started.pid))
    time.sleep(600)


def take_memory() -> int:
    return len(bytearray(64 * LEAST_MEMORY))


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


def test_a_function_is_carried_out_elsewhere(bench: Bench) -> None:
    pid = bench.carry_out(os.getpid, (), 60)
    assert pid != os.getpid() and bench.carry_out(os.getpid, (), 60) == pid
    assert bench.carry_out(os.nice, (0,), 60) > os.nice(0) or os.nice(0) > 14, "training goes before"


def test_an_error_comes_back_as_it_was(bench: Bench) -> None:
    with pytest.raises(OutOfReachError, match="no answer") as error:
        bench.carry_out(refuse, (), 60)
    assert (error.value.quantity, error.value.lowest, error.value.highest) == ("flops", 1.0, None)


def test_what_needs_too_much_memory_is_refused_and_the_process_stays(bench: Bench) -> None:
    pid = bench.carry_out(os.getpid, (), 60)
    with pytest.raises(WorkshopError, match="more memory"):
        bench.carry_out(take_memory, (), 60)
    assert bench.carry_out(os.getpid, (), 60) == pid


def test_a_process_that_dies_is_replaced(bench: Bench) -> None:
    pid = bench.carry_out(os.getpid, (), 60)
    with pytest.raises(WorkshopError) as error:
        bench.carry_out(signal.raise_signal, (signal.SIGKILL,), 60)
    assert meaning_of(error.value).status == 503
    assert bench.carry_out(os.getpid, (), 60) != pid


def test_what_takes_too_long_is_ended_with_all_that_it_started(bench: Bench, tmp_path: Path) -> None:
    note, failed = tmp_path / "pid", list[Exception]()

    def wait() -> None:
        try:
            bench.carry_out(start_another, (str(note),), 60)
        except WorkshopError as error:
            failed.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    while not (note.exists() and note.read_text()):
        time.sleep(0.01)
    started = psutil.Process(int(note.read_text()))
    bench.end()
    thread.join(60)
    assert len(failed) == 1
    psutil.wait_procs([started], timeout=30)
    assert not started.is_running() or started.status() == psutil.STATUS_ZOMBIE
    with pytest.raises(WorkshopError, match=r"0\.1 s"):
        bench.carry_out(time.sleep, (600,), 0.1)
