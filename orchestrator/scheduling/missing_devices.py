"""Sweeps that wait for a kind of device that no worker has: noticed, noted in the store, and cleared in time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable
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
class MissingDevices:
    """Kinds of device that runs wait for and no worker has."""

    since: dict[str, float] = field(default_factory=dict)
    """When each was first found missing, by the monotonic clock."""
    noted: set[int] = field(default_factory=set)
    """Sweeps that the store says are waiting, by id."""
    looked: float = -LOOK_SECONDS
    """When the last look was, by the monotonic clock."""

    def look(
        self,
        asked: Collection[str],
        kinds: Callable[[], Kinds],
        waiting: Iterable[Job],
        store: Store,
    ) -> None:
        """Now and then note in the store which sweeps wait for which kind, and log those that are new.

        `asked` are the kinds that runs in dispatch wait for, `waiting` the queued runs that are not held. Raises
        Unavailable.
        """
        now = time.monotonic()
        if now - self.looked < LOOK_SECONDS or not (self.noted or self.since or any(asked)):
            return
        self.looked = now
        present = kinds()
        missing = [kind for kind in asked if not present.has(kind)]
        self.since = {kind: self.since.get(kind, now) for kind in missing}
        late = {kind for kind, first in self.since.items() if now - first >= PATIENCE_SECONDS}
        sweeps = {job.sweep.id: job for job in waiting if job.kind in late} if late else {}
        sentences = {sweep_id: _sentence(job.kind, present) for sweep_id, job in sweeps.items()}
        if sentences or self.noted:
            store.note_waits(sentences)
        for sweep_id in sentences.keys() - self.noted:
            log.warning("sweep %s %s", sweeps[sweep_id].sweep.name, sentences[sweep_id])
        self.noted = set(sentences)


def _sentence(kind: str, present: Kinds) -> str:
    """What a sweep waits for, what there is instead, and the remedy."""
    remedy = "Add one, or cancel the sweep and submit it with another device"
    return f"waits for a worker of kind {kind}: {present}. {remedy}"
