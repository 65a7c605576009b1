"""A pool of warm worker processes on Ray that carry out attempts and report how they ended."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from orchestrator.attempts import Assignment, Kinds, ProcessRecord, Report, RunProgress, Slot, Staff
from orchestrator.cluster.head_watch import HeadLost, HeadWatch
from orchestrator.cluster.own_processes import own_family
from orchestrator.cluster.placement import demand_of, workers_by_kind
from orchestrator.cluster.pool_worker import PoolWorker, core_of, staff_of
from orchestrator.cluster.private_folder import PrivateFolder
from orchestrator.cluster.ray_session import Actor, ClusterError, FailedStart, RaySession, Reference
from orchestrator.settings import HEAD_SECONDS
from tokenizer.errors import ExpectedError

log = logging.getLogger("isoflop.cluster")
MAX_FAILED_STARTS = 3
"""Worker processes that may die in a row before they have imported everything."""
MAX_LOSSES = 3
"""Times that a Ray of our own is started again while no attempt comes to an end."""
CLOSE_SECONDS = 20.0
"""Longest that workers get at the end for the last records of their wandb mirrors: a busy machine takes more than 5."""
SILENCE_MARGIN = 15.0
"""Seconds beyond a lease until its worker counts as lost: time to finish a step and leave a checkpoint."""
STUCK_SECONDS = 30.0
"""Time after which a worker that waits for a node no longer takes the room of another."""
IDLE_SECONDS = 30.0
"""Time for which a worker of a Ray cluster stays without an attempt before its node may go."""


class Cluster:
    """A pool of warm workers on a local Ray, or on the one at `address`.

    Locally there are `workers` of them for as long as the pool lives. On a cluster `workers` is the most there may be:
    as many as have something to do are requested, and idle ones end, so that an autoscaler adds and removes nodes.
    Workers for runs that need a kind of device are requested with it. Each GPU has `shares` workers. `gpus` is the
    number of GPUs even if torch uses another `device`; by default a local Ray looks for them. Ray's head may be silent
    for `head_seconds`. A local Ray that dies is started again with its workers, whose attempts are lost; it admits only
    who knows the secret in the file `token`, and its workers do not have the variables in `hidden`.
    """

    def __init__(
        self,
        *,
        workers: int,
        device: str,
        token: Path,
        hidden: frozenset[str] = frozenset(),
        address: str = "local",
        shares: int = 1,
        gpus: int | None = None,
        head_seconds: float = HEAD_SECONDS,
    ) -> None:
        """Describe the pool; `start` starts it. Raises FolderError."""
        self._private = PrivateFolder()
        self.folder = str(self._private.path)
        """Folder of this driver's temporary files, which a successor deletes if it is left behind."""
        self._ray = RaySession(address, self._private, token, hidden)
        self._most = workers
        self._device = device
        self._shares = shares
        self._gpus = gpus
        self._gpu = bool(gpus) or device.startswith("cuda")
        self._head_seconds = head_seconds
        self._head: HeadWatch | None = None
        self._pool: list[PoolWorker] = []
        self._identity = ("", 0)
        self._losses = 0
        self._lost: HeadLost | None = None
        self._failed_starts = 0
        self._next_index = 0

    def start(self, identity: str, driver: int) -> None:
        """Start Ray and the workers; they import in the background.

        The workers' names say to which database (`identity`) and driver they belong: those that an earlier driver of
        this database left on a Ray cluster are ended.

        Raises ClusterError, FolderError.
        """
        self._identity = identity, driver
        self._launch()

    def _launch(self) -> None:
        """Start Ray, and request the workers of a local one; on a cluster, `want` does."""
        self._ray.start(max(self._most, 1), self._gpus)
        self._head = self._ray.watch_head(self._head_seconds)
        self._ray.claim_names(*self._identity)
        self._pool = [self._new_worker() for _ in range(self._most)] if self._ray.local else []

    def want(self, useful: Mapping[str, int]) -> None:
        """Say how many workers would have an attempt, by kind of device; on a cluster their numbers follow.

        Raises HeadLost.
        """
        if self._ray.local:
            return
        ready = Counter(w.kind for w in self._pool if w.location is not None)
        stuck = {w.kind for w in self._pool if w.waits_for_node(STUCK_SECONDS)}
        wanted = workers_by_kind(useful, ready, self._most, stuck)
        have = Counter(w.kind for w in self._pool)
        # If another kind waits for room, workers that have nothing to do make room at once.
        crowded = self._room() <= 0 and any(have[kind] < number for kind, number in wanted.items())
        for worker in list(reversed(self._pool)):
            dispensable = worker.location is None or worker.is_idle_for(0.0 if crowded else IDLE_SECONDS)
            if have[worker.kind] > wanted.get(worker.kind, 0) and dispensable:
                have[worker.kind] -= 1
                self._pool.remove(worker)
                self._close_workers([worker])
        for kind, number in wanted.items():
            while have[kind] < number and (kind in stuck or self._room() > 0):
                # To request a worker from a silent head would block, and Ray may end this process.
                if not self._head_answers():
                    return
                have[kind] += 1
                self._pool.append(self._new_worker(kind))

    def _room(self) -> int:
        """Workers that there may be in addition to those that are ready or soon will be."""
        return self._most - sum(not worker.waits_for_node(STUCK_SECONDS) for worker in self._pool)

    def kinds(self) -> Kinds:
        """Which kinds of device the workers have, busy or not, and which the nodes declare. Raises HeadLost."""
        ready = tuple(worker.slot(self._shares) for worker in self._pool if worker.location is not None)
        reached = not self._ray.local and self._head_answers()
        return Kinds(ready, tuple(self._ray.accelerators()) if reached else ())

    def _head_answers(self) -> bool:
        """Whether Ray's head answers now. Raises HeadLost."""
        return self._head is not None and self._head.answers(now=True)

    def _new_worker(self, kind: str = "") -> PoolWorker:
        """Request a worker for runs of a kind of device."""
        index, self._next_index = self._next_index, self._next_index + 1
        return PoolWorker(index, kind, *self._new_process(index, kind))

    def _new_process(self, index: int, kind: str) -> tuple[Actor, Reference]:
        """Request the process of a worker."""
        demand = demand_of(self._gpu, self._shares, kind, self._ray.accelerators() if kind else ())
        # If GPUs are only declared, torch uses the pool's own device on them, too.
        device = "cpu" if not demand.num_gpus else self._device if self._gpu else "cuda"
        pinned = self._ray.local and self._device == "cpu"
        return self._ray.new_worker(demand, device, core_of(index) if pinned else None)

    def staff(self, lag_seconds: float) -> Staff:
        """How many workers are ready, and how many of them have a run."""
        return staff_of(self._pool, lag_seconds)

    def idle(self) -> list[Slot]:
        """Slots of the workers that are ready and have nothing to do. Raises ClusterError if workers cannot start."""
        waiting = [worker for worker in self._pool if not worker.given]
        ready = self._ray.fulfilled([worker.ready for worker in waiting])
        return [w.slot(self._shares) for w in waiting if w.ready in ready and self._has_started(w)]

    def _has_started(self, worker: PoolWorker) -> bool:
        """Look at a worker's start: one that died is replaced, one that cannot import ends the scheduler."""
        if worker.location is not None:
            return True
        started = self._ray.location_of(worker.ready)
        if isinstance(started, FailedStart):
            if started.out_of_memory and any(other.location for other in self._pool):
                log.warning("%s while it started: the others go on without it", started.reason)
                self._drop(worker)
                return False
            # A node that goes takes all workers with it that start on it: that is no fault of theirs.
            self._failed_starts += not started.node_died
            if self._failed_starts >= MAX_FAILED_STARTS:
                raise ClusterError(f"workers die while they start: {started.reason}")
            self._replace(worker)
            return False
        worker.location, worker.last_seen = started, time.monotonic()
        self._failed_starts = 0
        return True

    def assign(self, worker: str, assignment: Assignment) -> None:
        """Hand an attempt to an idle worker, or one of a stack to the worker that has the others."""
        chosen = next(w for w in self._pool if w.name == worker)
        chosen.begin(assignment, self._ray.train(chosen.actor, assignment))

    def poll(self, timeout: float) -> list[Report]:
        """Wait up to `timeout` seconds for attempts to end, and report those that did.

        Raises HeadLost.
        """
        if self._lost is not None:
            raise self._lost
        try:
            if self._head is not None:
                self._head.answers()
        except HeadLost as lost:
            if not self._ray.local:
                raise
            return self._start_again(lost)
        busy = self._promises()
        coming = {worker.ready for worker in self._pool if worker.location is None}
        starting = coming - self._ray.fulfilled(coming)
        if not busy and not starting:
            time.sleep(timeout)
            return []
        self._ray.fulfilled([*busy, *starting], timeout, least=1)
        return self._reports(self._ray.fulfilled(busy)) + self._silent()

    def _promises(self) -> list[Reference]:
        """The promises of outcomes of all attempts."""
        return [each.outcome for worker in self._busy() for each in worker.given.values()]

    def _start_again(self, lost: HeadLost) -> list[Report]:
        """Replace a Ray of our own that is gone, and its workers; reports their attempts as lost.

        If that does not help, the next `poll` raises HeadLost.
        """
        reports = [report for worker in self._busy() for report in worker.lost(f"{lost}")]
        self._pool, self._head, self._losses = [], None, self._losses + 1
        again = self._losses <= MAX_LOSSES
        if again:
            log.warning("%s: it is started again, and runs in training go on from their checkpoints", lost)
        self._ray.end()
        if not again:
            remedy = "see whether this machine runs out of memory (dmesg), then start isoflop again"
            self._lost = HeadLost(f"{lost}, {self._losses} times in a row: {remedy}")
            return reports
        try:
            self._launch()
        except ExpectedError as error:
            self._ray.end()
            self._lost = HeadLost(f"{lost}, and cannot be started again: {error}")
        return reports

    def _busy(self) -> list[PoolWorker]:
        """The workers that have attempts."""
        return [worker for worker in self._pool if worker.given]

    def _silent(self) -> list[Report]:
        """Give up the attempts whose worker was silent for longer than its lease: it has stopped by itself."""
        reports = []
        for worker in [worker for worker in self._pool if worker.is_overdue(SILENCE_MARGIN)]:
            reports += worker.lost("its worker does not answer")
            self._replace(worker)
            worker.end_all()
        return reports

    def _reports(self, done: Collection[Reference]) -> list[Report]:
        """How the attempts ended whose promises are done; workers that died are replaced."""
        reports = []
        for worker in self._busy():
            ended = worker.ended(done, self._ray.outcome_of)
            reports += ended
            if not worker.alive:
                self._replace(worker)
            elif ended:
                self._losses = 0
        return reports

    def _replace(self, worker: PoolWorker) -> None:
        """Replace the process of a worker; on a cluster drop the worker, and `want` requests what is missing."""
        if not self._ray.local:
            self._drop(worker)
            return
        self._ray.kill(worker.actor)
        worker.restart(*self._new_process(worker.index, worker.kind))

    def _drop(self, worker: PoolWorker) -> None:
        """End the process of a worker and forget the worker."""
        self._ray.kill(worker.actor)
        self._pool.remove(worker)

    def progress(self) -> dict[str, RunProgress]:
        """How far each run in training is, by run id, as of the workers' last answers; asks for the next ones."""
        for worker in self._busy():
            if worker.asked is not None:
                if not self._ray.fulfilled([worker.asked]):
                    continue
                if (answer := self._ray.progress_of(worker.asked)) is not None:
                    worker.note(answer)
            worker.asked = self._ray.ask_progress(worker.actor)
        return {run_id: progress for worker in self._pool for run_id, progress in worker.live(self._shares).items()}

    def stop(self, run_id: str) -> None:
        """Ask a run in training to leave a checkpoint and end; its report follows."""
        for worker in self._busy():
            if run_id in worker.given:
                self._ray.stop(worker.actor, worker.given[run_id].assignment)

    def stop_all(self, grace: float) -> list[Report]:
        """Ask every run in training to leave a checkpoint, and report those that ended within `grace` seconds."""
        for worker in self._busy():
            for each in worker.given.values():
                self._ray.stop(worker.actor, each.assignment)
        return self._reports(self._ray.fulfilled(self._promises(), timeout=grace))

    def processes(self) -> list[ProcessRecord]:
        """This process and all that it started."""
        return own_family()

    def close(self) -> None:
        """End the workers, and Ray if it is ours."""
        if self._head is not None:
            try:
                if not self._ray.local or self._head_answers():
                    self._close_workers(self._pool)
            except HeadLost as lost:
                log.warning("%s", lost)  # its workers ended with it
            finally:
                self._pool = []
                self._ray.end()
        self._private.remove()

    def _close_workers(self, workers: Sequence[PoolWorker]) -> None:
        """End workers; one that never became ready would keep us waiting for nothing, so it gets no time."""
        ready = [worker.actor for worker in workers if worker.location is not None]
        others = [worker.actor for worker in workers if worker.location is None]
        for note in self._ray.close_workers(ready, others, CLOSE_SECONDS):
            log.warning("%s", note)
