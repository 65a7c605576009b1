"""Files that appear whole or not at all, even where a process that lost its parent still writes the same ones."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

UNFINISHED = ".unfinished"
"""Ending of a file that is being written."""


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file that gets its name when it is written. Raises OSError."""
    unfinished = path.with_name(f"{path.name}.{os.uname().nodename}.{os.getpid()}{UNFINISHED}")
    with unfinished.open("wb") as stream:
        yield stream
    unfinished.replace(path)


def save_array(path: Path, array: npt.NDArray[np.generic]) -> None:
    """Write an array as .npy. Raises OSError."""
    with whole_file(path) as stream:
        np.save(stream, array)
