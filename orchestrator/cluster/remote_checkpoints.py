"""Checkpoints and trunk states on an object store, so that another machine can continue from them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.checkpoint import KEPT, Checkpoints, TrainingState
from model.trunk import Trunk


class RemoteCheckpoints(Checkpoints):
    """Saves to a local folder, then to the store; loads the newest good one of either."""

    def __init__(self, folder: Path, fs: Any, remote: str) -> None:
        """Checkpoints in `folder`, copied to the path `remote` of the file system `fs`."""
        super().__init__(folder)
        self._fs, self._remote = fs, remote

    def save(self, step: int, state: TrainingState) -> Path:
        """Write locally, then upload."""
        path = super().save(step, state)
        _upload(self._fs, path, self._remote)
        for name in self._uploaded()[:-KEPT]:
            self._fs.rm_file(f"{self._remote}/{name}")
        return path

    def save_final(self, state: Mapping[str, object]) -> Path:
        """Keep a finished run's weights, locally and on the store."""
        path = super().save_final(state)
        _upload(self._fs, path, self._remote)
        return path

    def load_newest(self, device: str = "cpu") -> TrainingState | None:
        """Fetch what is not in the local folder yet, then load the newest good one."""
        local = {path.name for path in self.files()}
        for name in self._uploaded():
            if name not in local:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._fs.get_file(f"{self._remote}/{name}", str(self.folder / name))
        return super().load_newest(device)

    def clear(self) -> None:
        """Delete all but the final weights, locally and on the store."""
        super().clear()
        for name in self._uploaded():
            self._fs.rm_file(f"{self._remote}/{name}")

    def _uploaded(self) -> list[str]:
        """Names of the uploaded checkpoints, the oldest first."""
        names = _names(self._fs, self._remote)
        return sorted(name for name in names if name.startswith("step-") and name.endswith(".ckpt"))


@dataclass(frozen=True)
class RemoteTrunk(Trunk):
    """States on the store alone; `folder` holds them only while they are written or read."""

    fs: Any
    """The store's file system."""
    remote: str
    """The trunk's folder on the store."""

    def _names(self) -> list[str]:
        """Names of the states on the store."""
        return _names(self.fs, self.remote)

    def _write(self, name: str, state: TrainingState) -> None:
        """Write a state to the store, and nothing locally."""
        super()._write(name, state)
        _upload(self.fs, self.folder / name, self.remote)
        super()._drop(name)

    def _read(self, name: str, device: str) -> TrainingState:
        """Fetch a state and load it; the local copy goes at once."""
        self.folder.mkdir(parents=True, exist_ok=True)
        fetched = f"{name}.{os.getpid()}"
        try:
            self.fs.get_file(f"{self.remote}/{name}", str(self.folder / fetched))
            return super()._read(fetched, device)
        finally:
            super()._drop(fetched)

    def _drop(self, name: str) -> None:
        """Delete a state from the store, if it is there."""
        if name in self._names():
            self.fs.rm_file(f"{self.remote}/{name}")


def _upload(fs: Any, path: Path, remote: str) -> None:
    """Upload under a name that readers ignore, then rename: readers never see half a file."""
    fs.makedirs(remote, exist_ok=True)
    temporary = f"{remote}/{path.name}.part"
    fs.put_file(str(path), temporary)
    fs.mv(temporary, f"{remote}/{path.name}")


def _names(fs: Any, remote: str) -> list[str]:
    """Present names in a folder of the store; none if there is no such folder."""
    fs.invalidate_cache()
    try:
        return [path.rpartition("/")[2] for path in fs.ls(remote, detail=False)]
    except FileNotFoundError:
        return []
