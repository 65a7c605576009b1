"""Tokenizers by themselves: the same as a sweep trains, on a corpus that paths name."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.config import ModelConfig
from orchestrator.use_cases.tokenizers import compare, corpus_of, train
from tests.unit.tokenizer.test_dataset import BPE, write_texts
from tokenizer.corpus import CorpusError, CorpusSpec
from tokenizer.dataset import prepare

SHAPE = ModelConfig(257, 16, 8, 1, 1, 16)


def silent(_: str) -> None:
    pass


@pytest.mark.parametrize(
    ("paths", "source", "found"),
    [
        ((), "", "python"),
        (("a.jsonl",), "", "jsonl"),
        (("a.ndjson.gz",), "", "jsonl"),
        (("b/*.parquet",), "", "parquet"),
        (("folder",), "", "text"),
        (("folder",), "jsonl", "jsonl"),
    ],
)
def test_the_ending_of_the_first_path_names_the_source(paths: tuple[str, ...], source: str, found: str) -> None:
    assert corpus_of(paths, source, "text", 10).source == found


def test_training_gives_the_tokenizer_of_a_sweep(tmp_path: Path) -> None:
    corpus = CorpusSpec("jsonl", write_texts(tmp_path / "texts").paths)
    assert train(corpus, BPE, silent).hash == prepare(corpus, BPE, tmp_path / "data").manifest.tokenizer


def test_text_is_held_out_whatever_the_split(tmp_path: Path) -> None:
    corpus = CorpusSpec("jsonl", write_texts(tmp_path / "texts", 3).paths)
    found = compare(corpus, [260], [], SHAPE, silent)
    assert [one.measured.name.partition("-")[0] for one in found] == ["byte", "character", "word", "bpe"]
    assert all(one.measured.bytes_per_token > 0 for one in found)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.jsonl").write_text('{"text": "alone"}')
    with pytest.raises(CorpusError, match="one document cannot be split"):
        compare(CorpusSpec("jsonl", (f"{tmp_path}/one",)), [260], [], SHAPE, silent)
