"""Checkpoints that are also kept on an object store, so that another machine can go on from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from model.checkpoint import KEPT, Checkpoints


class RemoteCheckpoints(Checkpoints):
    """Saves to a local folder, then to the store; loads the newest good one of either."""

    def __init__(self, folder: Path, fs: Any, remote: str) -> None:
        super().__init__(folder)
        self._fs, self._remote = fs, remote

    def save(self, step: int, state: dict[str, Any]) -> Path:
        """Write locally, then upload under a name that readers ignore, then give it its own."""
        path = super().save(step, state)
        self._upload(path)
        for name in self._uploaded()[:-KEPT]:
            self._fs.rm_file(f"{self._remote}/{name}")
        return path

    def save_final(self, state: dict[str, Any]) -> Path:
        """Keep a finished run's weights in both places."""
        path = super().save_final(state)
        self._upload(path)
        return path

    def _upload(self, path: Path) -> None:
        self._fs.makedirs(self._remote, exist_ok=True)
        temporary = f"{self._remote}/{path.name}.part"
        self._fs.put_file(str(path), temporary)
        self._fs.mv(temporary, f"{self._remote}/{path.name}")

    def load_newest(self, device: str = "cpu") -> dict[str, Any] | None:
        """Fetch what is not here yet, then load the newest good one."""
        here = {path.name for path in self.files()}
        for name in self._uploaded():
            if name not in here:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._fs.get_file(f"{self._remote}/{name}", str(self.folder / name))
        return super().load_newest(device)

    def clear(self) -> None:
        """Delete them in both places, but for the final weights."""
        super().clear()
        for name in self._uploaded():
            self._fs.rm_file(f"{self._remote}/{name}")

    def _uploaded(self) -> list[str]:
        self._fs.invalidate_cache()
        try:
            names = [path.rpartition("/")[2] for path in self._fs.ls(self._remote, detail=False)]
        except FileNotFoundError:
            return []
        return sorted(name for name in names if name.startswith("step-") and name.endswith(".ckpt"))
