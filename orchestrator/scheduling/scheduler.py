"""The loop that carries out what dispatch decides, and records what came of it."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from orchestrator.attempts import LEASE_SECONDS, Assignment, Outcome, Report, Tracking
from orchestrator.cluster.artifact_store import Places
from orchestrator.cluster.attempt_log import logged_outcome, orphaned_outcome
from orchestrator.scheduling.dispatch import Claim, Dispatch
from orchestrator.scheduling.driver import alive, end_leftovers, machine_id
from orchestrator.scheduling.durations import LATEST, Forecast, checkpoint_interval, params_of
from orchestrator.scheduling.executor import Executor
from orchestrator.scheduling.job import Job
from orchestrator.scheduling.missing_devices import Unmet
from orchestrator.scheduling.reservations import Reservations
from orchestrator.scheduling.trunks import Trunks
from orchestrator.settings import Ceilings
from orchestrator.states import Cause, RunState
from orchestrator.store import RunRecord, Store, Unavailable

log = logging.getLogger("isoflop.scheduler")

POLL_SECONDS = 0.5
"""Longest wait for a worker's report: bounds how stale the shown progress may be."""
PATIENCE_SECONDS = 900.0
"""Time for which a database that does not answer is asked again, while workers train on."""
FREE_BYTES = 32 * 2**20
"""Space below which nothing is handed out: an attempt could not even leave its checkpoint."""
REST_SECONDS = (2.0, 60.0)
"""First and longest pause after an attempt that found a worker's disk full."""
RECORD_SECONDS = 1.0
"""Shortest time between two looks at the processes that the workers are: finding them takes milliseconds."""
ORDER_SECONDS = 10.0
"""Shortest time between two looks at the order of all that waits."""


