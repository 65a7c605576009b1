"""Executor: what the scheduler needs from whatever carries out attempts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from orchestrator.attempts import Assignment, Kinds, ProcessRecord, Report, RunProgress, Slot, Staff


class Executor(Protocol):
    """What carries out attempts: the Ray cluster."""

    folder: str
    """Temporary folder, which a successor deletes if it is left behind."""

    def start(self, identity: str, driver: int) -> None:
        """Start the workers, and end those that an earlier driver left."""
        ...

    def want(self, useful: Mapping[str, int]) -> None:
        """Say how many workers would have a run now, by the kind of device that runs ask for; empty for any."""
        ...

    def kinds(self) -> Kinds:
        """Which kinds of device there are."""
        ...

    def staff(self, lag_seconds: float) -> Staff:
        """How many workers there are and have a run, with what the scheduler says of its lag."""
        ...

    def idle(self) -> list[Slot]:
        """Workers that are ready and have nothing to do."""
        ...

    def assign(self, worker: str, assignment: Assignment) -> None:
        """Begin an attempt."""
        ...

    def poll(self, timeout: float) -> list[Report]:
        """Wait up to `timeout` seconds for attempts to end, and report those that did."""
        ...

    def progress(self) -> dict[str, RunProgress]:
        """How far each run in training is, by run id."""
        ...

    def stop(self, run_id: str) -> None:
        """Ask for the end of a run's attempt with a checkpoint."""
        ...

    def stop_all(self, grace: float) -> list[Report]:
        """End all attempts with a checkpoint, and report those that ended within `grace` seconds."""
        ...

    def processes(self) -> list[ProcessRecord]:
        """This driver's process and all that it started."""
        ...
