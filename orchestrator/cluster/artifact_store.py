"""Where datasets, event logs and checkpoints are stored: a local folder used in place, or any fsspec URL."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from orchestrator.cluster.artifact_layout import KeptStates
from orchestrator.cluster.attempt_log import AttemptLog, Event
from orchestrator.cluster.local_artifacts import LocalArtifacts
from orchestrator.cluster.remote_artifacts import RemoteArtifacts
from orchestrator.environment import variable
from tokenizer.private import own_folder

if TYPE_CHECKING:
    from model.checkpoint import Checkpoints
    from model.trunk import Trunk

Choice = TypeVar("Choice")


class ArtifactStore(Protocol):
    """Holds what runs read and leave behind, for all workers."""

    @property
    def url(self) -> str:
        """Folder or URL by which another process opens the same store."""
        ...

    @property
    def scratch(self) -> Path | None:
        """This machine's folder of copies; None if files are used in place."""
        ...

    def dataset(self, name: str) -> Path:
        """Local folder of a dataset's shards."""
        ...

    def publish(self, folder: Path) -> None:
        """Make a dataset available to all workers."""
        ...

    def log(self, run_id: str, number: int) -> AttemptLog:
        """Open the log of an attempt for writing."""
        ...

    def events(self, run_id: str, number: int) -> list[Event]:
        """All complete events of an attempt."""
        ...

    def checkpoints(self, run_id: str, name: str) -> Checkpoints:
        """The checkpoints of a run, in its folder `name`."""
        ...

    def trunk(self, name: str, points: tuple[int, ...]) -> Trunk:
        """The states of a trunk, to start from and to keep at `points`."""
        ...

    def states(self, trunk: str = ...) -> KeptStates:
        """The kept states of one trunk, by default of all."""
        ...

    def drop_states(self, trunk: str, names: Iterable[str]) -> None:
        """Delete states of a trunk."""
        ...

    def trained(self, run_id: str, name: str) -> Path:
        """Local folder of a finished run's weights."""
        ...

    def choice(self, choose: Callable[[Path], Choice]) -> Choice:
        """What machines of this kind choose for a run, given the folder of earlier choices."""
        ...

    def free_bytes(self) -> int | None:
        """Bytes of free space; None if nobody knows."""
        ...


def scratch_folder(environ: Mapping[str, str] | None = None) -> Path:
    """This machine's own folder for copies: ISOFLOP_SCRATCH, else one in the temporary folder."""
    named = variable("ISOFLOP_SCRATCH", environ)
    return Path(named).absolute() if named else Path(tempfile.gettempdir()) / f"isoflop-scratch-{os.getuid()}"


def open_artifacts(url: str, scratch: Path | None = None) -> ArtifactStore:
    """The artifact store in a folder, or at an fsspec URL such as s3://bucket/folder or file:///shared/folder.

    Raises FolderError where copies would lie in a folder that another user made or may write into: whatever is
    in it would be trusted.
    """
    if "://" not in url:
        return LocalArtifacts(Path(url))
    remedy = "set ISOFLOP_SCRATCH to a folder of your own that nobody else may write into"
    return RemoteArtifacts(url, own_folder(scratch or scratch_folder(), remedy))
