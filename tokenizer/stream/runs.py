"""Runs: files of documents in the order of their digests, from which a range of digests is read in one piece."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tokenizer.stream.whole import whole_file

PREFIXES = 4_096
"""Parts into which the first twelve bits of a digest divide all documents."""
DIGEST = 32
"""Bytes of a digest."""
_HEAD = struct.Struct("<32sQH")
"""Digest, bytes of the text, bytes of the origin."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A document of a run."""

    digest: bytes
    """SHA-256 of the text."""
    raw: bytes
    """The text in UTF-8."""
    origin: str
    """Where it was read, for people."""
    offset: int = 0
    """Where it begins in its run, bytes."""


def prefix_of(digest: bytes) -> int:
    """Which of the PREFIXES parts holds a digest."""
    return int.from_bytes(digest[:2], "big") >> 4


def write_run(path: Path, documents: Sequence[Stored]) -> None:
    """Write documents in the order of their digests, and where each part begins. Raises OSError."""
    begins = np.zeros(PREFIXES + 1, dtype="<i8")
    with whole_file(path) as stream:
        for document in documents:
            origin = document.origin.encode(errors="replace")[: 2**16 - 1]
            size = stream.write(_HEAD.pack(document.digest, len(document.raw), len(origin)))
            size += stream.write(origin) + stream.write(document.raw)
            begins[prefix_of(document.digest) + 1] += size
        stream.write(np.cumsum(begins).astype("<i8").tobytes())


def begins_of(path: Path) -> npt.NDArray[np.int64]:
    """Where each part begins in a run, and the end of the last, shape [PREFIXES + 1]. Raises OSError, ValueError."""
    size = 8 * (PREFIXES + 1)
    with path.open("rb") as stream:
        stream.seek(-size, 2)
        return np.frombuffer(stream.read(size), dtype="<i8").astype(np.int64)


def read_run(path: Path, first: int, last: int) -> Iterator[Stored]:
    """The documents of a run in parts `first` to `last` - 1. Raises OSError, ValueError, struct.error."""
    begins = begins_of(path)
    start = int(begins[first])
    with path.open("rb") as stream:
        stream.seek(start)
        data = stream.read(int(begins[last]) - start)
    at = 0
    while at < len(data):
        digest, size, origin = _HEAD.unpack_from(data, at)
        text = at + _HEAD.size + origin
        name = data[at + _HEAD.size : text].decode(errors="replace")
        yield Stored(digest, data[text : text + size], name, start + at)
        at = text + size
