"""Which of near duplicates goes, and that candidates are compared however many share a band."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tokenizer.stream import near as module
from tokenizer.stream.index import ROW, Bucket
from tokenizer.stream.minhash import HASHES
from tokenizer.stream.near import Nearness, leave_out, pair_band, positions


def gone(pairs: list[tuple[int, int]], held_out: str) -> str:
    lists = [np.array(each, np.int64).reshape(-1, 2) for each in (pairs, pairs[:1])]
    found, _ = leave_out(lists, np.array(["gvt".index(c) for c in held_out], np.int8))
    return "".join("x" if each else "." for each in found)


@pytest.mark.parametrize(
    ("pairs", "held_out", "expected"),
    [
        ([(0, 1)], "tt", ".x"),
        ([(1, 0)], "tv", "x."),
        ([(0, 1), (1, 2)], "ttt", ".x."),
        ([(0, 1), (0, 2), (1, 2)], "ttt", ".xx"),
        ([(2, 0), (2, 1), (0, 1)], "ttv", "xx."),
        ([(0, 1), (1, 2)], "vvt", ".x."),
        ([(0, 1), (0, 1)], "tt", ".x"),
        ([], "tv", ".."),
        ([(0, 1), (1, 2)], "ggt", "..x"),
        ([(1, 0), (1, 2)], "vgt", "x.x"),
    ],
)
def test_a_document_goes_if_one_before_it_that_stays_is_alike(
    pairs: list[tuple[int, int]], held_out: str, expected: str
) -> None:
    """Given sets (g) stay whole, validation is before training: no document that would leak stays."""
    assert gone(pairs, held_out) == expected


@pytest.mark.parametrize("at_once", [1, 100])
def test_leaks_are_training_documents_like_a_held_out_one_that_stays(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PAIRS", at_once)
    pairs = np.array([(0, 1), (0, 2), (1, 3), (1, 2), (4, 5)], np.int64)
    found, leaks = leave_out([pairs], np.array([1, 1, 2, 2, 2, 2], np.int8))
    assert (found.tolist(), leaks) == ([False, True, True, False, False, True], 1)


def test_each_is_compared_with_those_of_its_split_before_it_and_the_first() -> None:
    hashes, places = np.array([7, 9, 7, 7, 8, 7], np.uint64), np.arange(6)
    ranks = np.array([2, 2, 2, 1, 2, 2], np.int8)
    pairs = module._candidates(hashes, places, ranks).tolist()
    assert {frozenset(pair) for pair in pairs} == {frozenset(p) for p in [(0, 2), (0, 5), (2, 5)]}
    many = module._candidates(np.ones(500, np.uint64), np.arange(500), np.zeros(500, np.int8))
    assert len(np.unique(many, axis=0)) == sum(min(i, module.LINKS) + (i > module.LINKS) for i in range(500))
    assert len(module._candidates(np.empty(0, np.uint64), np.empty(0, np.int64), ranks)) == 0


@pytest.mark.parametrize("at_once", [100, 2])
def test_documents_of_all_buckets_with_an_equal_band_are_paired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """However few are sorted at once; the last two have equal bands and other signatures."""
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    buckets = [Bucket(0, 1), Bucket(1, 2)]
    for bucket, band, marks in ((buckets[0], [4, 5, 6, 7], [4, 5, 6, 7]), (buckets[1], [5, 4, 6, 7], [5, 4, 6, 0])):
        np.save(tmp_path / f"{bucket.name}.bands.npy", np.array([band], np.uint64))
        np.save(tmp_path / f"{bucket.name}.signatures.npy", np.repeat(np.array(marks, np.uint32)[:, None], HASHES, 1))
        np.save(tmp_path / f"{bucket.name}.index.npy", np.zeros(4, ROW))
    assert pair_band(tmp_path, buckets, 0, Nearness(0.7, 0.0)) == 3
    assert sorted(np.load(tmp_path / "pairs-000.npy").tolist()) == [[0, 5], [1, 4], [2, 6]]


def test_the_position_is_that_of_the_last_bytes() -> None:
    index = np.zeros(2, ROW)
    index["digest"][1, -8] = 0x80
    assert positions(index).tolist() == [0.0, 0.5]
