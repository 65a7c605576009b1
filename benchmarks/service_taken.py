"""What a service takes of its machine: CPU and memory of its process and of those that compute for it."""

from __future__ import annotations

from pathlib import Path

import psutil


def own_processes(pid: int) -> list[psutil.Process]:
    """The service and those that compute for it, without Ray and its workers."""
    service = psutil.Process(pid)
    return [service, *(each for each in service.children() if "multiprocessing" in " ".join(each.cmdline()))]


def cpu_seconds(pid: int) -> float:
    """Seconds of CPU that a service has taken so far, its threads counted by the nanosecond."""
    schedules = (f for p in own_processes(pid) for f in Path(f"/proc/{p.pid}/task").glob("*/schedstat"))
    return sum(int(file.read_text().split()[0]) for file in schedules) / 1e9


def all_seconds(pid: int) -> float:
    """`cpu_seconds` with what threads took that have ended, by hundredths."""
    return float(sum(sum(each.cpu_times()[:2]) for each in own_processes(pid)))


def memory(pid: int) -> float:
    """Resident memory of a service, MiB."""
    return float(sum(each.memory_info().rss for each in own_processes(pid)) / 2**20)
