"""Following a sweep that another process trains: its progress, again and again, until nothing more will come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from orchestrator.scheduling.progress import Progress
from orchestrator.store import SweepRecord
from orchestrator.use_cases.control import live_progress, scheduled
from orchestrator.use_cases.execution import Execution
from orchestrator.use_cases.workspace import Workspace

FOLLOW_SECONDS = 1.0
"""Pause between two readings of a sweep's progress."""
ALONE_SECONDS = 30.0
"""Time that somebody gets to schedule the runs before nobody waits for them any longer."""
NOBODY = "nobody schedules the runs of this database"
"""What a sweep waits for when no scheduler works."""


def readings(workspace: Workspace, sweep: SweepRecord) -> Iterator[Progress]:
    """A sweep's progress, read again and again without end."""
    execution = Execution(workspace)
    while True:
        progress = execution.progress(sweep, live_progress(workspace))
        moves = progress.finished or progress.held or scheduled(workspace)
        yield progress if moves else replace(progress, waits=NOBODY, seconds_left=None)


def follow(found: Iterator[Progress], observe: Callable[[Progress], None]) -> Progress:
    """Observe readings until the sweep is finished or held, or nobody schedules it; returns the last one."""
    alone_since: float | None = None
    while True:
        progress = next(found)
        observe(progress)
        alone_since = (alone_since or time.monotonic()) if progress.waits == NOBODY else None
        alone = alone_since is not None and time.monotonic() - alone_since >= ALONE_SECONDS
        if progress.finished or progress.held or alone:
            return progress
        time.sleep(FOLLOW_SECONDS)
