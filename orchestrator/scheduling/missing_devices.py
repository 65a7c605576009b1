"""Sweeps that wait for a kind of device that no worker has: noticed, told to whoever looks, and forgotten in time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from orchestrator.attempts import Kinds
from orchestrator.scheduling.job import Job
from orchestrator.store import Store

log = logging.getLogger("isoflop.scheduler")

LOOK_SECONDS = 5.0
"""Shortest time between two looks."""
PATIENCE_SECONDS = 20.0
"""Time that a worker gets to come up before its kind counts as missing."""


@dataclass(slots=True)
class Unmet:
    """Kinds of device that runs wait for and no worker has."""

    since: dict[str, float] = field(default_factory=dict)
    """When each was first found missing, by the monotonic clock."""
    told: dict[int, str] = field(default_factory=dict)
    """What was noted last, by sweep."""
    looked: float = -LOOK_SECONDS

    def look(
        self,
        asked: Collection[str],
        kinds: Callable[[], Kinds],
        queued: Mapping[str, Job],
        store: Store,
        held: set[str],
    ) -> None:
        """Now and then note in the store which sweeps wait for which kind, and in the log where that is news.

        `asked` are the kinds that runs in dispatch wait for, `queued` the jobs by run, `held` those that wait for a
        user. Raises Unavailable.
        """
        now = time.monotonic()
        if now - self.looked < LOOK_SECONDS or not (self.told or self.since or any(asked)):
            return
        self.looked = now
        there = kinds()
        missing = [kind for kind in asked if not there.has(kind)]
        self.since = {kind: self.since.get(kind, now) for kind in missing}
        late = {kind for kind, first in self.since.items() if now - first >= PATIENCE_SECONDS}
        told = _sentences((job for run_id, job in queued.items() if run_id not in held), late, there) if late else {}
        if told or self.told:
            store.note_waits({sweep_id: sentence for sweep_id, (_, sentence) in told.items()})
        for sweep_id, (name, sentence) in told.items():
            if sweep_id not in self.told:
                log.warning("sweep %s %s", name, sentence)
        self.told = {sweep_id: sentence for sweep_id, (_, sentence) in told.items()}


def _sentences(jobs: Iterable[Job], late: Collection[str], there: Kinds) -> dict[int, tuple[str, str]]:
    """Name of each sweep that waits for one of the kinds, and what to tell of it, by sweep."""
    waiting = {job.sweep.id: (job.sweep.name, job.kind) for job in jobs if job.kind in late}
    remedy = "Add one, or cancel the sweep and submit it with another device"
    return {
        sweep_id: (name, f"waits for a worker of kind {kind}: {there}. {remedy}")
        for sweep_id, (name, kind) in waiting.items()
    }
