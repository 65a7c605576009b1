"""States along a trunk, the constant-rate training that runs of one size share, kept where their cooldowns begin."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.checkpoint import CheckpointError, read_checkpoint, write_checkpoint


@dataclass(frozen=True)
class Trunk:
    """The kept states of one trunk."""

    folder: Path
    """Where they are, one file a step and choice of implementation."""
    points: tuple[int, ...]
    """Steps at which a planned run branches off, ascending (see model.config.branch_points)."""

    def keep(self, state: dict[str, Any]) -> None:
        """Store a run's state at one of `points`, unless it is there already; elsewhere do nothing."""
        if self.wants(state["step"], state["choice"]):
            write_checkpoint(self._file(state["step"], state["choice"]), state)

    def wants(self, step: int, choice: dict[str, Any]) -> bool:
        """Whether `keep` would store a state."""
        return step in self.points and not self._file(step, choice).exists()

    def latest(self, step: int, choice: dict[str, Any], device: str) -> dict[str, Any] | None:
        """The state of the latest point up to `step` that was computed in the same way; damaged ones are skipped."""
        for point in reversed([p for p in self.points if p <= step]):
            try:
                return read_checkpoint(self._file(point, choice), device)
            except (CheckpointError, OSError):
                continue
        return None

    def _file(self, step: int, choice: dict[str, Any]) -> Path:
        key = hashlib.sha256(json.dumps(choice, sort_keys=True).encode()).hexdigest()[:8]
        return self.folder / f"branch-{step:09d}-{key}.ckpt"
