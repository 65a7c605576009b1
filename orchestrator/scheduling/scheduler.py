"""The loop that carries out what the queue decides, and records what came of it."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from orchestrator.attempts import LEASE_SECONDS, Outcome, Report, RunProgress, Staff, Tracking
from orchestrator.cluster.artifact_store import ArtifactStore
from orchestrator.cluster.attempt_log import logged_outcome, orphaned_outcome
from orchestrator.errors import ArtifactsAway
from orchestrator.scheduling.assigning import Assigning
from orchestrator.scheduling.disk_space import DiskSpace
from orchestrator.scheduling.driver import alive, end_leftovers, machine_id
from orchestrator.scheduling.executor import Executor
from orchestrator.scheduling.job import Job, leave_stack
from orchestrator.scheduling.queue import Queue
from orchestrator.scheduling.reservations import Reservations
from orchestrator.scheduling.stacks import StackSizes
from orchestrator.scheduling.waiting import Claim
from orchestrator.settings import Ceilings
from orchestrator.states import Cause, RunState
from orchestrator.store import Store, Unavailable
from orchestrator.store.outcomes import sound

log = logging.getLogger("isoflop.scheduler")

POLL_SECONDS = 0.5
"""Longest wait for a worker's report: bounds the age of the progress that is shown."""
PATIENCE_SECONDS = 900.0
"""Time for which a database or artifact store that does not answer is asked again, while workers go on training."""
AWAY = (Unavailable, ArtifactsAway)
"""What the scheduler has patience with."""
RECORD_SECONDS = 1.0
"""Shortest time between two looks at the driver's processes: finding them takes milliseconds."""


