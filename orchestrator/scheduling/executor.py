"""What the scheduler asks of whatever carries out attempts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from orchestrator.attempts import Assignment, Kinds, Report, Slot


class Executor(Protocol):
    """What carries out attempts: the Ray cluster."""

    folder: str

    def start(self, identity: str, driver: int) -> None:
        """Start the workers, and end those that an earlier driver left."""
        ...

    def want(self, useful: Mapping[str, int]) -> None:
        """Say how many workers would have a run now, by the kind of device that runs ask for; empty for any."""
        ...

    def kinds(self) -> Kinds:
        """Which kinds of device there are."""
        ...

    def idle(self) -> list[Slot]:
        """Workers that are ready and have nothing to do."""
        ...

    def assign(self, worker: str, assignment: Assignment) -> None:
        """Begin an attempt."""
        ...

    def poll(self, timeout: float) -> list[Report]:
        """Attempts that ended."""
        ...

    def progress(self) -> dict[str, dict[str, Any]]:
        """Latest event by run."""
        ...

    def stop(self, run_id: str) -> None:
        """End an attempt with a checkpoint."""
        ...

    def stop_all(self, grace: float) -> list[Report]:
        """End all attempts with a checkpoint."""
        ...

    def processes(self) -> list[list[Any]]:
        """What this driver started."""
        ...
