"""A mix from its files to its dataset: shares, sets, leaks across domains, and one reading for all weights."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tokenizer.corpus import CorpusError
from tokenizer.corpus_spec import CorpusSpec
from tokenizer.dataset import CLEANING, prepare
from tokenizer.dedup import content_digest
from tokenizer.domain_spec import DomainSpec
from tokenizer.progress import silent
from tokenizer.shards import Shards
from tokenizer.vocabulary import TokenizerSpec

BYTE = TokenizerSpec("byte")


def texts(seed: int, count: int) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(f"w{rng.randrange(10_000)}" for _ in range(60)) for _ in range(count)]


CODE, PROSE, WIKI = texts(1, 150), texts(2, 60), texts(3, 20)
NEAR = [" ".join(["other", *text.split()[1:]]) for text in WIKI[:5]]
"""Near duplicates of what is held out, which lie in both domains."""


def write(path: Path, found: list[str]) -> str:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in found))
    return str(path)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> CorpusSpec:
    """Two domains that share documents with each other, and with a validation file."""
    folder = tmp_path_factory.mktemp("texts")
    code = write(folder / "code.jsonl", [*CODE, *WIKI[5:8], *NEAR[:3]])
    prose = write(folder / "prose.jsonl", [*PROSE, *CODE[:10], *NEAR[3:]])
    return CorpusSpec(
        mix=(DomainSpec("code", 3.0, "jsonl", (code,)), DomainSpec("prose", 1.0, "jsonl", (prose,))),
        validation={"wiki": write(folder / "wiki.jsonl", WIKI)},
        validation_fraction=0.2,
        near_duplicates=0.7,
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("datasets")


@pytest.fixture(scope="module")
def shards(corpus: CorpusSpec, root: Path) -> Shards:
    return prepare(corpus, BYTE, root, silent, keep=True)


def documents(ids: np.ndarray) -> list[str]:
    """The texts of a split that bytes encode."""
    return [bytes((part[1:] - 1).astype(np.uint8)).decode() for part in np.split(ids, np.flatnonzero(ids == 0)[1:])]


def test_each_domain_lies_in_one_piece_with_its_share(shards: Shards) -> None:
    made = shards.manifest
    code, prose = made.domains["code"], made.domains["prose"]
    assert (code["weight"], prose["weight"]) == (0.75, 0.25)
    assert code["tokens"] + prose["tokens"] == made.train_tokens
    first, second = documents(shards.train[: code["tokens"]]), documents(shards.train[code["tokens"] :])
    assert set(first) <= set(CODE) and set(second) <= set(PROSE)
    assert (len(first), len(second)) == (code["documents"], prose["documents"])
    assert made.unique_tokens == int(min(code["tokens"] / 0.75, prose["tokens"] / 0.25))


def test_every_set_is_held_out_of_all_domains(shards: Shards) -> None:
    """Equal and near duplicates of the given set are left out of both domains; the set itself stays whole."""
    sets = {name: documents(ids) for name, ids in shards.sets.items()}
    assert set(sets["wiki"]) == set(WIKI)
    assert sorted(sets["code"] + sets["prose"]) == sorted(documents(shards.validation))
    held_out, trained = {text for one in sets.values() for text in one}, set(documents(shards.train))
    assert not held_out & trained and not trained & set(NEAR)
    assert len(trained) + len(sets["code"]) + len(sets["prose"]) == len(CODE) + len(PROSE)
    cleaning = shards.manifest.cleaning
    would_train = [text for text in NEAR if int.from_bytes(content_digest(text)[-8:], "big") >= 0.2 * 2**64]
    assert cleaning["near_duplicates"] == len(NEAR) > len(would_train) > 1
    assert cleaning["leaks"] == 3 + len(would_train), "what the split would have held out anyway is no leak"
    assert cleaning["duplicates"] == 3 + 10
    for name, facts in shards.manifest.sets.items():
        assert facts["bytes"] == sum(map(len, sets[name])) and facts["tokens"] == len(shards.sets[name])


def test_another_weight_is_another_dataset_of_the_same_reading(
    corpus: CorpusSpec, root: Path, shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    (kept,) = root.glob(f"{CLEANING}*")
    monkeypatch.setattr("tokenizer.stream.cleaning._read", None)
    lighter = replace(corpus, mix=(replace(corpus.mix[0], weight=1.0), corpus.mix[1]))
    said: list[str] = []
    other = prepare(lighter, BYTE, root, said.append, keep=True)
    assert other.manifest.dataset != shards.manifest.dataset and list(root.glob(f"{CLEANING}*")) == [kept]
    assert other.manifest.corpus == shards.manifest.corpus
    assert {name: other.manifest.sets[name]["text"] for name in other.sets} == {
        name: shards.manifest.sets[name]["text"] for name in shards.sets
    }
    assert np.array_equal(other.train, shards.train) and np.array_equal(other.validation, shards.validation)
    assert any("domain code: " in line and "50.0% by weight, " in line and "% by size" in line for line in said)
    assert any("the weights of corpus.mix sum to 2 and are taken as shares of that" in line for line in said)
    assert any("reads domain prose again" in line for line in said)


@pytest.mark.parametrize(
    "changes",
    [{"near_duplicates": 0.0}, {"max_bytes": 8_000, "validation_fraction": 0.5, "near_ngram": 3}],
    ids=["duplicates stay", "all else"],
)
def test_what_holds_after_reading_shares_the_reading(
    corpus: CorpusSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    """The shards are those of a preparation of its own."""
    other = replace(corpus, **changes)
    alone = prepare(other, BYTE, tmp_path / "alone", silent)
    root = tmp_path / "shared"
    first = prepare(corpus, BYTE, root, silent, keep=True)
    monkeypatch.setattr("tokenizer.stream.steps.read_portion", None)
    shared = prepare(other, BYTE, root, silent, keep=True)
    assert shared.manifest == alone.manifest and shared.manifest.dataset != first.manifest.dataset
    assert len(list(root.glob(f"{CLEANING}*"))) == 1, "what it was read for is gone"


def test_other_rules_and_changed_files_are_read_again(tmp_path: Path) -> None:
    plain = CorpusSpec("jsonl", (write(tmp_path / "a.jsonl", CODE),), validation_fraction=0.2)
    root = tmp_path / "datasets"
    assert prepare(plain, BYTE, root, silent, keep=True).manifest.cleaning["documents_read"] == len(CODE)
    with pytest.raises(CorpusError, match="threw all"):
        prepare(replace(plain, rules={"words_least": 61}), BYTE, root, silent, keep=True)
    prepare(plain, BYTE, root, silent, keep=True)
    write(tmp_path / "a.jsonl", [*CODE, *PROSE])
    again = prepare(replace(plain, max_bytes=20_000), BYTE, root, silent, keep=True)
    assert again.manifest.cleaning["documents_read"] == len(CODE) + len(PROSE)


def test_the_same_weights_are_the_same_dataset(corpus: CorpusSpec, root: Path, shards: Shards) -> None:
    scaled = replace(corpus, mix=tuple(replace(domain, weight=2 * domain.weight) for domain in corpus.mix))
    assert prepare(scaled, BYTE, root, silent, keep=True).manifest.dataset == shards.manifest.dataset


def test_the_cap_is_that_of_each_domain(corpus: CorpusSpec, tmp_path: Path) -> None:
    made = prepare(replace(corpus, max_bytes=8_000), BYTE, tmp_path, silent).manifest
    for name in ("code", "prose"):
        assert 7_000 < made.domains[name]["bytes"] + made.sets[name]["bytes"] <= 8_000
    assert made.sets["wiki"]["documents"] == len(WIKI)


def test_scored_bytes_hold_for_every_set(corpus: CorpusSpec, tmp_path: Path) -> None:
    sets = prepare(corpus, BYTE, tmp_path, silent, scored_bytes=2_000).manifest.sets
    assert all(1_000 < facts["bytes"] == facts["scored_bytes"] <= 2_000 for facts in sets.values())


def test_validation_files_need_no_mix(tmp_path: Path) -> None:
    paths = write(tmp_path / "a.jsonl", [*CODE, *WIKI[:4]]), write(tmp_path / "b.jsonl", WIKI)
    plain = CorpusSpec("jsonl", paths[:1], validation_fraction=0.2)
    made = prepare(replace(plain, validation={"wiki": paths[1]}), BYTE, tmp_path / "x", silent).manifest
    assert (made.domains, list(made.sets), made.cleaning["leaks"]) == ({}, ["wiki"], 4)
    without = prepare(plain, BYTE, tmp_path / "x", silent).manifest
    assert without.sets == {}
    assert (
        made.train_documents + made.validation_documents
        == len(CODE)
        == without.train_documents + without.validation_documents - 4
    )


def test_a_set_without_a_document_is_refused(corpus: CorpusSpec, tmp_path: Path) -> None:
    twice = replace(corpus, validation={"wiki": corpus.validation["wiki"], "again": corpus.validation["wiki"]})
    with pytest.raises(CorpusError, match=r"corpus\.validation\.again: no document of it stays"):
        prepare(twice, BYTE, tmp_path, silent)
