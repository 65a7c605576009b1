"""Device-seconds that runs in training may take: reserved a moment ahead, never beyond a ceiling."""

from __future__ import annotations

import logging
import time

from orchestrator.scheduling.job import Job
from orchestrator.settings import Ceilings
from orchestrator.states import Hold
from orchestrator.store import CeilingExceeded, Store

log = logging.getLogger("isoflop.scheduler")

STOP_SECONDS = 5.0
"""Time that an attempt may need to stop: reservations grow this much ahead."""
GROWTH_SECONDS = 10.0
"""Device-seconds by which a reservation grows when a run takes longer than predicted."""


class Reservations:
    """Keeps runs in training within what is reserved for them. `ceilings` are each user's."""

    def __init__(self, store: Store, ceilings: Ceilings) -> None:
        """Reservations in `store` under the `ceilings` of each user."""
        self._store = store
        self._ceilings = ceilings

    def open(self, job: Job) -> bool:
        """Whether a run may still take a moment of a device; its sweep is paused if it may not."""
        if job.sweep.ceiling_seconds is None and self._ceilings.seconds is None:
            return True
        counted = [a for a in self._store.attempts_of(job.run.id) if a.number > job.run.counted_from]
        job.earlier = sum(a.seconds or 0.0 for a in counted)
        job.reserved = self._store.reserved_seconds([job.run.id]).get(job.run.id, 0.0)
        job.began = time.monotonic()
        return self.grow(job)

    def grow(self, job: Job) -> bool:
        """Grow a reservation ahead of what the run takes. If a ceiling forbids it, pause the sweep and return False."""
        needed = job.earlier + job.elapsed + STOP_SECONDS
        if needed <= job.reserved:
            return True
        try:
            self._store.extend(job.run.id, needed + GROWTH_SECONDS, self._ceilings)
        except CeilingExceeded as error:
            log.warning("sweep %s is paused: %s", job.sweep.name, error)
            self._store.hold(job.sweep.id, Hold.PAUSED, str(error))
            return False
        job.reserved = needed + GROWTH_SECONDS
        return True
