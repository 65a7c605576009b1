"""Signatures estimate the Jaccard similarity of n-grams; bands catch what is alike."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tokenizer.stream import minhash
from tokenizer.stream.minhash import HASHES, RECALL, Bands, band_hashes, bands_for, shingles, signature, similarity


def alike(share: float, seed: int, words: int = 400) -> tuple[str, str]:
    """Two texts, one with a block of other words, whose 5-grams have about this similarity."""
    rng = random.Random(seed)
    first = [f"w{rng.randrange(10**6)}" for _ in range(words)]
    block = max(0, round((words - 4) * (1 - share) / (1 + share)) - 4)
    return " ".join(first), " ".join([f"x{rng.randrange(10**6)}" for _ in range(block)] + first[block:])


def jaccard(first: str, second: str, n: int = 5) -> float:
    one, other = shingles(first, n), shingles(second, n)
    return len(np.intersect1d(one, other)) / len(np.union1d(one, other))


@pytest.mark.parametrize("share", [0.95, 0.8, 0.5, 0.2])
def test_the_estimate_is_right_on_average_and_within_its_error(share: float) -> None:
    pairs = [alike(share, seed) for seed in range(30)]
    true = np.array([jaccard(*pair) for pair in pairs])
    first, second = (np.stack([signature(pair[side], 5) for pair in pairs]) for side in (0, 1))
    off = similarity(first, second) - true
    error = np.sqrt(share * (1 - share) / HASHES)
    assert abs(off.mean()) < 4 * error / np.sqrt(30)
    assert abs(off).max() < 5 * error


def test_shingles_are_of_words_in_lower_case_and_short_texts_have_one() -> None:
    assert shingles("One, two THREE four; five", 5).tolist() == shingles("one two three four five", 5).tolist()
    assert len(shingles("one two", 5)) == len(shingles("...", 5)) == 1
    assert shingles("...", 5) != shingles("!!!", 5)
    assert len(shingles("a b c d e f g", 5)) == 3


def test_shingles_are_the_same_while_words_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    text = " ".join(f"w{number % 50}" for number in range(200))
    before = shingles(text, 5)
    assert len(before) == 50 and (np.diff(before.astype(object)) > 0).all()
    monkeypatch.setattr(minhash, "_WORDS", 7)
    monkeypatch.setattr(minhash, "_HASHES", minhash._Hashes())
    assert shingles(text, 5).tolist() == before.tolist()
    assert len(minhash._HASHES) <= 7


def test_signatures_never_change() -> None:
    """Which documents are left out, and so the identity of a dataset, follows from them."""
    assert signature("the quick brown fox jumps over the lazy dog", 5)[:3].tolist() == FIRST
    assert int(band_hashes(signature("a b c d e f", 5)[None], Bands(5), 2)[0]) == BAND


FIRST = [1301139706, 1772556947, 173710603]
BAND = 6163012988401590053


@pytest.mark.parametrize(("threshold", "rows"), [(0.5, 3), (0.7, 5), (0.8, 7), (0.9, 11), (1.0, 128)])
def test_bands_are_as_long_as_they_may_be(threshold: float, rows: int) -> None:
    found = bands_for(threshold)
    assert found.rows == rows
    assert found.share(threshold) >= RECALL
    assert rows == HASHES or Bands(rows + 1).share(threshold) < RECALL


def test_equal_bands_have_equal_hashes_and_others_not() -> None:
    signatures = np.stack(
        [signature(text, 5) for text in (*alike(0.9, 1), "other words that are not those of the text")]
    )
    hashes = np.stack([band_hashes(signatures, Bands(5), band) for band in range(25)])
    assert (hashes[:, 0] == hashes[:, 1]).any() and not (hashes[:, 0] == hashes[:, 2]).any()
    same = (signatures[0].reshape(-1)[:125].reshape(25, 5) == signatures[1][:125].reshape(25, 5)).all(axis=1)
    assert ((hashes[:, 0] == hashes[:, 1]) == same).all()
