"""Results of tasks that are kept in a folder, so that no task is done twice."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from tokenizer.stream.whole import whole_file

DONE = ".done"
"""Ending of the file that says that a task is done, and holds its result."""


def kept(folder: Path, step: str, task: str) -> str | None:
    """The result of a task that is done; None where it is not."""
    with contextlib.suppress(FileNotFoundError):
        return _file(folder, step, task).read_text() or None
    return None


def keep(folder: Path, step: str, task: str, result: str) -> str:
    """Remember a result; returns it. Raises OSError."""
    with whole_file(_file(folder, step, task)) as stream:
        stream.write(result.encode())
    return result


def _file(folder: Path, step: str, task: str) -> Path:
    """Where the result of a task is kept."""
    return folder / f"{step}-{hashlib.sha256(task.encode()).hexdigest()[:32]}{DONE}"