class Scheduler:
    """The one writer: claims, assigns, folds reports into the store. The database is its queue."""

    def __init__(
        self,
        store: Store,
        cluster: Executor,
        artifacts: Places,
        tracking: Tracking,
        *,
        ceilings: Ceilings | None = None,
        checkpoint_seconds: float | None = None,
    ) -> None:
        self._store = store
        self._cluster = cluster
        self._artifacts = artifacts
        self._tracking = tracking
        self._reservations = Reservations(store, ceilings or Ceilings())
        self._checkpoint_seconds = checkpoint_seconds
        self._only: int | None = None
        self._queued: dict[str, Job] = {}
        self._running: dict[str, Job] = {}
        self._held: set[str] = set()
        self._trunks = Trunks(artifacts)
        self._dispatch = Dispatch()
        self._unmet = Unmet()
        self._forecast, self._ordered = Forecast(), 0.0
        self._losses = 0.0, 0
        self._reports: list[Report] = []
        self._driver = 0
        self._recorded: list[int] = []
        self._looked: float | None = None
        self._requests = -1
        self._renewed = time.monotonic()
        self._trouble: float | None = None
        self._full = False
        self._rest, self._rest_until = REST_SECONDS[0], 0.0

    # who schedules

    def take_over(self) -> None:
        """Take the scheduler's lease, end what a killed driver left, start the workers, settle open attempts.

        Raises LeaseHeld, ClusterError.
        """
        self._driver = self._store.start_driver(machine_id(), self._cluster.processes(), self._cluster.folder, alive)
        ended = end_leftovers(self._store, self._driver)
        if ended:
            log.warning("ended %d processes that an interrupted scheduler had left behind", ended)
        self._cluster.start(self._store.identity(), self._driver)
        self._store.note_waits({})
        self.record_processes()
        self.reconcile()

    def reconcile(self) -> None:
        """Close attempts that nobody works on: by the result in their log where there is one, else as orphaned."""
        for run in self._store.runs_in(RunState.RUNNING):
            if run.id not in self._running:
                events = self._artifacts.events(run.id, run.fence)
                outcome = logged_outcome(events) or orphaned_outcome(events)
                (state,) = self._end([(run.id, run.fence, outcome)])
                log.info("run %s of an interrupted scheduler: %s", run.id, state)

    def record_processes(self) -> None:
        """Workers appear one by one: record each, so that a successor can end it by its id."""
        if self._looked is not None and time.monotonic() - self._looked < RECORD_SECONDS:
            return
        self._looked = time.monotonic()
        processes = self._cluster.processes()
        pids = [pid for pid, _created, _name in processes]
        if pids != self._recorded:
            self._store.update_driver(self._driver, processes, self._cluster.folder)
            self._recorded = pids

    def finish(self) -> None:
        """Record that this driver leaves nothing behind; call it after the cluster is closed."""
        if self._driver:
            self._store.end_driver(self._driver)

    # what is to be done

    def follow(self, sweep_id: int | None = None) -> None:
        """Work on one sweep, or on all there are, now and whenever something is asked of them."""
        self._only, self._requests = sweep_id, -1
        self._look_for_requests()

    def _look_for_requests(self) -> None:
        """Read the queue anew when a user asked for something since the last look."""
        requests = self._store.requests()
        if requests == self._requests:
            return
        if self._requests < 0 and not len(self._forecast):
            self._forecast = Forecast.of(self._store.latest_done(LATEST))
        only = self._only
        sweeps = self._store.sweeps_with_queued() if only is None else [self._store.sweep_by_id(only)]
        queued: dict[str, Job] = {}
        for sweep in sorted(sweeps, key=lambda s: s.held is None):  # a run of several goes by the latest one not held
            for run in self._store.runs_of(sweep.id, None, RunState.QUEUED):
                if run.id not in self._running:
                    queued[run.id] = Job(run, sweep)
        self._losses = self._store.losses()
        self._queued, self._held, self._requests = queued, self._store.held_runs(), requests
        self._trunks.read(self._store.unfinished_on_trunks())
        for run_id in self._held & self._running.keys():
            self._stop(self._running[run_id])
        self._offer_queued()

    def _offer_queued(self) -> None:
        """Let dispatch hand out what may start, and nothing else."""
        for waiting in list(self._dispatch.waiting()):
            if waiting.run_id not in self._queued or waiting.run_id in self._held:
                self._dispatch.withdraw(waiting.run_id)
        for run_id in self._queued:
            self._offer(run_id)

    def _offer(self, run_id: str) -> None:
        """Offer a run that trains alone; those of a trunk have their turn in `_offer_shared`."""
        if run_id not in self._held and self._trunks.trunk(run_id) is None:
            job = self._queued[run_id]
            self._dispatch.offer(job.waiting(self._forecast.seconds(job.run)))

    def _offer_shared(self) -> None:
        """Offer the runs of trunks that may start now, each with the cost of what waits for it."""
        waiting = self._trunks.members(self._queued) - self._held
        may_start = self._trunks.ready(waiting, self._running)
        for run_id in waiting - may_start.keys():
            self._dispatch.withdraw(run_id)
        for run_id, cost in may_start.items():
            self._dispatch.offer(self._queued[run_id].waiting(cost))

    def _stop(self, job: Job) -> None:
        if not job.stopping:
            job.stopping = True
            self._cluster.stop(job.run.id)

    @property
    def busy(self) -> bool:
        """Whether anything is in training or waits for a worker; what is held waits for a user."""
        return bool(self._running or self._queued.keys() - self._held)

    # one step

    def step(self, timeout: float = POLL_SECONDS) -> None:
        """Hand out what can be handed out, then wait for reports and record them.

        A database that does not answer is asked again in the next step, for at most PATIENCE_SECONDS; what workers
        report meanwhile is kept. Raises Unavailable after that, LeaseLost when another scheduler took over.
        """
        try:
            self._keep_lease()
            if self._trouble is not None:
                self._recover()
            self._look_for_requests()
            self._watch_ceilings()
            self._hand_out()
        except Unavailable as error:
            self._wait(error)
        self._reports += self._cluster.poll(timeout)
        self._fold_reports()

    def _keep_lease(self) -> None:
        if time.monotonic() - self._renewed > LEASE_SECONDS / 4:
            self._store.renew_lease(self._driver)
            self._renewed = time.monotonic()

    def _wait(self, error: Unavailable) -> None:
        if self._trouble is None:
            self._trouble = time.monotonic()
            log.warning("%s; what is in training goes on, and the database is asked again", error)
        if time.monotonic() - self._trouble > PATIENCE_SECONDS:
            raise error
        time.sleep(POLL_SECONDS)

    def _recover(self) -> None:
        """After trouble a move may have been made without our hearing of it: compare with the database."""
        self._fold_reports()
        self.reconcile()
        self._requests, self._trouble = -1, None
        log.warning("the database answers again")

    def _hand_out(self) -> None:
        if not self._has_room():
            return
        self._offer_shared()
        useful = self._dispatch.asked() + Counter(job.kind for job in self._running.values())
        self._cluster.want(useful)
        self._dispatch.set_idle(self._cluster.idle())
        claims = self._dispatch.claims()
        self._unmet.look(self._dispatch.asked(), self._cluster.kinds, self._queued, self._store, self._held)
        try:
            lost = self._trunks.lost(claim.run_id for claim in claims)
            kept = [claim for claim in claims if claim.run_id not in lost]
            self._claim([claim for claim in kept if self._reservations.open(self._queued[claim.run_id])])
        finally:
            for claim in claims:  # not begun: its sweep is held, its state is gone, or the database is away
                if claim.run_id not in self._running:
                    self._dispatch.release(claim.run_id)

    def _has_room(self) -> bool:
        if time.monotonic() < self._rest_until:
            return False
        free = self._artifacts.free_bytes()
        full = free is not None and free < FREE_BYTES
        if full != self._full:
            log.warning(
                "the disk of %s is full: nothing new starts until there is space" if full else "%s has space again",
                self._artifacts.url,
            )
        self._full = full
        return not full

    def _claim(self, claims: Sequence[Claim]) -> None:
        """Claim runs in one transaction and begin those that were still queued."""
        if not claims:
            return
        jobs = [self._queued[claim.run_id] for claim in claims]
        wanted = [(job.run.id, job.run.fence, claim.worker) for job, claim in zip(jobs, claims, strict=True)]
        seconds = {job.run.id: self._forecast.seconds(job.run) for job in jobs}
        known = {run_id: predicted for run_id, predicted in seconds.items() if predicted is not None}
        numbers = self._store.claim_all(wanted, self._driver, known)
        self.record_processes()
        for job, claim, number in zip(jobs, claims, numbers, strict=True):
            del self._queued[claim.run_id]
            if number is None:
                self._requests = -1  # cancelled, or taken meanwhile: read the queue anew
                continue
            self._running[claim.run_id] = job
            job.fence, job.began, job.stopping = number, time.monotonic(), False
            self._cluster.assign(claim.worker, self._assignment(job, claim.share))

    def _assignment(self, job: Job, share: float) -> Assignment:
        cell, run = job.run.cell, job.run
        return Assignment(
            run_id=run.id,
            fence=job.fence,
            config=run.config,
            artifacts=self._artifacts.url,
            sweep=f"{job.sweep.name}@{job.sweep.revision[:8]}",
            name=f"n{cell.params}_c{run.flops:.3g}_s{cell.seed}" if cell else run.id,
            facts=run_facts(run),
            tracking=self._tracking,
            checkpoints=run.checkpoints,
            checkpoint_seconds=self._checkpoint_seconds or checkpoint_interval(params_of(run), *self._losses),
            micro_batch=run.micro_batch,
            trunk=self._trunks.trunk(run.id),
            points=self._trunks.points(run.id),
            share=share,
        )

    def _watch_ceilings(self) -> None:
        for job in self._running.values():
            if not job.stopping and not self._reservations.grow(job):
                self._stop(job)

    # what came of it

    def _fold_reports(self) -> None:
        """Record what ended, in one transaction; what the database cannot take now is kept for the next step."""
        heard = [(r, self._running[r.run_id]) for r in self._reports if self._is_ours(r)]
        ends = [(r.run_id, r.fence, self._outcome(r, job)) for r, job in heard]
        try:
            states = self._end(ends)
            again = {
                run_id: self._store.run(run_id)
                for (run_id, _, _), state in zip(ends, states, strict=True)
                if state is RunState.QUEUED
            }
        except Unavailable as error:
            self._wait(error)
            return
        self._reports.clear()
        for (run_id, _, outcome), (_, job), state in zip(ends, heard, states, strict=True):
            del self._running[run_id]
            self._dispatch.release(run_id)
            self._trunks.ended(run_id, state is not None and state.terminal)
            if outcome.cause not in (Cause.DONE, Cause.PREEMPTED):
                log.warning("run %s: %s: %s", run_id, outcome.cause, outcome.detail.strip()[-400:])
            self._rest_after(outcome.cause)
            self._learn(job, outcome)
            if run_id in again:
                run = replace(again[run_id], role=job.run.role, cell=job.run.cell)
                self._queued[run_id] = Job(run, job.sweep, alone=job.alone or outcome.cause is Cause.OUT_OF_MEMORY)
                self._offer(run_id)

    def _learn(self, job: Job, outcome: Outcome) -> None:
        """Predict from what a run took, and now and then bring what waits into its new order."""
        if outcome.result is None:
            return
        taken = outcome.result["train_seconds"]
        self._forecast.learn(replace(job.run, seconds=taken, result=outcome.result))
        if time.monotonic() - self._ordered > ORDER_SECONDS:
            self._ordered = time.monotonic()
            self._offer_queued()

    def _is_ours(self, report: Report) -> bool:
        """Whether a report is of an attempt in our hands, and not settled by `reconcile` after trouble."""
        job = self._running.get(report.run_id)
        return job is not None and job.fence == report.fence

    def _outcome(self, report: Report, job: Job) -> Outcome:
        """What became of an attempt: what its worker said, or wrote down before it died."""
        outcome = replace(report.outcome, seconds=report.outcome.seconds or job.elapsed)
        if outcome.cause is Cause.LOST:
            logged = logged_outcome(self._artifacts.events(report.run_id, report.fence))
            outcome = replace(logged, seconds=outcome.seconds) if logged else outcome
        return outcome

    def _rest_after(self, cause: Cause) -> None:
        """A worker's full disk is no run's fault, but trying on at once would only fill the log."""
        if cause is Cause.DISK_FULL:
            self._rest_until = time.monotonic() + self._rest
            self._rest = min(2 * self._rest, REST_SECONDS[1])
        elif cause is Cause.DONE:
            self._rest = REST_SECONDS[0]

    def _end(self, ends: Sequence[tuple[str, int, Outcome]]) -> list[RunState | None]:
        """Record the ends of attempts; None for those that are no longer their run's."""
        states = self._store.end_all(ends) if ends else []
        for (run_id, fence, _), state in zip(ends, states, strict=True):
            if state is None:
                log.warning("run %s is no longer running in attempt %d: its end is refused", run_id, fence)
        return states

    # the loop

    def live(self) -> dict[str, dict[str, Any]]:
        """The latest event of each run in training, by run id."""
        events = self._cluster.progress()
        self._trunks.hear(events)
        return events

    def run(self, observe: Callable[[dict[str, dict[str, Any]]], None]) -> None:
        """Work until nothing is in training or waits for a worker; `observe` gets the live events."""
        while self.busy:
            self.step()
            observe(self.live())

    def drain(self, grace: float) -> None:
        """End running attempts with a checkpoint; their runs are queued again."""
        self._reports += self._cluster.stop_all(grace)
        self._fold_reports()


def run_facts(run: RunRecord) -> dict[str, Any]:
    """What wandb records of a run beside its configuration, by the names that `fit --wandb` reads."""
    named = ("params", "budget", "shape", "seed", "recipe", "vary")
    return ({name: getattr(run.cell, name) for name in named} if run.cell else {}) | {"role": run.role}
