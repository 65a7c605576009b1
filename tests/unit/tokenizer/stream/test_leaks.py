"""Every training document that is like one held out is found, exactly, however the corpus is cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.tokenizer.stream.stream_data import in_small_pieces, write_corpus
from tokenizer.corpus import CorpusSpec, source_files
from tokenizer.progress import silent
from tokenizer.stream import leaks
from tokenizer.stream.cleaned import Cleaned
from tokenizer.stream.cleaning import clean
from tokenizer.stream.index import Bucket, documents_of, read_index
from tokenizer.stream.leaks import HeldOut, LeakFinder, gather, hold_out, is_held_out, leaking_pairs
from tokenizer.stream.minhash import shingles
from tokenizer.stream.near import TRAINED, Nearness
from tokenizer.stream.pool import Pool
from tokenizer.stream.runs import PREFIXES


def cleaned(spec: CorpusSpec, folder: Path) -> Cleaned:
    return clean(spec, *source_files(spec), folder, Pool(folder, 1), silent)


def grams_of(one: Cleaned) -> list[tuple[bool, set[int]]]:
    """Of every distinct document, before near duplicates go: whether it is held out, and its n-grams."""
    return [
        (is_held_out(Nearness(0.7, one.fraction), 0, document.digest), set(shingles(document.raw.decode(), 5).tolist()))
        for bucket in one.buckets
        for document in documents_of(one.folder, one.runs, bucket, read_index(one.folder, bucket))
    ]


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 1.0])
@pytest.mark.parametrize("cut", [False, True])
def test_all_pairs_and_no_others_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threshold: float, cut: bool
) -> None:
    if cut:
        in_small_pieces(monkeypatch)
        monkeypatch.setattr(leaks, "AT_ONCE", 100)
    spec = write_corpus(tmp_path / "texts", near_duplicates=threshold, validation_fraction=0.4)
    one = cleaned(spec, tmp_path / "work")
    ranks = [Nearness(threshold, one.fraction).ranks(read_index(one.folder, bucket)) for bucket in one.buckets]
    found = leaking_pairs(one.folder, one.buckets, ranks).tolist()
    texts = grams_of(one)
    expected = [
        [i, j]
        for i, (held, a) in enumerate(texts)
        for j, (other, b) in enumerate(texts)
        if held and not other and len(a & b) / len(a | b) >= threshold
    ]
    assert sorted(found) == expected
    assert len(expected) == (3 if threshold < 1 else 0)
    assert (np.concatenate(ranks) < TRAINED).tolist() == [held for held, _ in texts]


def held_out(folder: Path, sets: list[list[int]]) -> HeldOut:
    for name, kind, values in (
        (leaks.GRAMS, "<u8", sorted(gram for one in sets for gram in one)),
        (leaks.HOLDERS, "<i4", [i for _, i in sorted((gram, i) for i, one in enumerate(sets) for gram in one)]),
        (leaks.SIZES, "<i4", [len(one) for one in sets]),
    ):
        np.array(values, kind).tofile(folder / name)
    return HeldOut(folder)


def test_a_similarity_at_the_threshold_counts_and_one_below_does_not(tmp_path: Path) -> None:
    held = held_out(tmp_path, [list(range(10)), list(range(3, 17)), [99]])
    document = np.arange(3, 10, dtype=np.uint64)  # 7 of 10, 7 of 14, none of 1
    assert held.alike(document, 0.7).tolist() == [0]
    assert held.alike(document, 0.5).tolist() == [0, 1]
    assert held.alike(document, 0.71).tolist() == []
    longer = np.arange(3, 23, dtype=np.uint64)  # 14 of 20, its last six missing; 7 of 23
    assert held.alike(longer, 0.7).tolist() == [1]
    assert held.alike(longer, 0.3).tolist() == [0, 1]
    assert held.alike(np.array([2**64 - 1], np.uint64), 0.5).tolist() == []


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_the_index_has_every_n_gram_of_every_bucket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(leaks, "AT_ONCE", at_once)
    buckets = [Bucket(0, 1), Bucket(1, PREFIXES)]
    top = 2**64 - 1
    for bucket, entries, sizes in ((buckets[0], [(0, 1), (5, 0)], [1, 1]), (buckets[1], [(5, 0), (top, 0)], [2])):
        np.save(tmp_path / f"{bucket.name}.held.npy", np.array(entries, leaks._ENTRY))
        np.save(tmp_path / f"{bucket.name}.sizes.npy", np.array(sizes, "<i4"))
    assert gather(tmp_path, buckets) == 4
    assert np.fromfile(tmp_path / leaks.GRAMS, "<u8").tolist() == [0, 5, 5, top]
    assert np.fromfile(tmp_path / leaks.HOLDERS, "<i4").tolist() == [1, 0, 2, 2]
    assert np.fromfile(tmp_path / leaks.SIZES, "<i4").tolist() == [1, 1, 2]


def test_without_anything_held_out_nothing_is_found(tmp_path: Path) -> None:
    one = cleaned(write_corpus(tmp_path / "texts", near_duplicates=0), tmp_path / "work")
    (bucket,) = one.buckets
    nothing = Nearness(0.7, 0.0)
    assert hold_out(one.folder, one.runs, bucket, 5, nothing) == gather(one.folder, one.buckets) == 0
    finder = LeakFinder(HeldOut(one.folder), nothing)
    finder.look(0, 0, bytes(32), shingles("some text", 5))
    finder.save(one.folder, bucket)
    assert leaking_pairs(one.folder, one.buckets, [nothing.ranks(read_index(one.folder, bucket))]).tolist() == []


def test_documents_of_a_given_set_are_held_out_whatever_their_digest() -> None:
    given = Nearness(0.7, 0.0, held_out_runs=2)
    assert [is_held_out(given, run, bytes(32)) for run in (0, 1, 2)] == [True, True, False]