class Scheduler:
    """The one writer: claims, assigns, folds reports into the store. The database is its queue."""

    def __init__(
        self,
        store: Store,
        cluster: Executor,
        artifacts: ArtifactStore,
        tracking: Tracking,
        *,
        ceilings: Ceilings | None = None,
        checkpoint_seconds: float | None = None,
        stacked: int | None = None,
        by_memory: bool = False,
        shares: int | None = None,
    ) -> None:
        """A scheduler over a database and an executor; `take_over` makes it the one writer.

        So many runs are `stacked`, on every kind of device; None stacks on GPUs, where that is faster. GPUs are shared
        as was measured to be the fastest, of the `shares` that each has, or `by_memory`.
        """
        self._store, self._cluster, self._artifacts = store, cluster, artifacts
        self._reservations = Reservations(store, ceilings or Ceilings())
        self._queue = Queue(store, artifacts, StackSizes.of(stacked), by_memory=by_memory, shares=shares)
        forced = 0 if stacked is None or stacked == 1 else stacked
        self._assigning = Assigning(self._queue, artifacts, tracking, checkpoint_seconds, forced)
        self._running: dict[str, Job] = {}
        self._reports: list[Report] = []
        self._driver = 0
        self._recorded: list[int] = []
        self._looked: float | None = None
        self._renewed = time.monotonic()
        self._trouble: float | None = None
        self._space = DiskSpace(artifacts)

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
        """Close attempts that nobody works on: by the result in their log if there is one, else as orphaned."""
        for run in self._store.runs_in(RunState.RUNNING):
            if run.id not in self._running:
                logged, orphaned = self._logged(run.id, run.fence)
                (state,) = self._end([(run.id, run.fence, sound(logged or orphaned))])
                log.info("run %s of an interrupted scheduler: %s", run.id, state)

    def record_processes(self) -> None:
        """Record the workers' processes as they appear, so that a successor can end each by its id."""
        if self._looked is not None and time.monotonic() - self._looked < RECORD_SECONDS:
            return
        self._looked = time.monotonic()
        processes = self._cluster.processes()
        pids = [process.pid for process in processes]
        if pids != self._recorded:
            self._store.update_driver(self._driver, processes, self._cluster.folder)
            self._recorded = pids

    def finish(self) -> None:
        """Record that this driver leaves nothing behind; call it after the cluster is closed."""
        if self._driver:
            self._store.end_driver(self._driver)

    # what is to be done

    def follow(self, sweep_id: int | None = None) -> None:
        """Work on one sweep, or on all there are, now and whenever a user asks for something."""
        self._queue.follow(sweep_id)
        self._look_for_requests()

    def _look_for_requests(self) -> None:
        """Read the queue again if a user asked for something, and stop what is held by now."""
        self._queue.refresh(self._running.keys())
        for run_id, job in self._running.items():
            if self._queue.is_held(run_id):
                self._stop(job)

    def _stop(self, job: Job) -> None:
        """Ask a run in training, once, to leave a checkpoint and end."""
        if not job.stopping:
            job.stopping = True
            self._cluster.stop(job.run.id)

    @property
    def busy(self) -> bool:
        """Whether any run is in training or waits for a worker; what is held waits for a user."""
        return bool(self._running) or self._queue.has_work

    # one step

    def step(self, timeout: float = POLL_SECONDS) -> None:
        """Hand out what can start, then wait for reports and record them.

        A database or artifact store that does not answer is asked again in the next step, for at most PATIENCE_SECONDS;
        reports are kept meanwhile. Raises Unavailable or ArtifactsAway after that, LeaseLost when another scheduler has
        taken over.
        """
        try:
            self._keep_lease()
            if self._trouble is not None:
                self._recover()
            self._look_for_requests()
            self._watch_ceilings()
            self._hand_out()
        except AWAY as error:
            self._wait(error)
        self._reports += self._cluster.poll(timeout)
        self._fold_or_keep()

    def _keep_lease(self) -> None:
        """Renew the scheduler's lease long before it expires."""
        if time.monotonic() - self._renewed > LEASE_SECONDS / 4:
            self._store.renew_lease(self._driver)
            self._renewed = time.monotonic()

    def _wait(self, error: Unavailable | ArtifactsAway) -> None:
        """Have patience with a database or an artifact store that does not answer, up to a limit."""
        if self._trouble is None:
            self._trouble = time.monotonic()
            log.warning("%s; runs in training go on, and it is asked again", error)
        if time.monotonic() - self._trouble > PATIENCE_SECONDS:
            raise error
        time.sleep(POLL_SECONDS)

    def _recover(self) -> None:
        """Compare with the database after trouble: it may have made a move whose confirmation was lost."""
        self._fold_reports()
        self.reconcile()
        self._queue.forget()
        self._trouble = None
        log.warning("the database and the artifact store answer again")

    def _hand_out(self) -> None:
        """Claim what should start now, and give it to workers."""
        if not self._space.has_room():
            return
        self._queue.offer_shared(self._running.keys())
        self._cluster.want(self._queue.asked() + Counter(job.kind for job in self._running.values()))
        self._queue.note_missing(self._cluster.kinds)
        claims = self._queue.claims(self._cluster.idle())
        try:
            kept = {claim.run_id: claim for claim in self._queue.with_states(claims)}
            jobs = self._reservations.opened([self._queue.job(run_id) for run_id in kept])
            self._claim([kept[job.run.id] for job in jobs])
        finally:
            for claim in claims:  # did not start: its sweep is held, its state is gone, or the database is away
                if claim.run_id not in self._running:
                    self._queue.release(claim.run_id)

    def _claim(self, claims: Sequence[Claim]) -> None:
        """Claim runs in one transaction and begin those that were still queued."""
        if not claims:
            return
        jobs = [self._queue.job(claim.run_id) for claim in claims]
        where = (self._queue.shown(claim.worker) for claim in claims)
        wanted = [(job.run.id, job.run.fence, worker) for job, worker in zip(jobs, where, strict=True)]
        seconds = {job.run.id: self._queue.seconds(job) for job in jobs}
        known = {run_id: predicted for run_id, predicted in seconds.items() if predicted is not None}
        numbers = self._store.claim_all(wanted, self._driver, known)
        self.record_processes()
        given: dict[tuple[str, tuple[str, ...]], list[Job]] = {}
        for claim, number in zip(claims, numbers, strict=True):
            job = self._queue.take(claim.run_id)
            if number is None:
                self._queue.forget()  # cancelled, or taken meanwhile
                continue
            self._running[claim.run_id] = job
            job.begin(number, claim.share, claim.of_device)
            given.setdefault((claim.worker, claim.enters), []).append(job)
        for (worker, entered), jobs in given.items():
            assignments, failed = self._assigning.together(worker, jobs, [self._running[run_id] for run_id in entered])
            self._reports += failed
            for assignment in assignments:
                self._cluster.assign(worker, assignment)

    def _watch_ceilings(self) -> None:
        """Stop runs that would exceed a ceiling of device-seconds."""
        for job in self._running.values():
            if not job.stopping and not self._reservations.grow(job):
                self._stop(job)

    # what came of it

    def _fold_or_keep(self) -> None:
        """Record what ended; what cannot be recorded now is kept for the next step."""
        try:
            self._fold_reports()
        except AWAY as error:
            self._wait(error)

    def _fold_reports(self) -> None:
        """Record what ended, in one transaction. Raises Unavailable, ArtifactsAway: nothing is recorded then."""
        # An executor may report an attempt twice: the first report counts.
        first = {report.run_id: report for report in reversed(self._reports) if self._is_ours(report)}
        ended = [(report, self._running[run_id]) for run_id, report in first.items()]
        ends = [(report.run_id, report.fence, self._outcome(report, job)) for report, job in ended]
        states = self._end(ends)
        queued = {
            run_id: self._store.run(run_id)
            for (run_id, _, _), state in zip(ends, states, strict=True)
            if state is RunState.QUEUED
        }
        self._reports.clear()
        for (run_id, _, outcome), (_, job), state in zip(ends, ended, states, strict=True):
            del self._running[run_id]
            leave_stack(job, self._running)
            self._queue.note_end(run_id, finished=state is not None and state.terminal, result=outcome.result)
            if outcome.cause not in (Cause.DONE, Cause.PREEMPTED):
                log.warning("run %s: %s: %s", run_id, outcome.cause, outcome.detail.strip()[-400:])
            self._space.note(outcome.cause)
            if outcome.cause is Cause.DONE and state is RunState.DONE:
                self._queue.learn(job, outcome)
            if run_id in queued:
                self._queue.put_back(job, queued[run_id], outcome.cause)

    def _is_ours(self, report: Report) -> bool:
        """Whether a report is of an attempt in our hands, which `reconcile` has not settled after trouble."""
        job = self._running.get(report.run_id)
        return job is not None and job.fence == report.fence

    def _outcome(self, report: Report, job: Job) -> Outcome:
        """What became of an attempt: what its worker reported, or logged before it died. Raises ArtifactsAway."""
        outcome = replace(report.outcome, seconds=report.outcome.seconds or job.elapsed, share=job.share)
        if outcome.cause is Cause.LOST:
            logged, orphaned = self._logged(report.run_id, report.fence)
            reached = max(outcome.flops, orphaned.flops)
            outcome = replace(logged or outcome, seconds=outcome.seconds, flops=reached, share=job.share)
        return sound(outcome)

    def _logged(self, run_id: str, fence: int) -> tuple[Outcome | None, Outcome]:
        """What an attempt logged: its result, if it came to one, and how far it was. Raises ArtifactsAway."""
        try:
            events = self._artifacts.events(run_id, fence)
            return logged_outcome(events), orphaned_outcome(events)
        except ArtifactsAway:
            raise
        except Exception as error:  # noqa: BLE001 - one log must not keep all other runs from being scheduled
            log.warning("the log of run %s, attempt %d, cannot be read, and counts as empty: %s", run_id, fence, error)
            return None, orphaned_outcome([])

    def _end(self, ends: Sequence[tuple[str, int, Outcome]]) -> list[RunState | None]:
        """Record the ends of attempts (run, number, outcome); None for those that are no longer their run's."""
        states = self._store.end_all(ends) if ends else []
        for (run_id, fence, _), state in zip(ends, states, strict=True):
            if state is None:
                log.warning("run %s is no longer running in attempt %d: its end is refused", run_id, fence)
        return states

    def staff(self) -> Staff:
        """Who works, and for how long nothing could be recorded."""
        return self._cluster.staff(0.0 if self._trouble is None else time.monotonic() - self._trouble)

    def live(self) -> dict[str, RunProgress]:
        """How far each run in training is, by run id."""
        live = self._cluster.progress()
        self._queue.note_progress(live)
        return live

    def run(self, observe: Callable[[dict[str, RunProgress]], None]) -> None:
        """Work until nothing is in training or waits for a worker; `observe` gets the progress of what trains."""
        while self.busy:
            self.step()
            observe(self.live())

    def drain(self, grace: float) -> None:
        """End running attempts with a checkpoint, within `grace` seconds; their runs are queued again."""
        self._reports += self._cluster.stop_all(grace)
        self._fold_or_keep()
