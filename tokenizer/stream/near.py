"""The third step: pairs of near duplicates, found band by band, and which document of them goes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tokenizer.stream.index import Bucket, Index, read_index
from tokenizer.stream.minhash import similarity
from tokenizer.stream.whole import save_array

LINKS = 32
"""Documents before it with which each one of an equal band is compared, and the first."""
AT_ONCE = 1 << 23
"""Documents whose bands are sorted at once."""
_PAIRS = 1 << 15
"""Pairs whose signatures are compared, or that are decided, at once."""
_PLACE_BITS = 31
"""Bits of a document's place in the order of digests."""
_U64 = np.uint64
_PLACE = _U64(2**_PLACE_BITS - 1)

GIVEN, HELD_OUT, TRAINED = 0, 1, 2
"""Ranks of documents: of a validation set that was given, held out by their digests, or to be trained on."""
Ranks = npt.NDArray[np.int8]
"""Ranks of documents, shape [documents]."""
Pairs = npt.NDArray[np.int64]
"""Two documents each, by their place in the order of digests, shape [pairs, 2]; the first one stays."""


def positions(index: Index) -> npt.NDArray[np.float64]:
    """A number in [0, 1) from the last eight bytes of each digest: below the validation fraction lies validation.

    The first bytes order the corpus, and the cap keeps the smallest: by them a small corpus would be validation alone.
    """
    tail = np.ascontiguousarray(index["digest"][:, -8:]).view(">u8").reshape(-1)
    return np.asarray(tail.astype(np.float64) / 2.0**64)


class Signatures:
    """The signatures of all buckets, of which rows are read by their place in the order of digests."""

    def __init__(self, folder: Path, buckets: list[Bucket]) -> None:
        """Map the files."""
        self._parts = [np.load(folder / f"{bucket.name}.signatures.npy", mmap_mode="r") for bucket in buckets]
        self._ends = np.cumsum([len(part) for part in self._parts])

    def rows(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.uint32]:
        """Signatures of documents, [documents] to [documents, HASHES]."""
        part = np.searchsorted(self._ends, places, side="right")
        found = np.empty((len(places), self._parts[0].shape[1]), np.uint32)
        for number in np.unique(part):
            chosen = part == number
            begin = int(self._ends[number]) - len(self._parts[number])
            found[chosen] = self._parts[number][places[chosen] - begin]
        return found


@dataclass(frozen=True)
class Nearness:
    """What counts as a near duplicate."""

    threshold: float
    """Least estimated Jaccard similarity."""
    fraction: float
    """Share held out for validation: of a pair its document comes first."""
    held_out_runs: int = 0
    """Runs at the beginning that are held out wholly: their documents come before all others, and stay."""

    def ranks(self, index: Index) -> Ranks:
        """Which documents come first in a pair, the lowest rank, shape [documents]."""
        split = np.where(positions(index) < self.fraction, HELD_OUT, TRAINED)
        return np.where(index["run"] < self.held_out_runs, GIVEN, split).astype(np.int8)


def pair_band(folder: Path, buckets: list[Bucket], band: int, nearness: Nearness) -> int:
    """Write the pairs of near duplicates that share a band; returns their number.

    Those of a training document and another are found by `tokenizer.stream.leaks`, which overlooks none.
    """
    hashes = [np.load(folder / f"{bucket.name}.bands.npy", mmap_mode="r") for bucket in buckets]
    ranks = np.concatenate([nearness.ranks(read_index(folder, b)) for b in buckets])
    signatures = Signatures(folder, buckets)
    passes = max(1, -(-len(ranks) // AT_ONCE))
    found = [np.empty((0, 2), np.int64)]
    for number in range(passes):
        ours, places, begin = [], [], 0
        for part in hashes:
            row = np.asarray(part[band]) if part.size else np.empty(0, np.uint64)
            chosen = np.flatnonzero(row % np.uint64(passes) == np.uint64(number))
            ours.append(row[chosen])
            places.append(chosen + begin)
            begin += len(row)
        pairs = _candidates(np.concatenate(ours), np.concatenate(places), ranks)
        found += [
            _alike(pairs[at : at + _PAIRS], signatures, nearness.threshold) for at in range(0, len(pairs), _PAIRS)
        ]
    pairs = np.concatenate(found)
    save_array(folder / f"pairs-{band:03d}.npy", pairs)
    return len(pairs)


def _candidates(hashes: npt.NDArray[np.uint64], places: Pairs, ranks: Ranks) -> Pairs:
    """Pairs of documents with equal hashes, both trained on or neither: each with LINKS before it and the first."""
    order = np.lexsort((places, ranks[places], hashes))
    hashes, places = hashes[order], places[order]
    trained = ranks[places] == TRAINED
    changes = (hashes[1:] != hashes[:-1]) | (trained[1:] != trained[:-1])
    new = np.r_[True, changes] if len(hashes) else np.empty(0, bool)
    firsts = np.maximum.accumulate(np.where(new, np.arange(len(hashes)), 0))
    later = np.flatnonzero(~new)
    found = [np.stack([firsts[later], later], axis=1)]
    for back in range(1, LINKS + 1):
        later = later[later - back > firsts[later]]
        found.append(np.stack([later - back, later], axis=1))
    return np.asarray(places[np.concatenate(found)].reshape(-1, 2))


def _alike(pairs: Pairs, signatures: Signatures, threshold: float) -> Pairs:
    """Those of some pairs whose estimated similarity reaches the threshold."""
    alike = similarity(signatures.rows(pairs[:, 0]), signatures.rows(pairs[:, 1])) >= threshold
    return pairs[alike]


def leave_out(lists: Iterable[Pairs], ranks: Ranks) -> tuple[npt.NDArray[np.bool_], int]:
    """Which documents go, shape [documents]: those with a near duplicate before them that stays.

    Given sets stay whole, validation comes before training, and then the order of digests counts. The second is the
    number of training documents that are like a held-out one that stays.
    """
    gone, leaking = np.zeros(len(ranks), bool), np.zeros(len(ranks), bool)
    links = _links(lists, ranks)
    for at in range(0, len(links), _PAIRS):
        seconds, firsts = ((links[at : at + _PAIRS] >> _U64(bits)) & _PLACE for bits in (_PLACE_BITS, 0))
        for first, second in zip(firsts.tolist(), seconds.tolist(), strict=True):
            if not gone[first]:
                gone[second] = True
        leaks = (ranks[firsts] < TRAINED) & (ranks[seconds] == TRAINED) & ~gone[firsts]
        leaking[seconds[leaks]] = True
    return gone, int(leaking.sum())


def _links(lists: Iterable[Pairs], ranks: Ranks) -> npt.NDArray[np.uint64]:
    """Each different pair of some lists as one number, in the order of its second's rank and place, then its first's.

    A number takes half the memory of a pair, and only as many are held as there are different ones. No document of a
    given set is second.
    """
    found = np.empty(0, np.uint64)
    for pairs in lists:
        first, second = pairs[ranks[pairs[:, 1]] != GIVEN].T.astype(np.uint64)
        packed = ranks[second].astype(np.uint64) << _U64(2 * _PLACE_BITS) | second << _U64(_PLACE_BITS) | first
        found = np.concatenate([found, packed])
        found.sort()
        found = found[np.r_[True, found[1:] != found[:-1]]] if len(found) else found
    return found
