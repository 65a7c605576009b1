"""A corpus is cleaned alike however it is cut, by however many processes, and after a kill wherever."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from tests.unit.tokenizer.stream.stream_data import in_small_pieces, write_corpus
from tokenizer import dataset
from tokenizer.corpus import CorpusSpec, source_files
from tokenizer.dataset import prepare
from tokenizer.progress import silent
from tokenizer.stream import pool
from tokenizer.stream.cleaned import Cleaned
from tokenizer.stream.cleaning import clean
from tokenizer.stream.minhash import shingles
from tokenizer.stream.pool import Pool
from tokenizer.vocabulary import TokenizerSpec

BYTE = TokenizerSpec("byte")


def cleaned(spec: CorpusSpec, folder: Path) -> Cleaned:
    return clean(spec, *source_files(spec), folder, Pool(folder, 1), silent)


def told(one: Cleaned) -> object:
    return (one.content_hash, one.facts_json, {split: list(one.texts(split)) for split in one.sides})


def test_pieces_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = write_corpus(tmp_path / "texts")
    whole = cleaned(spec, tmp_path / "whole")
    in_small_pieces(monkeypatch)
    cut = cleaned(spec, tmp_path / "cut")
    assert len(cut.runs) > 10 < len(cut.buckets)
    assert told(cut) == told(whole)
    again = cleaned(spec, tmp_path / "cut")
    assert told(again) == told(cut) and again.to_json() == cut.to_json()


def test_duplicates_are_found_and_one_of_each_stays(tmp_path: Path) -> None:
    found = cleaned(write_corpus(tmp_path / "texts"), tmp_path / "cut")
    assert (found.duplicates, found.near_duplicates, found.documents) == (12, 12, 120)
    assert 0 < found.leaks < 12
    grams = [set(shingles(text, 5).tolist()) for text in found.texts("all")]
    assert max(len(a & b) / len(a | b) for i, a in enumerate(grams) for b in grams[:i]) < 0.1
    kept = cleaned(write_corpus(tmp_path / "texts", near_duplicates=0), tmp_path / "all")
    assert (kept.duplicates, kept.near_duplicates, kept.documents) == (12, 0, 132)


def test_what_a_rule_threw_away_is_no_duplicate(tmp_path: Path) -> None:
    lines = [json.dumps({"text": text}) + "\n" for text in ("a b", "c d", "one two three", "one two three")]
    (tmp_path / "a.jsonl").write_text("".join(lines))
    found = cleaned(CorpusSpec("jsonl", (str(tmp_path),), rules={"words_least": 3}), tmp_path / "work")
    assert (found.duplicates, found.documents, found.facts_json["rules"]) == (1, 1, {"words_least": 2})


def test_no_training_document_is_like_one_held_out(tmp_path: Path) -> None:
    for fraction in (0.1, 0.5):
        spec = write_corpus(tmp_path / "texts", validation_fraction=fraction)
        found = cleaned(spec, tmp_path / f"{fraction}")
        held_out = [set(shingles(text, 5).tolist()) for text in found.texts("validation")]
        training = [set(shingles(text, 5).tolist()) for text in found.texts("train")]
        assert len(held_out) > 5 < len(training)
        assert max(len(a & b) / len(a | b) for a in held_out for b in training) < 0.1


def test_the_cap_counts_what_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = write_corpus(tmp_path / "texts")
    whole = cleaned(spec, tmp_path / "whole")
    in_small_pieces(monkeypatch)
    capped = cleaned(dataclasses.replace(spec, max_bytes=10_000), tmp_path / "capped")
    expected = list(whole.texts("all"))
    sizes = np.cumsum([len(text) for text in expected])
    assert list(capped.texts("all")) == expected[: int((sizes <= 10_000).sum())]
    assert capped.left_out == whole.documents - capped.documents
    side, last = capped.first_bytes("validation", 1_000)
    assert side.bytes <= 1_000 and side.documents > 1 and len(last) == 64
    assert capped.first_bytes("validation", 1)[0].documents == 1


def test_shards_are_equal_with_several_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = write_corpus(tmp_path / "texts")
    alone = prepare(spec, BYTE, tmp_path / "alone")
    monkeypatch.setattr(dataset, "pool_for", lambda files, folder: Pool(folder, 2))
    monkeypatch.setattr("tokenizer.stream.index.BUCKET_BYTES", 20_000)
    monkeypatch.setattr("tokenizer.stream.portions.PORTION_BYTES", 20_000)
    several = prepare(spec, BYTE, tmp_path / "several")
    assert several.manifest == alone.manifest
    assert [path.name for path in (tmp_path / "several").iterdir() if path.name.startswith("cleaning")] == []


class Killed(BaseException):
    """The end of a process."""


def test_killed_again_and_again_then_equal_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each preparation goes on behind what the one before it did: no task is done twice."""
    spec = write_corpus(tmp_path / "texts")
    in_small_pieces(monkeypatch)
    perform, performed = pool.perform, []

    def perform_until(step: str, folder: str, task: str) -> str:
        if len(performed) in kills:
            kills.remove(len(performed))
            raise Killed
        performed.append(step)
        return perform(step, folder, task)

    monkeypatch.setattr(pool, "perform", perform_until)
    kills: set[int] = set()
    whole = prepare(spec, BYTE, tmp_path / "whole").manifest
    tasks = list(performed)
    assert set(tasks) == {"read", "hold", "gather", "index", "pair", "encode"}
    performed.clear()
    kills = {
        3,
        tasks.index("gather"),
        tasks.index("index") + 5,
        tasks.index("pair") + 7,
        tasks.index("encode") + 2,
        len(tasks) - 1,
    }
    for _ in range(6):
        with pytest.raises(Killed):
            prepare(spec, BYTE, tmp_path / "data")
    assert prepare(spec, BYTE, tmp_path / "data").manifest == whole
    assert performed == tasks
