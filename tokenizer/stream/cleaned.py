"""A corpus of any size, cleaned: what stays of it lies in a folder, bucket by bucket in the order of digests."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tokenizer.shards import SPLITS
from tokenizer.stream.encoding import KEPT, split_of
from tokenizer.stream.index import Bucket, Index, documents_of, read_index
from tokenizer.stream.near import positions
from tokenizer.stream.reading import Read
from tokenizer.stream.runs import Stored
from tokenizer.stream.whole import save_array


@dataclass
class Side:
    """What stays of a split."""

    documents: int = 0
    """Their number."""
    bytes: int = 0
    """UTF-8 bytes of their text."""

    def add(self, rows: Index) -> None:
        """Add the documents of an index."""
        self.documents += len(rows)
        self.bytes += int(rows["size"].sum())


@dataclass
class Cleaned:
    """A cleaned corpus."""

    folder: Path
    """Where its files are."""
    runs: list[str]
    """Names of its runs."""
    buckets: list[Bucket]
    """Ranges of digests, in order."""
    read: Read
    """What was read, and what the rules threw away."""
    fraction: float
    """Share held out for validation."""
    duplicates: int = 0
    """Exact duplicates that were removed."""
    near_duplicates: int = 0
    """Near duplicates that were removed, leaks included."""
    leaks: int = 0
    """Training documents among them that were removed because a validation document is alike."""
    left_out: int = 0
    """Distinct documents beyond the cap."""
    smallest_giant: int = 0
    """UTF-8 bytes of the smallest document that is larger than the cap; 0 if there was none."""
    sides: dict[str, Side] = field(default_factory=lambda: {split: Side() for split in SPLITS})
    """What stays, by split."""
    lowest: float = 1.0
    """The smallest position of a document: by fractions above it, it is held out."""
    highest: float = 0.0
    """The largest one."""
    content_hash: str = ""
    """SHA-256 of the digests of what stays, in order: the corpus's identity, independent of paths and times."""
    notes: tuple[str, ...] = ()
    """What a reader should know, such as packages that are not installed."""

    @property
    def documents(self) -> int:
        """Documents that stay."""
        return sum(side.documents for side in self.sides.values())

    @property
    def bytes(self) -> int:
        """UTF-8 bytes of what stays."""
        return sum(side.bytes for side in self.sides.values())

    def stored(self, split: str = "") -> Iterator[Stored]:
        """The documents of a split, or all, in the order of their digests; memory holds a bucket."""
        for bucket in self.buckets:
            index = read_index(self.folder, bucket, KEPT)
            rows = split_of(index, self.fraction, split) if split else index
            yield from documents_of(self.folder, self.runs, bucket, rows)

    def texts(self, split: str = "") -> Iterator[str]:
        """Their texts."""
        return (document.raw.decode() for document in self.stored(split))

    def ends_of_validation(self, limit: int) -> tuple[Side, str]:
        """The first validation documents up to a number of bytes, one in any case; and the digest of the last."""
        side, last = Side(), ""
        for bucket in self.buckets:
            rows = split_of(read_index(self.folder, bucket, KEPT), self.fraction, "validation")
            fitting = int((side.bytes + np.cumsum(rows["size"]) <= limit).sum())
            fitting = max(fitting, 1) if not side.documents else fitting
            side.add(rows[:fitting])
            if fitting and len(rows):
                last = rows["digest"][min(fitting, len(rows)) - 1].tobytes().hex()
            if fitting < len(rows):
                break
        return side, last

    @property
    def facts_json(self) -> dict[str, Any]:
        """What was read, left out and kept, JSON-ready: the record in a dataset's manifest."""
        read = self.read
        return {
            "documents_read": read.documents,
            "bytes_read": read.bytes,
            "invalid": dict(sorted(read.invalid.items())),
            "rules": dict(sorted(read.thrown.items())),
            "lines": dict(sorted(read.lines.items())),
            "samples": {rule: [text for _, text in some] for rule, some in sorted(read.samples.items())},
            "duplicates": self.duplicates,
            "near_duplicates": self.near_duplicates,
            "leaks": self.leaks,
            "left_out": self.left_out,
            "documents": self.documents,
            "bytes": self.bytes,
        }

    def to_json(self) -> str:
        """All but where it lies, as text."""
        plain = {name: value for name, value in vars(self).items() if name != "folder"}
        plain["read"] = self.read.to_dict()
        plain["buckets"] = [dataclasses.asdict(bucket) for bucket in self.buckets]
        plain["sides"] = {split: dataclasses.asdict(side) for split, side in self.sides.items()}
        return json.dumps(plain)

    @classmethod
    def from_json(cls, folder: Path, text: str) -> Cleaned:
        """From a folder and what `to_json` gave."""
        data = json.loads(text)
        data["buckets"] = [Bucket(**bucket) for bucket in data["buckets"]]
        data["read"] = Read.from_json(data["read"])
        data["sides"] = {split: Side(**side) for split, side in data["sides"].items()}
        return cls(folder, **data | {"notes": tuple(data["notes"])})


class Keeper:
    """Decides, bucket by bucket in the order of digests, what stays below the cap; writes its index."""

    def __init__(self, cleaned: Cleaned, max_bytes: int) -> None:
        """What is counted and written to, and the cap in UTF-8 bytes."""
        self._cleaned = cleaned
        self._max_bytes = max_bytes
        self._taken = 0
        self._full = False
        self._hash = hashlib.sha256()

    def take(self, bucket: Bucket, index: Index, gone: npt.NDArray[np.bool_]) -> None:
        """Keep what fits of a bucket; `gone` are its near duplicates."""
        cleaned = self._cleaned
        cleaned.near_duplicates += int(gone.sum())
        rows = index[~gone]
        giants = rows["size"] > self._max_bytes
        if giants.any():
            smallest = int(rows["size"][giants].min())
            cleaned.smallest_giant = min(smallest, cleaned.smallest_giant or smallest)
        small = rows[~giants]
        ends = self._taken + np.cumsum(small["size"])
        fitting = 0 if self._full else int((ends <= self._max_bytes).sum())
        self._full = self._full or fitting < len(small)
        kept = small[:fitting]
        cleaned.left_out += len(rows) - fitting
        self._taken += int(kept["size"].sum())
        self._hash.update(np.ascontiguousarray(kept["digest"]).tobytes())
        self._count(kept)
        save_array(cleaned.folder / f"{bucket.name}.{KEPT}.npy", kept)

    def _count(self, kept: Index) -> None:
        """Count documents that stay."""
        cleaned = self._cleaned
        for split, side in cleaned.sides.items():
            side.add(split_of(kept, cleaned.fraction, split))
        if len(kept):
            places = positions(kept)
            cleaned.lowest = min(cleaned.lowest, float(places.min()))
            cleaned.highest = max(cleaned.highest, float(places.max()))

    def end(self) -> None:
        """Note the identity."""
        self._cleaned.content_hash = self._hash.hexdigest()
