"""What is kept of a cleaned corpus: what stays below the cap, its identity, its first bytes; it survives as text."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tokenizer.stream.cleaned import Cleaned, Keeper, Side
from tokenizer.stream.encoding import KEPT
from tokenizer.stream.index import ROW, Bucket, read_index
from tokenizer.stream.parts import Part
from tokenizer.stream.reading import Read


def kept(
    folder: Path, sizes: list[list[int]], cap: int, runs: tuple[int, ...] = (), names: tuple[str, ...] = ("",)
) -> Cleaned:
    """Documents of these sizes, a list for each bucket, all for training; `runs` are the runs of the first ones."""
    buckets = [Bucket(number, number + 1) for number in range(len(sizes))]
    made = Cleaned(folder, ["a.run", "b.run"], buckets, Read(), 0.0, ends=[1, 2])
    made.parts = {name: Part(name, "train" * (name != "all"), 0, 2) for name in ("train", "all")}
    keeper = Keeper(made, cap, names)
    for bucket, each in zip(buckets, sizes, strict=True):
        rows = np.zeros(len(each), ROW)
        rows["size"], rows["digest"][:, 0], rows["digest"][:, -8] = each, bucket.first, 64 * np.arange(len(each))
        rows["run"][: len(runs)] = runs[: len(each)]
        keeper.take(bucket, rows, np.zeros(len(each), bool))
    keeper.end()
    return made


@pytest.mark.parametrize(
    ("sizes", "stays", "left_out", "giant"),
    [
        ([[4, 4], [2, 1]], [4, 4, 2], 1, 0),
        ([[4, 4], [5], [2]], [4, 4], 2, 0),
        ([[20, 4, 12], [30, 6]], [4, 6], 3, 12),
        ([[10]], [10], 0, 0),
        ([[11]], [], 1, 11),
    ],
)
def test_what_stays_is_the_first_below_the_cap(
    tmp_path: Path, sizes: list[list[int]], stays: list[int], left_out: int, giant: int
) -> None:
    """None stays behind one that does not fit; what is larger than the cap alone is passed over."""
    found = kept(tmp_path, sizes, 10)
    assert [int(size) for b in found.buckets for size in read_index(tmp_path, b, KEPT)["size"]] == stays
    assert (found.documents, found.bytes, found.left_out) == (len(stays), sum(stays), left_out)
    assert found.smallest_giant == giant


def test_the_positions_of_what_stays_bound_the_fractions(tmp_path: Path) -> None:
    found = kept(tmp_path, [[1, 1], [1, 1, 1]], 4)
    assert (found.lowest, found.highest) == (0.0, 0.25)


def test_the_identity_has_the_domain_of_each_document(tmp_path: Path) -> None:
    plain = {kept(tmp_path, [[1, 1]], 9, runs).content_hash for runs in ((0, 1), (1, 0))}
    named = {kept(tmp_path, [[1, 1]], 9, runs, ("a", "b")).content_hash for runs in ((0, 1), (1, 0))}
    assert (len(plain), len(named), len(plain | named)) == (1, 2, 3)


@pytest.mark.parametrize(
    ("sizes", "limit", "documents", "last"),
    [
        ([[4, 4], [2, 5]], 10, 3, "0100"),
        ([[4, 4], [2, 5]], 9, 2, "0040"),
        ([[4, 4], [9], [1]], 10, 2, "0040"),
        ([[4, 4], [2]], 1, 1, "0000"),
        ([[4, 4], [2]], 99, 3, "0100"),
        ([[], [4]], 4, 1, "0100"),
    ],
)
def test_first_bytes_end_with_the_first_that_does_not_fit(
    tmp_path: Path, sizes: list[list[int]], limit: int, documents: int, last: str
) -> None:
    """`last`: the first and the eighth byte from the end of its digest."""
    side, digest = kept(tmp_path, sizes, 99).first_bytes("train", limit)
    assert side.documents == documents
    assert digest[:2] + digest[-16:-14] == last


def test_a_cleaned_corpus_comes_back_from_its_text(tmp_path: Path) -> None:
    read = Read(
        3, 30, Counter({"NUL": 1}), Counter({"symbols": 2}), Counter(), {"symbols": [("ab", "text")]}, ["a.run"]
    )
    made = Cleaned(tmp_path, ["a.run"], [Bucket(0, 9)], read, 0.1, leaks=4, notes=("a note",))
    made.sides["train"] = Side(5, 50)
    again = Cleaned.from_json(tmp_path, made.to_json())
    assert again == made
    assert (again.documents, again.bytes) == (5, 50)
    assert again.facts_json["rules"] == {"symbols": 2} and again.facts_json["samples"] == {"symbols": ["text"]}
    assert again.facts_json["invalid"] == {"NUL": 1} and again.facts_json["leaks"] == 4
