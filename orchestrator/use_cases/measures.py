"""What a monitor asks a service: its scheduler, workers, queue, database and mirror, at this moment."""

from __future__ import annotations

import time
from dataclasses import dataclass

from orchestrator.attempts import Staff
from orchestrator.store import StoreError
from orchestrator.store.gauges import Gauges, gauges
from orchestrator.tracking.backlog import Backlog, backlog
from orchestrator.use_cases.background import Background
from orchestrator.use_cases.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Measures:
    """A service at a moment."""

    scheduling: bool
    """Whether the scheduler is running."""
    staff: Staff
    """Its workers, and for how long nothing could be recorded."""
    backlog: Backlog
    """What the wandb mirror has not uploaded."""
    gauges: Gauges | None
    """What the database knows; None while it is away."""
    read_seconds: float
    """What it took to ask the database."""


def measure(workspace: Workspace, background: Background) -> Measures:
    """Take the measures. A database that is away is one of them, not a failure."""
    began = time.perf_counter()
    try:
        found: Gauges | None = gauges(workspace.store)
    except StoreError:
        found = None
    took = time.perf_counter() - began
    return Measures(background.ready, background.staff, backlog(workspace.home.wandb), found, took)


def missing(workspace: Workspace, background: Background) -> list[str]:
    """What a service lacks to take and train sweeps: database, scheduler, workers; nothing if it is ready.

    The workers of a Ray cluster come when there is something to train.
    """
    lacking = []
    try:
        workspace.store.requests()
    except StoreError:
        lacking.append("database")
    if not background.ready:
        lacking.append("scheduler")
    elif not background.staff.workers and workspace.settings.ray_address == "local":
        lacking.append("workers")
    return lacking
