"""One scheduler at a time in a home, and cleaning up after one that was killed."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import psutil

from orchestrator.attempts import ProcessRecord
from orchestrator.cluster.private_folder import PREFIX
from orchestrator.store import DriverRecord, Store
from tokenizer.errors import ExpectedError

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""Where Linux names the machine's boot."""
PROCESS_IDS = Path("/proc/self/ns/pid")
"""Where Linux names the namespace of process ids, which a container has for itself."""
SERVES = "serves"
"""What the lock of a service has behind its process id."""
END_SECONDS = 5.0
"""Longest wait for killed processes to end."""


class AlreadyScheduling(ExpectedError, RuntimeError):
    """Another process schedules in this home."""

    kind = "busy"

    def __init__(self, message: str, *, serves: bool = False) -> None:
        """Who does; `serves` says whether it is a service, which trains whatever is submitted."""
        super().__init__(message)
        self.serves = serves


def machine_id() -> str:
    """Identity of this boot of the machine and of its namespace of process ids.

    A process id that was recorded in another boot or container is never used.
    """
    try:
        return f"{BOOT_ID.read_text().strip()} {PROCESS_IDS.readlink()}"[:64]
    except OSError:
        return str(int(psutil.boot_time()))


def alive(driver: DriverRecord) -> bool:
    """Whether the process of a driver of this machine still runs."""
    return bool(driver.processes) and _same_process(driver.processes[0]) is not None


@contextlib.contextmanager
def scheduler_lock(path: Path, *, serves: bool = False) -> Iterator[None]:
    """Hold the home's scheduler lock; the kernel releases it however the process ends.

    `serves` notes that its holder trains whatever is submitted. Raises AlreadyScheduling.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise _already(path, file) from None
        file.truncate(0)
        file.write(f"{psutil.Process().pid}{f' {SERVES}' if serves else ''}")
        file.flush()
        yield


def check_free(path: Path) -> None:
    """Make sure that no scheduler works in this home, without changing anything in it.

    Raises AlreadyScheduling.
    """
    try:
        file = path.open()
    except FileNotFoundError:
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            raise _already(path, file) from None


def _already(path: Path, file: TextIO) -> AlreadyScheduling:
    """Who holds the lock of a home, as its file says."""
    file.seek(0)
    holder, _, serves = file.read().strip().partition(" ")
    return AlreadyScheduling(
        f"process {holder or 'unknown'} already schedules in {path.parent}; wait for it, submit to it, or set "
        "ISOFLOP_HOME",
        serves=serves == SERVES,
    )


def end_leftovers(store: Store, own: int) -> int:
    """End the processes that killed drivers of this boot recorded and left behind; returns how many.

    A process is ended only if its id and its creation time are the recorded ones. `own` is the present driver, which
    holds the scheduler's lease: the others are dead, or lost it.
    """
    ended = 0
    for driver in store.unended_drivers():
        if driver.id == own:
            continue
        if driver.boot_id == machine_id():
            ended += _end([p for p in map(_same_process, driver.processes) if p is not None])
        if driver.folder and Path(driver.folder).name.startswith(PREFIX):
            shutil.rmtree(driver.folder, ignore_errors=True)
        store.end_driver(driver.id)
    return ended


def _same_process(recorded: ProcessRecord) -> psutil.Process | None:
    """The recorded process, if it still runs and is not this one: its id may be another's by now."""
    try:
        process = psutil.Process(recorded.pid)
        same = abs(process.create_time() - recorded.created) < 0.01 and process.pid != psutil.Process().pid
    except psutil.Error:
        return None
    return process if same else None


def _end(processes: list[psutil.Process]) -> int:
    """Kill processes and all that they started; returns the number of processes, children not counted."""
    family = list(processes)
    for process in processes:
        with contextlib.suppress(psutil.Error):
            family += process.children(recursive=True)
    for process in family:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(family, timeout=END_SECONDS)
    return len(processes)
