"""Whether the disks of the artifact store and of the workers have space for another attempt."""

from __future__ import annotations

import logging
import time

from orchestrator.cluster.artifact_store import ArtifactStore
from orchestrator.states import Cause

log = logging.getLogger("isoflop.scheduler")

FREE_BYTES = 32 * 2**20
"""Free space below which nothing starts: an attempt could not even leave its checkpoint."""
REST_SECONDS = (2.0, 60.0)
"""First and longest pause after an attempt that found its worker's disk full."""


class DiskSpace:
    """Says when nothing should start because a disk is full."""

    def __init__(self, artifacts: ArtifactStore) -> None:
        """Watch the disk of an artifact store."""
        self._artifacts = artifacts
        self._full = False
        self._rest, self._rest_until = REST_SECONDS[0], 0.0

    def has_room(self) -> bool:
        """Whether another attempt may start now."""
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

    def note(self, cause: Cause) -> None:
        """Pause after a worker's full disk: it is no run's fault, but another attempt at once would only fail again.

        The pause doubles each time until an attempt is done.
        """
        if cause is Cause.DISK_FULL:
            self._rest_until = time.monotonic() + self._rest
            self._rest = min(2 * self._rest, REST_SECONDS[1])
        elif cause is Cause.DONE:
            self._rest = REST_SECONDS[0]
