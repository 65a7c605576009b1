"""Datasets of several tokenizers: one reading, the same validation documents, a file's identity by its content."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.unit.tokenizer.test_dataset import BPE, Log, forbidden, write_texts
from tests.unit.tokenizer.test_loading import rank_file, saved
from tokenizer import dataset as module
from tokenizer.corpus import CorpusSpec
from tokenizer.dataset import prepare
from tokenizer.loading import load_tokenizer
from tokenizer.shards import Shards
from tokenizer.vocabulary import Tokenizer, TokenizerSpec


@pytest.fixture
def corpus(tmp_path: Path) -> CorpusSpec:
    return write_texts(tmp_path / "texts")


def validation_texts(shards: Shards) -> list[str]:
    tokenizer = load_tokenizer(shards.path / "tokenizer.json")
    starts = np.flatnonzero(shards.validation == tokenizer.bos_id)
    return [tokenizer.decode(document.tolist()) for document in np.split(shards.validation, starts)[1:]]


def test_a_moved_file_is_the_same_tokenizer_and_a_changed_one_another(
    corpus: CorpusSpec, trained: dict[str, Tokenizer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = saved(tmp_path, rank_file(trained), "a.tiktoken")
    first = prepare(corpus, spec, tmp_path / "data")
    assert first.manifest.vocab == 400
    shutil.move(tmp_path / "a.tiktoken", tmp_path / "b.tiktoken")
    changed = saved(tmp_path, "".join(rank_file(trained).splitlines(keepends=True)[:-1]), "a.tiktoken")
    assert prepare(corpus, changed, tmp_path / "data").manifest.dataset != first.manifest.dataset
    monkeypatch.setattr(module, "clean_corpus", forbidden)
    moved = dataclasses.replace(spec, path=f"{tmp_path}/b.tiktoken")
    assert prepare(corpus, moved, tmp_path / "data").manifest == first.manifest


def test_the_tokenizer_of_isoflop_as_a_file_gives_the_dataset_that_it_was_trained_for(
    corpus: CorpusSpec, tmp_path: Path
) -> None:
    trained = prepare(corpus, BPE, tmp_path / "data")
    spec = TokenizerSpec("file", path=str(trained.path / "tokenizer.json"))
    assert prepare(corpus, spec, tmp_path / "data").manifest.dataset == trained.manifest.dataset


def test_validation_documents_are_whole_and_the_same_for_every_tokenizer(
    corpus: CorpusSpec, trained: dict[str, Tokenizer], tmp_path: Path
) -> None:
    specs = [BPE, TokenizerSpec("byte"), TokenizerSpec("word", 262), saved(tmp_path, rank_file(trained))]
    made = [prepare(corpus, spec, tmp_path / "data", scored_bytes=1500) for spec in specs]
    first, *others = [validation_texts(shards) for shards in made]
    assert len(first) > 3
    assert others == [first] * 3
    assert {shards.manifest.scored_bytes for shards in made} == {sum(len(text.encode()) for text in first)}
    whole = prepare(corpus, BPE, tmp_path / "data")
    assert validation_texts(whole)[: len(first)] == first
    assert (whole.manifest.scored_bytes, whole.manifest.dataset == made[0].manifest.dataset) == (0, False)
    assert whole.manifest.tokenizer == made[0].manifest.tokenizer


def test_one_document_is_kept_whatever_its_size(corpus: CorpusSpec, tmp_path: Path) -> None:
    made = prepare(corpus, BPE, tmp_path / "data", Log(), scored_bytes=1)
    assert made.manifest.validation_documents == 1
    assert made.manifest.scored_bytes == made.manifest.validation_bytes > 1
