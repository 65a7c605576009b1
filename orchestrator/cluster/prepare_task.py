"""What the nodes of a Ray cluster do for a corpus: see whether they share its files, and do tasks in its folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from orchestrator.cluster.prepare_files import do_stored
from tokenizer.stream.answers import answer_with
from tokenizer.stream.pool import do_once

MARKER = "seen-by-"
"""How the name of a file begins by which a node sees that a folder is the same as the driver's."""
PRIVATE_UMASK = 0o077
"""Files of a preparation are for their owner alone."""


@dataclass(frozen=True)
class Place:
    """Where the files of a preparation are."""

    folder: str
    """The driver's folder."""
    url: str = ""
    """Where they travel through the artifact store; empty where all nodes see the folder."""


def unseen(folder: str, mark: str, sources: Sequence[tuple[str, int]]) -> str:
    """The folder, or the first source (path and bytes), that this node does not see as the driver does; or nothing.

    No folder is looked for where it is empty.
    """
    if folder and not (Path(folder) / f"{MARKER}{mark}").exists():
        return folder
    return next((path for path, size in sources if _size(path) != size), "")


def _size(path: str) -> int | None:
    """Bytes of a file; None where there is none to read."""
    try:
        return Path(path).stat().st_size if os.access(path, os.R_OK) else None
    except OSError:
        return None


def do_batch(place: Place, step: str, batch: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The answers to a batch of tasks, and the names of the files that each stored, as JSON.

    Each is done once and its result kept, whoever asks.
    """
    answers, files = [], []
    before = os.umask(PRIVATE_UMASK)
    try:
        for task in batch["task"]:
            stored: list[str] = []
            answers.append(answer_with(partial(_do, place, step, str(task), stored)))
            files.append(json.dumps(stored))
    finally:
        os.umask(before)
    return {"answer": answers, "files": files}


def _do(place: Place, step: str, task: str, stored: list[str]) -> str:
    """The result of a task; appends the names of the files that it stored."""
    if not place.url:
        return do_once(Path(place.folder), step, task)
    result, names = do_stored(place.url, step, task)
    stored += names
    return result
