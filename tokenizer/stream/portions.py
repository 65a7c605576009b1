"""Cuts the files of a corpus into portions, each of which one process reads at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tokenizer.compression import is_packed
from tokenizer.locations import Location, state_of
from tokenizer.parquet_reader import row_group_bytes

PORTION_BYTES = 32_000_000
"""About the bytes of a portion, as stored."""


@dataclass(frozen=True)
class File:
    """A file of a corpus."""

    location: Location
    """Where it is."""
    origin: str
    """What people know it by."""
    bytes: int
    """Its size as stored."""
    state: str
    """What tells its state from a later one."""
    reading: int = 0
    """Which part of the corpus it is read for, by its number among the `readings`."""


@dataclass(frozen=True)
class Portion:
    """Some whole files, or a range of one."""

    files: tuple[tuple[str, str], ...]
    """Location and origin of each."""
    state: str
    """Hash of what tells the files' state from a later one."""
    bytes: int
    """About how many, as stored."""
    begin: int = 0
    """First byte of JSON lines, or row group of Parquet."""
    end: int | None = None
    """The one behind the last; None for all."""


def files_with_state(files: Sequence[tuple[Location, str]], reading: int = 0) -> list[File]:
    """The files of a part of the corpus with their sizes and states. Raises CorpusError."""
    return [File(location, origin, *state_of(location), reading) for location, origin in files]


def portions(source: str, files: Sequence[File]) -> Iterator[Portion]:
    """The portions of a corpus, in the order of its files. Raises CorpusFileError."""
    waiting: list[File] = []
    for file in files:
        if file.bytes <= PORTION_BYTES:
            waiting.append(file)
            if sum(one.bytes for one in waiting) < PORTION_BYTES and len(waiting) < 4_096:
                continue
        if waiting:
            yield _of(waiting)
            waiting = []
        if file.bytes > PORTION_BYTES:
            yield from _of_one(source, file)
    if waiting:
        yield _of(waiting)


def _of(files: Sequence[File], begin: int = 0, end: int | None = None, size: int | None = None) -> Portion:
    """Whole files, or a range of one of them."""
    state = hashlib.sha256("\n".join(file.state for file in files).encode()).hexdigest()[:16]
    total = sum(file.bytes for file in files) if size is None else size
    return Portion(tuple((str(file.location), file.origin) for file in files), state, total, begin, end)


def _of_one(source: str, file: File) -> Iterator[Portion]:
    """The portions of a large file: several where it can be read from the middle."""
    if source not in ("jsonl", "parquet") or is_packed(file.location):
        yield _of([file])
    elif source == "jsonl":
        for begin in range(0, file.bytes, PORTION_BYTES):
            end = begin + PORTION_BYTES
            yield _of([file], begin, None if end >= file.bytes else end, min(PORTION_BYTES, file.bytes - begin))
    else:
        yield from _of_groups(file)


def _of_groups(file: File) -> Iterator[Portion]:
    """The portions of a Parquet file: some row groups each; the whole where it says nothing of them."""
    sizes = row_group_bytes(file.location)
    if not sizes:
        yield _of([file])
    begin = 0
    for end in range(1, len(sizes) + 1):
        if end == len(sizes) or sum(sizes[begin : end + 1]) > PORTION_BYTES:
            yield _of([file], begin, end, sum(sizes[begin:end]))
            begin = end
