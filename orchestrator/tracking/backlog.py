"""What the wandb mirror has written on this machine and nobody has uploaded yet."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Backlog:
    """Offline runs that wait for `wandb sync`."""

    runs: int
    """How many they are."""
    seconds: float
    """Age of the oldest; 0 without any."""


def backlog(folder: Path) -> Backlog:
    """The backlog in the folder of the mirror's files; wandb marks what it has uploaded with a file `*.synced`."""
    begun: list[float] = []
    for run in (folder / "wandb").glob("offline-run-*"):
        with contextlib.suppress(OSError):  # deleted meanwhile
            if not any(run.glob("*.synced")):
                begun.append(run.stat().st_mtime)
    return Backlog(len(begun), max(0.0, time.time() - min(begun)) if begun else 0.0)
