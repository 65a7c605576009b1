"""Offline runs that nobody has uploaded are counted, with the age of the oldest."""

from __future__ import annotations

import os
import time
from pathlib import Path

from orchestrator.tracking.backlog import Backlog, backlog


def test_what_is_uploaded_is_no_backlog(tmp_path: Path) -> None:
    assert backlog(tmp_path) == Backlog(0, 0.0)
    for name, age in (("offline-run-1-a", 500), ("offline-run-2-b", 100), ("run-3-c", 900)):
        folder = tmp_path / "wandb" / name
        folder.mkdir(parents=True)
        os.utime(folder, (time.time() - age, time.time() - age))
    found = backlog(tmp_path)
    assert found.runs == 2 and 490 < found.seconds < 600
    (tmp_path / "wandb" / "offline-run-1-a" / "run-a.wandb.synced").touch()
    (tmp_path / "wandb" / "offline-run-2-b" / "run-b.wandb").touch()
    assert backlog(tmp_path).runs == 1
