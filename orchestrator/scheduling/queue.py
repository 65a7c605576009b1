"""The runs that wait, as the database has them; which of them start next, `dispatch.py` decides."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from orchestrator.attempts import Kinds, Outcome, RunProgress, Slot
from orchestrator.cluster.artifact_store import ArtifactStore
from orchestrator.scheduling.dispatch import Dispatch
from orchestrator.scheduling.durations import LATEST, Durations
from orchestrator.scheduling.job import Job
from orchestrator.scheduling.missing_devices import MissingDevices
from orchestrator.scheduling.stacks import StackSizes
from orchestrator.scheduling.trunks import Trunks
from orchestrator.scheduling.waiting import Claim, Waiting
from orchestrator.states import Cause, RunState
from orchestrator.store import LostAttempts, RunRecord, Store

ORDER_SECONDS = 10.0
"""Shortest time between two updates of the order of all that waits."""


class Queue:
    """The runs that wait, as the database has them, and the choice of those that start next."""

    def __init__(
        self,
        store: Store,
        artifacts: ArtifactStore,
        stacks: StackSizes | None = None,
        *,
        by_memory: bool = False,
        shares: int | None = None,
    ) -> None:
        """A queue over a database and the store of artifacts; empty until it is read.

        As many runs share a device as were measured to be the fastest, of the `shares` that it has, or `by_memory` as
        many as it holds.
        """
        self._by_memory, self._shares = by_memory, shares
        self._store = store
        self._trunks = Trunks(artifacts)
        self._dispatch = Dispatch(stacks)
        self._durations = Durations()
        self._missing = MissingDevices()
        self._jobs: dict[str, Job] = {}
        self._held: set[str] = set()
        self._only: int | None = None
        self._shown: dict[str, str] = {}
        self._requests: int | None = None
        self._ordered = 0.0
        self.lost_attempts = LostAttempts()
        """How often attempts were lost, as of the last look at the database."""

    # what waits

    def follow(self, sweep_id: int | None) -> None:
        """Work on one sweep, or on all there are."""
        self._only = sweep_id
        self.forget()

    def forget(self) -> None:
        """Read the database again at the next look, even if no user asked for anything."""
        self._requests = None

    def refresh(self, running: Collection[str]) -> None:
        """Read the database again if a user asked for something since the last look.

        `running` are the runs in training. Raises Unavailable.
        """
        requests = self._store.requests()
        if requests == self._requests:
            return
        if self._requests is None and not len(self._durations):
            self._durations = Durations.of(self._store.latest_done(LATEST))
        only = self._only
        sweeps = self._store.sweeps_with_queued() if only is None else [self._store.sweep_by_id(only)]
        jobs: dict[str, Job] = {}
        for sweep in sorted(sweeps, key=lambda s: s.held is None):  # of several sweeps the latest not held one counts
            for run in self._store.runs_of(sweep.id, None, RunState.QUEUED):
                if run.id not in running:
                    jobs[run.id] = Job(run, sweep)
        self.lost_attempts = self._store.lost_attempts()
        # What is followed alone rests with its sweep, even if another sweep, which is not followed, wants it.
        resting = {run_id for run_id, job in jobs.items() if job.sweep.held is not None}
        if only is not None and sweeps[0].held is not None:
            resting.update(running)
        self._jobs, self._held, self._requests = jobs, self._store.held_runs() | resting, requests
        self._trunks.read(self._store.unfinished_on_trunks())
        self._dispatch.weigh(self._store.weights())
        self._offer_all()

    def is_held(self, run_id: str) -> bool:
        """Whether all sweeps of a run, queued or in training, were held at the last look."""
        return run_id in self._held

    @property
    def has_work(self) -> bool:
        """Whether any run waits for a worker; what is held waits for a user."""
        return bool(self._jobs.keys() - self._held)

    def job(self, run_id: str) -> Job:
        """A run that waits."""
        return self._jobs[run_id]

    def take(self, run_id: str) -> Job:
        """Remove a run, which was claimed or is no longer queued."""
        return self._jobs.pop(run_id)

    def put_back(self, job: Job, run: RunRecord, cause: Cause) -> None:
        """Let a run whose attempt ended wait again, as the database has it now."""
        alone = job.alone or (bool(job.stack) and cause is not Cause.PREEMPTED)
        self._jobs[run.id] = Job(replace(run, role=job.run.role, cell=job.run.cell), job.sweep, alone=alone)
        self._offer(run.id)

    # in which order

    def _offer_all(self) -> None:
        """Let dispatch hand out what may start, and nothing else."""
        for waiting in list(self._dispatch.waiting()):
            if waiting.run_id not in self._jobs or waiting.run_id in self._held:
                self._dispatch.withdraw(waiting.run_id)
        for run_id in self._jobs:
            self._offer(run_id)

    def _offer(self, run_id: str) -> None:
        """Offer a run that trains alone; `offer_shared` offers those of trunks."""
        if run_id not in self._held and self._trunks.trunk(run_id) is None:
            job = self._jobs[run_id]
            self._dispatch.offer(self._as_waiting(job, self.seconds(job)))

    def offer_shared(self, running: Collection[str]) -> None:
        """Offer the runs of trunks that may start now, each with the work that depends on it."""
        waiting = self._trunks.members(self._jobs) - self._held
        may_start = self._trunks.ready(waiting, running)
        for run_id in waiting - may_start.keys():
            self._dispatch.withdraw(run_id)
        for run_id, work in may_start.items():
            self._dispatch.offer(self._as_waiting(self._jobs[run_id], work))

    def _as_waiting(self, job: Job, work: float | None) -> Waiting:
        """A queued run as dispatch sees it."""
        return job.waiting(work, by_memory=self._by_memory, shares=self._shares)

    def asked(self) -> Counter[str]:
        """How many runs may start, by the kind of device that they ask for; empty for any."""
        return self._dispatch.asked()

    def note_missing(self, kinds: Callable[[], Kinds]) -> None:
        """Note in the store which sweeps wait for a kind of device that no worker has. Raises Unavailable."""
        waiting = (job for run_id, job in self._jobs.items() if run_id not in self._held)
        self._missing.look(self.asked(), kinds, waiting, self._store)

    def claims(self, idle: Iterable[Slot]) -> list[Claim]:
        """What should start now on these idle slots. Each claim holds its slot until `release`."""
        slots = list(idle)
        self._shown |= {slot.name: slot.shown for slot in slots}
        self._dispatch.set_idle(slots)
        return self._dispatch.claims()

    def shown(self, worker: str) -> str:
        """A worker that was idle before, as it is stored and shown with its runs."""
        return self._shown[worker]

    def with_states(self, claims: Collection[Claim]) -> list[Claim]:
        """The claims but those of runs that would start from a trunk's state that is no longer kept."""
        lost = self._trunks.lost(claim.run_id for claim in claims)
        return [claim for claim in claims if claim.run_id not in lost]

    def release(self, run_id: str) -> None:
        """Free the shares of a device that a claimed run had: it ended, or did not start."""
        self._dispatch.release(run_id)

    # what is known of them

    def seconds(self, job: Job) -> float | None:
        """Predicted seconds of a run, as far as anything is known."""
        return self._durations.seconds(job.run)

    def learn(self, job: Job, outcome: Outcome) -> None:
        """Learn from what a finished run took, and now and then update the order of what waits."""
        if outcome.result is None:
            return
        self._durations.learn(replace(job.run, seconds=outcome.result["train_seconds"], result=outcome.result))
        if time.monotonic() - self._ordered > ORDER_SECONDS:
            self._ordered = time.monotonic()
            self._offer_all()

    def trunk(self, run_id: str) -> str | None:
        """The trunk of a run; None if it trains alone."""
        return self._trunks.trunk(run_id)

    def points(self, run_id: str) -> tuple[int, ...]:
        """Steps at which a run keeps its trunk's states."""
        return self._trunks.points(run_id)

    def note_progress(self, live: Mapping[str, RunProgress]) -> None:
        """Note the states that runs in training have kept."""
        self._trunks.note_kept({run_id: progress.kept for run_id, progress in live.items()})

    def note_end(self, run_id: str, *, finished: bool, result: Mapping[str, Any] | None = None) -> None:
        """Note that an attempt ended, with its result if it has one, and free its device.

        `finished` if its run gets no other attempt.
        """
        stacked = bool(((result or {}).get("implementation") or {}).get("stacked"))
        self._dispatch.release(run_id, computed=stacked)
        self._trunks.ended(run_id, finished)
