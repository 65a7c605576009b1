"""Device-seconds that runs in training may take: reserved a moment ahead, never beyond a ceiling."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from orchestrator.scheduling.job import Job
from orchestrator.settings import Ceilings
from orchestrator.states import Hold
from orchestrator.store import CeilingExceeded, OpenCharge, Store

log = logging.getLogger("isoflop.scheduler")

STOP_SECONDS = 5.0
"""Time that an attempt may need to stop: reservations grow this much ahead."""
GROWTH_SECONDS = 10.0
"""Device-seconds by which a reservation grows when a run takes longer than predicted."""


class Reservations:
    """Keeps runs in training within what is reserved for them. `ceilings` are each user's.

    Of a run's sweeps the one with its open charge pays, and is paused where it may not. Another one that still wants
    the run pays from then on, within ceilings of its own.
    """

    def __init__(self, store: Store, ceilings: Ceilings) -> None:
        """Reservations in `store` under the `ceilings` of each user."""
        self._store = store
        self._ceilings = ceilings

    def opened(self, jobs: Sequence[Job]) -> list[Job]:
        """Those of some queued runs that may take a moment of a device; the sweeps of the others are paused."""
        charges = self._store.open_charges([job.run.id for job in jobs]) if jobs else {}
        return [job for job in jobs if self._open(job, charges.get(job.run.id))]

    def _open(self, job: Job, charge: OpenCharge | None) -> bool:
        """Whether a queued run may take a moment of a device."""
        if charge is None or (charge.held and charge.sweep_id != job.sweep.id):
            try:
                charge = self._store.hand_over(job.run.id, job.sweep.id, self._ceilings)
            except CeilingExceeded as error:
                self._pause(job.sweep.id, job.sweep.name, error)
                return False
        job.payer, job.payer_name = charge.sweep_id, charge.sweep
        job.earlier, job.began = charge.taken, time.monotonic()
        unlimited = charge.ceiling_seconds is None and self._ceilings.seconds is None and not charge.quota
        job.reserved = float("inf") if unlimited else charge.reserved
        return self.grow(job)

    def grow(self, job: Job) -> bool:
        """Grow a reservation ahead of what the run takes. If a ceiling forbids it, pause who pays and return False."""
        needed = job.earlier + job.elapsed + STOP_SECONDS
        if needed <= job.reserved:
            return True
        try:
            self._store.extend(job.run.id, needed + GROWTH_SECONDS, self._ceilings)
        except CeilingExceeded as error:
            self._pause(job.payer, job.payer_name, error)
            return False
        job.reserved = needed + GROWTH_SECONDS
        return True

    def _pause(self, sweep_id: int, name: str, error: CeilingExceeded) -> None:
        """Pause a sweep that may not pay for a run."""
        log.warning("sweep %s is paused: %s", name, error)
        self._store.hold(sweep_id, Hold.PAUSED, error.reason, unless_held=True)
