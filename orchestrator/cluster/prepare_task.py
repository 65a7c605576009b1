"""What the nodes of a Ray cluster do for a corpus: see whether they share its files, and do tasks in its folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from tokenizer.stream.answers import answer_with
from tokenizer.stream.pool import do_once

MARKER = "seen-by-"
"""How the name of a file begins by which a node sees that a folder is the same as the driver's."""
PRIVATE_UMASK = 0o077
"""Files of a preparation are for their owner alone."""


def unseen(folder: str, mark: str, sources: Sequence[tuple[str, int]]) -> str:
    """The folder, or the first source (path and bytes), that this node does not see as the driver does; or nothing."""
    if not (Path(folder) / f"{MARKER}{mark}").exists():
        return folder
    return next((path for path, size in sources if _size(path) != size), "")


def _size(path: str) -> int | None:
    """Bytes of a file; None where there is none to read."""
    try:
        return Path(path).stat().st_size if os.access(path, os.R_OK) else None
    except OSError:
        return None


def do_batch(folder: str, step: str, batch: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The answers to a batch of tasks; each is done once and its result kept in the folder, whoever asks."""
    before = os.umask(PRIVATE_UMASK)
    try:
        return {"answer": [answer_with(partial(do_once, Path(folder), step, str(task))) for task in batch["task"]]}
    finally:
        os.umask(before)
