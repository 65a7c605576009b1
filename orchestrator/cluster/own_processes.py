"""The processes that this one has started, and whether those of its Ray are alive: Ray itself does not say it."""

from __future__ import annotations

import contextlib

import psutil

from orchestrator.attempts import ProcessRecord

ESSENTIAL = ("gcs_server", "raylet")
"""Names of Ray's processes without which nothing is scheduled."""


class OwnProcesses:
    """The essential processes of the Ray that this process has started."""

    def __init__(self) -> None:
        """Find them among the children of this process."""
        self._watched: list[tuple[str, psutil.Process]] = []
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if (name := process.name()) in ESSENTIAL and _alive(process):
                    self._watched.append((name, process))

    def ended(self) -> list[str]:
        """Names of those that have ended, however they did."""
        return [name for name, process in self._watched if not _alive(process)]


def own_family() -> list[ProcessRecord]:
    """This process and all that it started, this one first."""
    own = psutil.Process()
    found = [own]
    with contextlib.suppress(psutil.Error):
        found += own.children(recursive=True)
    records = []
    for process in found:
        with contextlib.suppress(psutil.Error):
            records.append(ProcessRecord(process.pid, process.create_time(), process.name()))
    return records


def _alive(process: psutil.Process) -> bool:
    """Whether a process runs; one that has ended stays a zombie until its parent looks."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False
