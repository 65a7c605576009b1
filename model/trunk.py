"""States along a trunk, the constant-rate training that runs of one size share, kept where their cooldowns begin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.checkpoint import CheckpointError, read_checkpoint, write_checkpoint
from model.config import state_name, state_step


@dataclass(frozen=True)
class Trunk:
    """The kept states of one trunk."""

    folder: Path
    """Where they are, one file a step and choice of implementation."""
    points: tuple[int, ...]
    """Steps at which states are to be kept, ascending (see model.config.branch_points)."""

    def keep(self, state: dict[str, Any]) -> None:
        """Store a run's state at one of `points`, unless it is there already; elsewhere do nothing."""
        if self.wants(state["step"], state["choice"]):
            self._write(state_name(state["step"], state["choice"]), state)

    def wants(self, step: int, choice: dict[str, Any]) -> bool:
        """Whether `keep` would store a state."""
        return step in self.points and state_name(step, choice) not in self._names()

    def latest(self, step: int, choice: dict[str, Any], device: str) -> dict[str, Any] | None:
        """The latest state up to `step` that was computed in the same way, at whatever point it was kept.

        Damaged ones are deleted, so that the next run which passes keeps them anew, and the one before is tried.
        """
        reached = {name: point for name in self._names() if (point := state_step(name)) is not None and point <= step}
        for name in sorted(reached, reverse=True):
            if name == state_name(reached[name], choice):
                try:
                    return self._read(name, device)
                except CheckpointError:
                    self._drop(name)
                except OSError:
                    continue
        return None

    def _names(self) -> list[str]:
        return [path.name for path in self.folder.iterdir()] if self.folder.is_dir() else []

    def _write(self, name: str, state: dict[str, Any]) -> None:
        write_checkpoint(self.folder / name, state)

    def _read(self, name: str, device: str) -> dict[str, Any]:
        return read_checkpoint(self.folder / name, device)

    def _drop(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)
