"""Decides which run goes to which worker, and the thin loop that carries it out and records what came of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from orchestrator.cluster import Report
from orchestrator.driver import boot_id, end_leftovers
from orchestrator.eventlog import attempt_log, result_of
from orchestrator.states import Cause, RunState
from orchestrator.store import Outcome, RunRecord, StaleAttempt, Store, SweepRecord
from orchestrator.tracking import Tracking
from orchestrator.worker import Assignment

log = logging.getLogger("isoflop.scheduler")

POLL_SECONDS = 0.5
"""Longest wait for a worker's report: bounds how stale the shown progress may be."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A queued run as `decide` sees it."""

    run_id: str
    cost: float
    """Predicted seconds, or FLOPs where there is no prediction: only the order matters."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Give this run to this worker."""

    run_id: str
    worker: str


def decide(queued: Iterable[Waiting], idle: Sequence[str]) -> list[Claim]:
    """Pair idle workers with queued runs, the longest run first.

    Longest-processing-time-first ends within 4/3 of the shortest possible time (Graham 1969, theorem 2).
    """
    order = sorted(queued, key=lambda w: (-w.cost, w.run_id))
    return [Claim(run.run_id, worker) for run, worker in zip(order, idle, strict=False)]


class Executor(Protocol):
    """What carries out attempts: the Ray cluster."""

    folder: str

    def idle(self) -> list[str]:
        """Workers with nothing to do."""
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

    def stop_all(self, grace: float) -> list[Report]:
        """End all attempts with a checkpoint."""
        ...

    def processes(self) -> list[list[Any]]:
        """What this driver started."""
        ...


@dataclass(frozen=True, slots=True)
class _Job:
    """A run in the scheduler's hands."""

    run: RunRecord
    sweep: SweepRecord
    dataset: Path


class Scheduler:
    """The one writer: claims, assigns, folds reports into the store."""

    def __init__(self, store: Store, cluster: Executor, runs: Path, tracking: Tracking) -> None:
        self._store = store
        self._cluster = cluster
        self._runs = runs
        self._tracking = tracking
        self._queued: dict[str, _Job] = {}
        self._running: dict[str, _Job] = {}
        self._driver = 0
        self._recorded: list[int] = []

    def take_over(self) -> None:
        """End what a killed driver left, settle its attempts, and record this driver."""
        ended = end_leftovers(self._store)
        if ended:
            log.warning("ended %d processes that an interrupted scheduler had left behind", ended)
        self._settle_interrupted()
        self._driver = self._store.start_driver(boot_id(), self._cluster.processes(), self._cluster.folder)

    def _settle_interrupted(self) -> None:
        """Close the attempts of earlier drivers: by the result in their log where there is one, else as lost."""
        for run in self._store.runs_in(RunState.RUNNING):
            outcome = self._logged(run.id, run.fence) or Outcome(Cause.ORPHANED, detail="its driver ended")
            state = self._store.end_attempt(run.id, run.fence, outcome)
            log.info("run %s of an interrupted scheduler: %s", run.id, state)

    def _logged(self, run_id: str, fence: int) -> Outcome | None:
        """The outcome that an attempt wrote to its log before its worker or driver died, if it came that far."""
        found = result_of(attempt_log(self._runs, run_id, fence))
        return Outcome(Cause.DONE, result=found["result"], device=found["device"]) if found else None

    def add(self, sweep: SweepRecord, runs: Iterable[RunRecord], artifacts: Path) -> None:
        """Take a sweep's queued runs into the queue; each run names its dataset in the folder of artifacts."""
        for run in runs:
            if run.state is RunState.QUEUED and run.id not in self._running:
                self._queued[run.id] = _Job(run, sweep, artifacts / run.config["dataset"])

    @property
    def busy(self) -> bool:
        """Whether anything is queued or running."""
        return bool(self._queued or self._running)

    def step(self, timeout: float = POLL_SECONDS) -> None:
        """Hand out what can be handed out, then wait for reports and record them."""
        waiting = [Waiting(j.run.id, j.run.predicted_seconds or j.run.flops) for j in self._queued.values()]
        for claim in decide(waiting, self._cluster.idle()) if waiting else []:
            self._claim(claim)
        for report in self._cluster.poll(timeout):
            self._fold(report)

    def _claim(self, claim: Claim) -> None:
        job = self._queued.pop(claim.run_id)
        fence = self._store.claim(job.run.id, job.run.fence, self._driver, claim.worker)
        self._running[job.run.id] = job
        self.record_processes()
        self._cluster.assign(claim.worker, self._assignment(job, fence))

    def _assignment(self, job: _Job, fence: int) -> Assignment:
        cell = job.run.cell or {}
        return Assignment(
            run_id=job.run.id,
            fence=fence,
            config=job.run.config,
            dataset=str(job.dataset),
            runs=str(self._runs),
            sweep=f"{job.sweep.name}@{job.sweep.revision[:8]}",
            name=f"n{cell.get('params', 0)}_c{job.run.flops:.3g}_s{cell.get('seed', 0)}",
            tracking=self._tracking,
        )

    def record_processes(self) -> None:
        """Workers appear one by one: record each, so that a successor can end it by its id."""
        processes = self._cluster.processes()
        pids = [pid for pid, _created, _name in processes]
        if pids != self._recorded:
            self._recorded = pids
            self._store.update_driver(self._driver, processes, self._cluster.folder)

    def _fold(self, report: Report) -> None:
        job = self._running.pop(report.run_id)
        outcome = report.outcome
        if outcome.cause is Cause.LOST:
            outcome = self._logged(report.run_id, report.fence) or outcome
        try:
            state = self._store.end_attempt(report.run_id, report.fence, outcome)
        except StaleAttempt as error:
            log.warning("%s", error)
            return
        if outcome.cause is not Cause.DONE:
            log.warning("run %s: %s: %s", report.run_id, outcome.cause, outcome.detail.strip()[-400:])
        if state is RunState.QUEUED:
            again = replace(job.run, state=state, fence=report.fence)
            self._queued[report.run_id] = _Job(again, job.sweep, job.dataset)

    def live(self) -> dict[str, dict[str, Any]]:
        """The latest event of each run in training, by run id."""
        return self._cluster.progress()

    def run(self, observe: Callable[[dict[str, dict[str, Any]]], None]) -> None:
        """Work until nothing is queued or running; `observe` gets the live events."""
        while self.busy:
            self.step()
            observe(self.live())

    def drain(self, grace: float) -> None:
        """End running attempts with a checkpoint; their runs are queued again."""
        for report in self._cluster.stop_all(grace):
            self._fold(report)

    def finish(self) -> None:
        """Record that this driver leaves nothing behind; call it after the cluster is closed."""
        self._store.end_driver(self._driver)
