"""A corpus of any size, cleaned: what stays of it lies in a folder, bucket by bucket in the order of digests."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tokenizer.shards import SPLITS
from tokenizer.stream.encoding import KEPT
from tokenizer.stream.index import Bucket, Index, documents_of, read_index
from tokenizer.stream.near import positions
from tokenizer.stream.parts import DOMAIN, SET, Part, numbers_of
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
    ends: list[int] = field(default_factory=list)
    """The run behind the last of each part that the corpus is read from."""
    parts: dict[str, Part] = field(default_factory=dict)
    """Its parts by name, those in SPLITS among them."""
    duplicates: int = 0
    """Exact duplicates that were removed."""
    near_duplicates: int = 0
    """Near duplicates that were removed, leaks included."""
    leaks: int = 0
    """Documents that were removed because a validation document is alike, or one of a given set is equal."""
    left_out: int = 0
    """Distinct documents beyond the cap."""
    smallest_giant: int = 0
    """UTF-8 bytes of the smallest document that is larger than the cap; 0 if there was none."""
    sides: dict[str, Side] = field(default_factory=lambda: {split: Side() for split in SPLITS})
    """What stays, by part: those in SPLITS, the others in the order of `parts`."""
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
        """Documents that stay, without those of given validation sets."""
        return sum(self.sides[split].documents for split in SPLITS)

    @property
    def bytes(self) -> int:
        """UTF-8 bytes of what stays, without those of given validation sets."""
        return sum(self.sides[split].bytes for split in SPLITS)

    @property
    def held_out_runs(self) -> int:
        """Runs at the beginning that hold given validation sets."""
        return self.parts["all"].first

    @property
    def sets(self) -> list[str]:
        """Names of the validation sets: those given, and those of domains."""
        return sorted(name.removeprefix(SET) for name in self.parts if name.startswith(SET))

    @property
    def domains(self) -> list[str]:
        """Names of the domains; none where the corpus is read as one."""
        return sorted(name.removeprefix(DOMAIN) for name in self.parts if name.startswith(DOMAIN))

    @property
    def files(self) -> list[str]:
        """Names of the parts that become files of a dataset."""
        return [name for name in self.parts if name not in ("all", "train" if self.domains else "all")]

    def stored(self, part: str) -> Iterator[Stored]:
        """The documents of a part in the order of their digests; memory holds a bucket."""
        for bucket in self.buckets:
            rows = self.parts[part].of(read_index(self.folder, bucket, KEPT), self.fraction)
            yield from documents_of(self.folder, self.runs, bucket, rows)

    def texts(self, part: str) -> Iterator[str]:
        """Their texts."""
        return (document.raw.decode() for document in self.stored(part))

    def first_bytes(self, part: str, limit: int) -> tuple[Side, str]:
        """The first documents of a part up to a number of bytes, one in any case; and the digest of the last."""
        side, last = Side(), ""
        for bucket in self.buckets:
            rows = self.parts[part].of(read_index(self.folder, bucket, KEPT), self.fraction)
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
        plain["parts"] = {name: dataclasses.asdict(part) for name, part in self.parts.items()}
        plain["sides"] = {split: dataclasses.asdict(side) for split, side in self.sides.items()}
        return json.dumps(plain)

    @classmethod
    def from_json(cls, folder: Path, text: str) -> Cleaned:
        """From a folder and what `to_json` gave."""
        data = json.loads(text)
        data["buckets"] = [Bucket(**bucket) for bucket in data["buckets"]]
        data["read"] = Read.from_json(data["read"])
        data["parts"] = {name: Part(**part) for name, part in data["parts"].items()}
        data["sides"] = {split: Side(**side) for split, side in data["sides"].items()}
        return cls(folder, **data | {"notes": tuple(data["notes"])})


class Keeper:
    """Decides, bucket by bucket in the order of digests, what stays below the cap; writes its index.

    Each domain has a cap of its own, and given validation sets have none.
    """

    def __init__(self, cleaned: Cleaned, max_bytes: int, names: Sequence[str]) -> None:
        """What is counted and written to, the cap in UTF-8 bytes, and the names of the parts that it is read from."""
        self._cleaned = cleaned
        self._max_bytes = max_bytes
        self._taken = [0] * len(cleaned.ends)
        self._full = [False] * len(cleaned.ends)
        self._whole = [end <= cleaned.held_out_runs for end in cleaned.ends]
        self._names = names if any(names) else ()
        self._hash = hashlib.sha256(json.dumps(self._names).encode() if self._names else b"")

    def take(self, bucket: Bucket, index: Index, gone: npt.NDArray[np.bool_]) -> None:
        """Keep what fits of a bucket; `gone` are its near duplicates."""
        cleaned = self._cleaned
        cleaned.near_duplicates += int(gone.sum())
        stays = ~gone
        numbers = numbers_of(index, cleaned.ends)
        for number in range(len(cleaned.ends)):
            if not self._whole[number]:
                stays &= self._fits(index, stays & (numbers == number), number) | (numbers != number)
        kept = index[stays]
        self._hash.update(np.ascontiguousarray(kept["digest"]).tobytes())
        if self._names:
            self._hash.update(numbers[stays].astype("<i4").tobytes())
        self._count(kept)
        save_array(cleaned.folder / f"{bucket.name}.{KEPT}.npy", kept)

    def _fits(self, index: Index, wanted: npt.NDArray[np.bool_], number: int) -> npt.NDArray[np.bool_]:
        """Which of the wanted rows, all of one part, stay below its cap, shape [rows]."""
        cleaned = self._cleaned
        places = np.flatnonzero(wanted)
        sizes = index["size"][places]
        giants = sizes > self._max_bytes
        if giants.any():
            smallest = int(sizes[giants].min())
            cleaned.smallest_giant = min(smallest, cleaned.smallest_giant or smallest)
        small = sizes[~giants]
        ends = self._taken[number] + np.cumsum(small)
        fitting = 0 if self._full[number] else int((ends <= self._max_bytes).sum())
        self._full[number] = self._full[number] or fitting < len(small)
        self._taken[number] += int(small[:fitting].sum())
        cleaned.left_out += len(places) - fitting
        found = np.zeros(len(index), bool)
        found[places[~giants][:fitting]] = True
        return found

    def _count(self, kept: Index) -> None:
        """Count documents that stay."""
        cleaned = self._cleaned
        for name, part in cleaned.parts.items():
            if name != "all":
                cleaned.sides.setdefault(name, Side()).add(part.of(kept, cleaned.fraction))
        trained = cleaned.parts["all"].of(kept, cleaned.fraction)
        if len(trained):
            places = positions(trained)
            cleaned.lowest = min(cleaned.lowest, float(places.min()))
            cleaned.highest = max(cleaned.highest, float(places.max()))

    def end(self) -> None:
        """Note the identity."""
        self._cleaned.content_hash = self._hash.hexdigest()
