"""The second step: the distinct documents of a bucket (a range of digests) across all runs, with their signatures."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tokenizer.corpus_error import CorpusError
from tokenizer.dedup import content_digest
from tokenizer.stream.minhash import HASHES, Bands, band_hashes, signature
from tokenizer.stream.runs import DIGEST, PREFIXES, Stored, begins_of, read_run
from tokenizer.stream.whole import save_array

BUCKET_BYTES = 32_000_000
"""Most bytes of runs in a bucket, unless one part of the digests holds more."""
ROW = np.dtype([("digest", "u1", (DIGEST,)), ("size", "<i8"), ("run", "<i4"), ("offset", "<i8")])
"""A document of an index: its digest, the bytes of its text, the number of its run, and where it begins there."""
Index = npt.NDArray[np.void]
"""Rows of the type ROW, in the order of their digests."""


@dataclass(frozen=True)
class Bucket:
    """A range of digests."""

    first: int
    """Its first part of PREFIXES."""
    last: int
    """The part behind its last."""

    @property
    def name(self) -> str:
        """Beginning of the names of its files; in the order of names the buckets are in that of digests."""
        return f"bucket-{self.first:04d}-{self.last:04d}"


def buckets_of(folder: Path, runs: list[str]) -> list[Bucket]:
    """Buckets of about BUCKET_BYTES, in the order of digests, that hold every document of the runs."""
    sizes = np.zeros(PREFIXES, np.int64)
    for run in runs:
        sizes += np.diff(begins_of(folder / run))
    found: list[Bucket] = []
    first, held = 0, 0
    for part, size in enumerate(sizes.tolist()):
        if held and held + size > BUCKET_BYTES:
            found.append(Bucket(first, part))
            first, held = part, 0
        held += size
    return [*found, Bucket(first, PREFIXES)]


def merged(folder: Path, runs: list[str], bucket: Bucket) -> Iterator[tuple[int, Stored]]:
    """(number of the run, document) of a bucket in the order of digests; equal ones in that of the runs."""

    def of_run(number: int) -> Iterator[tuple[int, Stored]]:
        return ((number, document) for document in read_run(folder / runs[number], bucket.first, bucket.last))

    return heapq.merge(*map(of_run, range(len(runs))), key=lambda pair: pair[1].digest)


def index_bucket(
    folder: Path, runs: list[str], bucket: Bucket, ngram: int, bands: Bands | None, held_out_runs: int = 0
) -> tuple[int, int]:
    """Write a bucket's index, and with bands its signatures and their hashes.

    Returns the number of documents, and of those in the first `held_out_runs` that later runs hold, too.
    """
    rows: list[tuple[npt.NDArray[np.uint8], int, int, int]] = []
    signatures: list[npt.NDArray[np.uint32]] = []
    before, leaked = b"", set[bytes]()
    for number, document in merged(folder, runs, bucket):
        if document.digest == before:
            if rows[-1][2] < held_out_runs <= number:
                leaked.add(before)
            continue
        before = document.digest
        rows.append((np.frombuffer(before, np.uint8), len(document.raw), number, document.offset))
        if bands:
            signatures.append(signature(document.raw.decode(), ngram))
    save_array(folder / f"{bucket.name}.index.npy", np.array(rows, ROW))
    if bands:
        matrix = np.array(signatures, np.uint32).reshape(-1, HASHES)
        save_array(folder / f"{bucket.name}.signatures.npy", matrix)
        save_array(
            folder / f"{bucket.name}.bands.npy", np.array([band_hashes(matrix, bands, i) for i in range(bands.count)])
        )
    return len(rows), len(leaked)


def read_index(folder: Path, bucket: Bucket, kind: str = "index") -> Index:
    """A bucket's index. Raises CorpusError where it was damaged."""
    path = folder / f"{bucket.name}.{kind}.npy"
    try:
        return np.asarray(np.load(path), dtype=ROW)
    except (OSError, ValueError, EOFError) as error:
        raise damaged(folder, error) from error


def documents_of(folder: Path, runs: list[str], bucket: Bucket, index: Index) -> Iterator[Stored]:
    """The documents of a bucket that an index holds, in the order of digests. Raises CorpusError for damaged runs."""
    wanted = {(int(row["run"]), int(row["offset"])) for row in index}
    try:
        for number, document in merged(folder, runs, bucket):
            if (number, document.offset) in wanted:
                if content_digest(document.raw.decode()) != document.digest:
                    raise ValueError(f"{runs[number]} is not as it was written")
                yield document
    except (OSError, ValueError) as error:
        raise damaged(folder, error) from error


def damaged(folder: Path, error: Exception) -> CorpusError:
    """The error for files between two steps that a crash of the machine tore."""
    return CorpusError(f"corpus: what was read of it in {folder} is damaged ({error}): delete that folder")
