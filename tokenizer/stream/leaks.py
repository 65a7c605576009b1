"""Finds every training document that is like one held out: exactly, by an index of the held-out n-grams."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tokenizer.stream.index import Bucket, distinct
from tokenizer.stream.minhash import shingles
from tokenizer.stream.near import TRAINED, Nearness, Ranks
from tokenizer.stream.whole import save_array, whole_file

AT_ONCE = 1 << 22
"""Entries of the index that are sorted at once."""
GRAMS, HOLDERS, SIZES = "held-grams.u64", "held-holders.i32", "held-sizes.i32"
"""Files of the index: hashes of n-grams, ascending; the held-out document of each; the n-grams of each document."""
_ENTRY = np.dtype([("gram", "<u8"), ("holder", "<i4")])
_TINY = 1e-9
"""Keeps a product that should be whole from being rounded up."""

Number = TypeVar("Number", np.uint64, np.int32)
Grams = npt.NDArray[np.uint64]
"""Hashes of the different n-grams of a document, ascending."""


def is_held_out(nearness: Nearness, run: int, digest: bytes) -> bool:
    """Whether a document is for validation: of a set that was given, or by its digest."""
    return run < nearness.held_out_runs or int.from_bytes(digest[-8:], "big") / 2**64 < nearness.fraction


def hold_out(folder: Path, runs: list[str], bucket: Bucket, ngram: int, nearness: Nearness) -> int:
    """Write the n-grams of a bucket's held-out documents; returns the number of those documents."""
    documents = distinct(folder, runs, bucket)
    texts = (each.raw.decode() for run, each in documents if is_held_out(nearness, run, each.digest))
    found = [shingles(text, ngram) for text in texts]
    entries = np.empty(sum(map(len, found)), _ENTRY)
    sizes = np.array([len(grams) for grams in found], "<i4")
    entries["gram"] = np.concatenate(found) if found else np.empty(0, np.uint64)
    entries["holder"] = np.repeat(np.arange(len(found), dtype="<i4"), sizes)
    save_array(folder / f"{bucket.name}.held.npy", entries[np.argsort(entries["gram"], kind="stable")])
    save_array(folder / f"{bucket.name}.sizes.npy", sizes)
    return len(found)


def gather(folder: Path, buckets: Sequence[Bucket]) -> int:
    """Write the index of all buckets' held-out documents, a range of hashes after another; returns its entries."""
    parts = [np.load(folder / f"{bucket.name}.held.npy", mmap_mode="r") for bucket in buckets]
    sizes = [np.load(folder / f"{bucket.name}.sizes.npy") for bucket in buckets]
    firsts = np.cumsum([0, *map(len, sizes)])
    total = sum(map(len, parts))
    pieces = max(1, -(-total // AT_ONCE))
    begins = [0] * len(parts)
    with whole_file(folder / GRAMS) as grams, whole_file(folder / HOLDERS) as holders:
        for piece in range(1, pieces + 1):
            last = np.uint64(2**64 * piece // pieces - 1)
            ends = [int(np.searchsorted(part["gram"], last, side="right")) for part in parts]
            rows = [np.array(part[begin:end]) for part, begin, end in zip(parts, begins, ends, strict=True)]
            for row, first in zip(rows, firsts, strict=False):
                row["holder"] += first
            entries = np.concatenate(rows)
            entries = entries[np.argsort(entries["gram"], kind="stable")]
            grams.write(entries["gram"].tobytes())
            holders.write(entries["holder"].tobytes())
            begins = ends
    with whole_file(folder / SIZES) as stream:
        stream.write(np.concatenate(sizes).astype("<i4").tobytes())
    return total


class HeldOut:
    """The index of the held-out documents' n-grams, on disk."""

    def __init__(self, folder: Path) -> None:
        """Map its files."""
        self._grams = _mapped(folder / GRAMS, np.uint64)
        self._holders = _mapped(folder / HOLDERS, np.int32)
        self._sizes = _mapped(folder / SIZES, np.int32)

    def alike(self, grams: Grams, threshold: float) -> npt.NDArray[np.int64]:
        """Numbers of the held-out documents whose Jaccard similarity to a document is at least the threshold.

        Of the n n-grams of a document that is so alike to one of them at least ceil(threshold * n) are held: where more
        than the others are missing already among the first half, nothing else is looked up.
        """
        missing = len(grams) - math.ceil(threshold * len(grams) - _TINY)
        for looked_up in (grams[: len(grams) // 2 + 1], grams):
            begins, found = self._places(looked_up)
            if len(looked_up) - len(found) > missing:
                return np.empty(0, np.int64)
        ends = np.searchsorted(self._grams, found, side="right")
        holders = [self._holders[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]
        shared = np.bincount(np.concatenate([*holders, np.empty(0, np.int32)]), minlength=len(self._sizes))
        return np.flatnonzero(shared / (len(grams) + self._sizes - shared) >= threshold)

    def _places(self, grams: Grams) -> tuple[npt.NDArray[np.int64], Grams]:
        """(where its entries begin, n-gram) of those that are held."""
        begins = np.searchsorted(self._grams, grams)
        inside = begins < len(self._grams)
        begins, grams = begins[inside], grams[inside]
        held = self._grams[begins] == grams
        return begins[held], grams[held]


@lru_cache(maxsize=1)
def held_out_of(folder: Path) -> HeldOut:
    """The index in a folder, mapped once for a process."""
    return HeldOut(folder)


class LeakFinder:
    """Notes which training documents of a bucket are like held-out ones."""

    def __init__(self, held: HeldOut, nearness: Nearness) -> None:
        """By an index, and what counts as a near duplicate."""
        self._held, self._nearness = held, nearness
        self._found = [np.empty((0, 2), np.int64)]

    def look(self, row: int, run: int, digest: bytes, grams: Grams) -> None:
        """Look at the document in a row of the bucket's index."""
        if not is_held_out(self._nearness, run, digest):
            numbers = self._held.alike(grams, self._nearness.threshold)
            self._found.append(np.stack([numbers, np.full_like(numbers, row)], axis=1))

    def save(self, folder: Path, bucket: Bucket) -> None:
        """Write (number of a held-out document, row of the training document) of each pair."""
        save_array(folder / f"{bucket.name}.leaks.npy", np.concatenate(self._found))


def leaking_pairs(folder: Path, buckets: Sequence[Bucket], ranks: Sequence[Ranks]) -> npt.NDArray[np.int64]:
    """All pairs of a held-out and a training document that are alike, by their place in the order of digests.

    `ranks` are those of each bucket's documents.
    """
    places = np.flatnonzero(np.concatenate(ranks) < TRAINED)
    found, begin = [np.empty((0, 2), np.int64)], 0
    for bucket, here in zip(buckets, ranks, strict=True):
        pairs = np.load(folder / f"{bucket.name}.leaks.npy")
        found.append(np.stack([places[pairs[:, 0]], pairs[:, 1] + begin], axis=1))
        begin += len(here)
    return np.concatenate(found)


def _mapped(path: Path, kind: type[Number]) -> npt.NDArray[Number]:
    """A file of numbers, mapped; an empty one cannot be."""
    return np.asarray(np.memmap(path, kind, "r")) if path.stat().st_size else np.empty(0, kind)
