"""An executor whose attempts end as a test says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from orchestrator.attempts import Assignment, Kinds, Outcome, ProcessRecord, Report, RunProgress, Slot, Staff
from orchestrator.states import Cause
from tests.unit.orchestrator.store_fixtures import result


class Hands:
    """An executor whose attempts end as the test says."""

    folder = ""
    started = 0
    shares = 1
    """Workers of the one GPU that there is; 1 for a core each."""
    devices: ClassVar[dict[str, str]] = {}
    """Kind of each worker's GPU; the others are cores."""
    silent = False
    """Whether attempts go on instead of ending with the next look."""

    def __init__(self, workers: int, outcomes: dict[str, list[Outcome]] | None = None) -> None:
        self.free = [f"w{i}" for i in range(workers)]
        self.assigned: list[Assignment] = []
        self.pending: list[tuple[str, Assignment]] = []
        self.outcomes = outcomes or {}

    def start(self, identity: str, driver: int) -> None:
        assert identity
        self.started = driver

    def want(self, useful: Mapping[str, int]) -> None:
        self.useful = dict(useful)

    def kinds(self) -> Kinds:
        return Kinds(tuple(self._slot(name) for name in [*self.free, *(worker for worker, _ in self.pending)]))

    def _slot(self, name: str) -> Slot:
        kind = self.devices.get(name, "")
        return Slot(name, name, kind, gpu=bool(kind))

    def idle(self) -> list[Slot]:
        if self.shares == 1:
            return [self._slot(name) for name in self.free]
        return [Slot(name, "node/0", "GPU", self.shares, 2**30) for name in self.free]

    def assign(self, worker: str, assignment: Assignment) -> None:
        if worker in self.free:  # else it is the worker of the stack
            self.free.remove(worker)
        self.assigned.append(assignment)
        self.pending.append((worker, assignment))

    def poll(self, timeout: float) -> list[Report]:
        if not self.pending or self.silent:
            return []
        worker, assignment = self.pending.pop(0)
        if worker not in {busy for busy, _ in self.pending}:
            self.free.append(worker)
        scripted = self.outcomes.get(assignment.run_id, [])
        outcome = scripted.pop(0) if scripted else Outcome(Cause.DONE, result())
        return [Report(worker, assignment.run_id, assignment.fence, outcome)]

    def staff(self, lag_seconds: float) -> Staff:
        busy = len({worker for worker, _ in self.pending})
        return Staff(len(self.free) + busy, busy, lag_seconds)

    def progress(self) -> dict[str, RunProgress]:
        return {}

    def stop(self, run_id: str) -> None:
        """The attempt ends with the next look."""
        for worker, assignment in self.pending:
            if assignment.run_id == run_id:
                self.outcomes[run_id] = [Outcome(Cause.PREEMPTED)]
                self.pending.remove((worker, assignment))
                self.pending.insert(0, (worker, assignment))

    def stop_all(self, grace: float) -> list[Report]:
        reports = [Report(w, a.run_id, a.fence, Outcome(Cause.PREEMPTED)) for w, a in self.pending]
        self.pending = []
        return reports

    def processes(self) -> list[ProcessRecord]:
        return []
