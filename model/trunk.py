"""Saved states of a trunk (the constant-rate training that runs of one size share) where its cooldowns branch off."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from model.checkpoint import CheckpointError, TrainingState, read_checkpoint, write_checkpoint
from model.config import Choice
from model.trunk_states import state_name, state_step


@dataclass(frozen=True)
class Trunk:
    """The kept states of one trunk."""

    folder: Path
    """Folder of the states, with one file for each step and choice of implementation."""
    points: tuple[int, ...]
    """Steps at which states are to be kept, ascending (see model.trunk_states.branch_points)."""

    def keep(self, state: TrainingState) -> None:
        """Store a state if it belongs to one of `points` and is not stored yet; otherwise do nothing."""
        if self.wants(state["step"], state["choice"]):
            self._write(state_name(state["step"], state["choice"]), state)

    def wants(self, step: int, choice: Choice) -> bool:
        """Whether `keep` would store a state."""
        return step in self.points and state_name(step, choice) not in self._names()

    def latest(self, step: int, choice: Choice, device: str) -> TrainingState | None:
        """The latest state up to `step` that was computed under the same choice, whether or not at one of `points`.

        A damaged one is deleted, so that the next run to pass keeps it again, and the one before is tried.
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
        """Names of the files that are there."""
        return [path.name for path in self.folder.iterdir()] if self.folder.is_dir() else []

    def _write(self, name: str, state: TrainingState) -> None:
        """Store a state under a name."""
        write_checkpoint(self.folder / name, state)

    def _read(self, name: str, device: str) -> TrainingState:
        """Load a state. Raises CheckpointError or OSError."""
        return cast("TrainingState", read_checkpoint(self.folder / name, device))

    def _drop(self, name: str) -> None:
        """Delete a state if it is there."""
        (self.folder / name).unlink(missing_ok=True)
