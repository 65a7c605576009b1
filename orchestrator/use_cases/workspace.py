"""Workspace: a home with its settings, database, artifacts and wandb target; what every use case works on."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from orchestrator.home import Home
from orchestrator.settings import Settings, read_settings

if TYPE_CHECKING:
    from orchestrator.attempts import Tracking
    from orchestrator.cluster.artifact_store import ArtifactStore
    from orchestrator.cluster.prepare import Preparation
    from orchestrator.store import Store

Say = Callable[[str], None]
"""Takes a line of progress for a person."""


class Workspace:
    """One home, opened. The use cases share it; cli, api and web call those and do not touch its parts."""

    def __init__(
        self, home: Home, settings: Settings | None = None, say: Say = lambda _: None, *, reading: bool = False
    ) -> None:
        """Open a home, which is made if it does not exist; one opened only to read is neither made nor changed.

        Args:
            home: the folder.
            settings: where the database and the workers are; None reads them from the environment.
            say: takes progress for a person.
            reading: whether it is only read.
        """
        self.home = home if reading else home.create()
        self.settings = settings or read_settings(home)
        self.say = say
        self._reading = reading

    def __reduce__(self) -> tuple[Callable[[Home, Settings], Workspace], tuple[Home, Settings]]:
        """Another process gets the same home, which it opens once."""
        return _opened, (self.home, self.settings)

    @cached_property
    def store(self) -> Store:
        """The database, opened at the first use."""
        from orchestrator.store import Store

        return Store(self.settings.database_url or self.home.database, reading=self._reading)

    @cached_property
    def artifacts(self) -> ArtifactStore:
        """The artifact store, where workers find datasets and leave event logs and checkpoints."""
        from orchestrator.cluster.artifact_store import open_artifacts

        return open_artifacts(self.settings.artifacts_url or str(self.home.root))

    @cached_property
    def preparation(self) -> Preparation:
        """What chooses who cleans and encodes a corpus: this machine, or the nodes of the cluster."""
        from orchestrator.cluster.prepare import Preparation

        return Preparation(self.settings, self.say)

    @cached_property
    def tracking(self) -> Tracking:
        """Where the wandb mirror writes; the first use takes up to a few seconds to find out."""
        from orchestrator.tracking.wandb_mirror import choose_tracking

        return choose_tracking(self.home.wandb)

    def close(self) -> None:
        """Close the database."""
        self.store.close()


@lru_cache(maxsize=1)
def _opened(home: Home, settings: Settings) -> Workspace:
    """A home in a process that computes for another one."""
    return Workspace(home, settings)
