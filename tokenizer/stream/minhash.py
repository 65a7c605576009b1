"""MinHash signatures (Broder 1997) of documents, and their bands for locality-sensitive hashing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

HASHES = 128
"""Hashes of a signature: the standard error of an estimated similarity of 0.8 is 0.035."""
RECALL = 0.98
"""Least share of the pairs at the threshold that share a band."""
_CHUNK = 512
"""n-grams that are hashed at once: their hashes stay in the processor's cache."""
_WORDS = 1 << 17
"""Most words whose hashes are remembered."""
_WORD = re.compile(r"\w+")
_U64 = np.uint64

Signature = npt.NDArray[np.uint32]
"""Smallest hashes, shape [HASHES]."""


def _constants() -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Odd factors and summands of the hashes, shape [HASHES, 1] each: fixed for all time."""
    raw = b"".join(blake2b(bytes([i]), digest_size=16, person=b"isoflop").digest() for i in range(HASHES))
    words = np.frombuffer(raw, dtype="<u8").astype(np.uint64).reshape(HASHES, 2)
    return words[:, :1] | _U64(1), words[:, 1:]


_FACTORS, _SUMMANDS = _constants()


@dataclass(frozen=True, slots=True)
class Bands:
    """How a signature is cut for locality-sensitive hashing: two documents with an equal band are compared."""

    rows: int
    """Hashes of a band."""

    @property
    def count(self) -> int:
        """Number of bands."""
        return HASHES // self.rows

    def share(self, similarity: float) -> float:
        """The share of pairs of this similarity that have an equal band."""
        return 1 - (1 - similarity**self.rows) ** self.count


def bands_for(threshold: float) -> Bands:
    """The longest bands that RECALL of the pairs at the threshold share."""
    fitting = [Bands(rows) for rows in range(1, HASHES + 1) if Bands(rows).share(threshold) >= RECALL]
    return max(fitting, key=lambda bands: bands.rows)


class _Hashes(dict[str, int]):
    """64 bits of each word that was asked for; forgets all of them when they are many."""

    def __missing__(self, word: str) -> int:
        """Those of a word that is new."""
        if len(self) >= _WORDS:
            self.clear()
        found = self[word] = int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little")
        return found


_HASHES = _Hashes()


def shingles(text: str, n: int) -> npt.NDArray[np.uint64]:
    """A hash of each different n-gram of the text's words in lower case, ascending; all words where they are fewer."""
    words = _WORD.findall(text.lower()) or [text.strip()]
    numbers = np.fromiter(map(_HASHES.__getitem__, words), np.uint64, len(words))
    count = max(1, len(numbers) - n + 1)
    found = np.zeros(count, np.uint64)
    for at in range(min(n, len(numbers))):
        found = _mix(found + numbers[at : at + count])
    found.sort()  # np.unique hashes first, which takes three times as long
    return found[np.r_[True, found[1:] != found[:-1]]]


def _mix(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """SplitMix64's finaliser (Steele, Lea & Flood 2014); wraps around."""
    words = (words ^ (words >> _U64(30))) * _U64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> _U64(27))) * _U64(0x94D049BB133111EB)
    return words ^ (words >> _U64(31))


def signature(text: str, n: int) -> Signature:
    """The smallest hash of the text's n-grams under each of HASHES functions."""
    return signature_of(shingles(text, n))


def signature_of(grams: npt.NDArray[np.uint64]) -> Signature:
    """The smallest of n-grams' hashes under each of HASHES functions."""
    smallest = np.full(HASHES, np.iinfo(np.uint64).max, np.uint64)
    for start in range(0, len(grams), _CHUNK):
        hashes = grams[None, start : start + _CHUNK] * _FACTORS + _SUMMANDS
        np.minimum(smallest, hashes.min(axis=1), out=smallest)
    return (smallest >> _U64(32)).astype(np.uint32)


def band_hashes(signatures: npt.NDArray[np.uint32], bands: Bands, band: int) -> npt.NDArray[np.uint64]:
    """A hash of one band of each signature, [documents, HASHES] to [documents]."""
    found = np.zeros(len(signatures), np.uint64)
    for row in range(band * bands.rows, (band + 1) * bands.rows):
        found = _mix(found + _U64(0x9E3779B97F4A7C15) + signatures[:, row].astype(np.uint64))
    return found


def similarity(first: npt.NDArray[np.uint32], second: npt.NDArray[np.uint32]) -> npt.NDArray[np.float64]:
    """Estimated Jaccard similarity of pairs of signatures, [pairs, HASHES] twice to [pairs]."""
    return np.asarray((first == second).mean(axis=1), dtype=np.float64)
