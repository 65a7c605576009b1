"""What another preparation of the same files has read already: linked into a folder, so that nothing is read twice."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tokenizer.private import make_private

_FILES = ("*.run", "read-*.done")
"""Files of the step that reads: the documents, and behind them the results, which say that they are whole."""


def inherit(folder: Path, others: Sequence[Path]) -> None:
    """Link what lies read in other folders, all of the same reading, into a folder; made if need be.

    Raises OSError where a file system has no links.
    """
    make_private(folder)
    for pattern in _FILES:
        for other in others:
            for file in sorted(other.glob(pattern)):
                if not (folder / file.name).exists():
                    os.link(file, folder / file.name)
