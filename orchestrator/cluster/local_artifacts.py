"""The artifact store that is a local folder: datasets, event logs and checkpoints are used in place."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from orchestrator.cluster.artifact_layout import DATASETS, IMPLEMENTATIONS, RUNS, TRUNKS, KeptStates
from orchestrator.cluster.attempt_log import AttemptLog, Event, EventLog, attempt_log, read_events

if TYPE_CHECKING:
    from model.checkpoint import Checkpoints
    from model.trunk import Trunk

Choice = TypeVar("Choice")


class LocalArtifacts:
    """An artifact store that is a local folder, in which files are used in place."""

    def __init__(self, root: Path) -> None:
        """The store below the folder `root`."""
        self.url = str(root)
        self._root = root

    @property
    def scratch(self) -> Path | None:
        """None: nothing is copied."""
        return None

    def dataset(self, name: str) -> Path:
        """Local folder of a dataset's shards."""
        return self._root / DATASETS / name

    def publish(self, folder: Path) -> None:
        """Nothing to do: all workers read the folder."""

    def log(self, run_id: str, number: int) -> AttemptLog:
        """Open the log of an attempt for writing."""
        return EventLog(attempt_log(self._root / RUNS, run_id, number))

    def events(self, run_id: str, number: int) -> list[Event]:
        """All complete events of an attempt."""
        return read_events(attempt_log(self._root / RUNS, run_id, number))

    def checkpoints(self, run_id: str, name: str) -> Checkpoints:
        """The checkpoints of a run, in its folder `name`."""
        from model.checkpoint import Checkpoints

        return Checkpoints(self._root / RUNS / run_id / name)

    def trunk(self, name: str, points: tuple[int, ...]) -> Trunk:
        """The states of a trunk, to start from and to keep at `points`."""
        from model.trunk import Trunk

        return Trunk(self._root / TRUNKS / name, points)

    def states(self, trunk: str = "*") -> KeptStates:
        """The kept states of one trunk or of all."""
        found: KeptStates = {}
        for path in (self._root / TRUNKS).glob(f"{trunk}/*.ckpt"):
            with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                found.setdefault(path.parent.name, {})[path.name] = path.stat().st_size
        return found

    def drop_states(self, trunk: str, names: Iterable[str]) -> None:
        """Delete states of a trunk."""
        folder = self._root / TRUNKS / trunk
        for name in names:
            (folder / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it holds others
            folder.rmdir()

    def trained(self, run_id: str, name: str) -> Path:
        """Local folder of a finished run's weights."""
        return self._root / RUNS / run_id / name

    def choice(self, choose: Callable[[Path], Choice]) -> Choice:
        """What this machine chooses for a run, given the folder of its choices."""
        return choose(self._root / IMPLEMENTATIONS)

    def free_bytes(self) -> int:
        """Bytes of free space."""
        return shutil.disk_usage(self._root).free
