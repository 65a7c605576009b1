"""Corpora: identity by content, duplicates, cap and split."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tests.unit.tokenizer.tokenizer_data import texts_of, write_jsonl
from tokenizer.corpus import Corpus, CorpusError, CorpusSpec, Document, _position, read_documents
from tokenizer.dedup import content_digest


def jsonl_corpus(path: Path, texts: list[str], **fields: object) -> Corpus:
    return read_documents(CorpusSpec(source="jsonl", paths=(str(write_jsonl(path, texts)),), **fields))  # type: ignore[arg-type]


def test_documents_are_distinct_and_in_the_order_of_their_hash(tmp_path: Path) -> None:
    corpus = jsonl_corpus(tmp_path / "a.jsonl", ["one", "two", "one", "three", "  ", "two", "one"])
    assert texts_of(corpus) == {"one", "two", "three"}
    assert corpus.duplicates == 3
    digests = [document.digest for document in corpus.documents]
    assert digests == sorted(digests) == [content_digest(document.text) for document in corpus.documents]
    assert corpus.bytes == len("onetwothree")


def test_identity_is_content_whatever_the_files_order_and_times(tmp_path: Path) -> None:
    texts = [f"text number {i}" for i in range(50)]
    first = jsonl_corpus(tmp_path / "a.jsonl", texts)
    (tmp_path / "other").mkdir()
    shuffled = random.Random(1).sample(texts, len(texts))
    write_jsonl(tmp_path / "other/x.jsonl", shuffled[:20])
    os.utime(write_jsonl(tmp_path / "other/y.jsonl", shuffled[20:]), (1, 1))
    second = read_documents(CorpusSpec(source="jsonl", paths=(str(tmp_path / "other"),)))
    assert first.content_hash == second.content_hash
    assert jsonl_corpus(tmp_path / "b.jsonl", texts[1:]).content_hash != first.content_hash


@pytest.mark.parametrize("cap", [300, 1_000, 3_000])
def test_cap_takes_the_smallest_hashes_whatever_the_order(tmp_path: Path, cap: int) -> None:
    texts = [f"{i:03d}" * (1 + i % 30) for i in range(200)]
    ordered = sorted(texts, key=content_digest)
    expected: list[str] = []
    for text in ordered:
        if sum(map(len, expected)) + len(text) > cap:
            break
        expected.append(text)
    for seed in range(3):
        shuffled = random.Random(seed).sample(texts, len(texts))
        corpus = jsonl_corpus(tmp_path / f"{seed}.jsonl", shuffled, max_bytes=cap)
        assert [document.text for document in corpus.documents] == expected
        assert corpus.left_out == len(texts) - len(expected)


def test_a_document_larger_than_the_cap_does_not_block_the_rest(tmp_path: Path) -> None:
    small = [f"small {i}" for i in range(20)]
    giants = [str(i) * 1_000 for i in range(9)]
    corpus = jsonl_corpus(tmp_path / "a.jsonl", giants + small, max_bytes=500)
    assert texts_of(corpus) == set(small)


def test_split_depends_on_the_document_alone(tmp_path: Path) -> None:
    texts = [f"document {i}" for i in range(2_000)]
    small, large = (jsonl_corpus(tmp_path / "a.jsonl", texts[:n]) for n in (700, 2_000))
    (train, validation), (more_train, more_validation) = small.split(0.1), large.split(0.1)
    assert set(train) <= set(more_train)
    assert set(validation) <= set(more_validation)
    assert set(train) | set(validation) == set(small.documents)
    assert 0.08 < len(more_validation) / 2_000 < 0.12
    assert set(validation) <= set(small.split(0.3)[1])


def test_cap_leaves_the_share_of_validation_as_it_is(tmp_path: Path) -> None:
    """The cap keeps the smallest hashes: a split by the same digits would leave validation alone."""
    corpus = jsonl_corpus(tmp_path / "a.jsonl", [f"document {i:06d}" for i in range(20_000)], max_bytes=15_000)
    train, validation = corpus.split(0.1)
    assert len(train) + len(validation) == 1_000
    assert 60 < len(validation) < 140


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"source": "web"}, "corpus.source is 'web': choose one of python, text, jsonl, parquet"),
        ({"paths": ("a",)}, "the source python takes none"),
        ({"source": "text"}, "corpus.paths is empty"),
        ({"max_bytes": 0}, "corpus.max_bytes must be at least 1"),
        ({"validation_fraction": 0.0}, "corpus.validation_fraction must lie between 0 and 1"),
        ({"validation_fraction": 1.0}, "corpus.validation_fraction must lie between 0 and 1"),
    ],
)
def test_wrong_specs(fields: dict[str, object], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        CorpusSpec(**fields)  # type: ignore[arg-type]


def test_too_small_a_cap_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        CorpusError,
        match=r"corpus\.max_bytes of 5 leaves none of 2 documents, the smallest of which has 9 bytes: set it to",
    ):
        jsonl_corpus(tmp_path / "a.jsonl", ["long text", "longer text"], max_bytes=5)


def test_spec_is_a_structured_config() -> None:
    config = OmegaConf.merge(OmegaConf.structured(CorpusSpec), {"source": "text", "paths": ["a.txt", "b.txt"]})
    assert OmegaConf.to_object(config) == CorpusSpec(source="text", paths=("a.txt", "b.txt"))
    assert isinstance(OmegaConf.to_object(config).paths, tuple)


@pytest.fixture(scope="module")
def built_in() -> Corpus:
    return read_documents(CorpusSpec(max_bytes=2_000_000))


def test_built_in_corpus_fills_its_cap_with_a_mix(built_in: Corpus) -> None:
    assert 1_500_000 < built_in.bytes <= 2_000_000
    origins = {document.origin.split("/")[0] for document in built_in.documents}
    assert {"stdlib", "torch", "sympy"} <= origins
    train, validation = built_in.split(0.1)
    assert train
    assert validation


def test_built_in_corpus_holds_sources_people_wrote(built_in: Corpus) -> None:
    for document in built_in.documents:
        folders = set(document.origin.split("/")[:-1])
        assert not folders & {"test", "tests", "idle_test", "site-packages"}, document.origin
        assert document.origin.endswith(".py")
        assert "_pb2" not in document.origin
        assert max(map(len, document.text.encode().split(b"\n"))) <= 1_000


def test_documents_are_equal_by_text_and_origin() -> None:
    assert Document("ä", "a").bytes == 2
    assert Document("a", "x") == Document("a", "x")


def test_side_of_a_document_follows_from_the_last_bytes_of_its_digest() -> None:
    assert _position(b"\xff" * 24 + b"\x00" * 8) == 0.0
    assert _position(b"\x00" * 24 + b"\x80" + b"\x00" * 7) == 0.5
    document = Document("some text", "")
    corpus = Corpus((document,), 0, 0)
    position = _position(document.digest)
    assert corpus.split(position) == ((document,), ())
    assert corpus.split(position + 1e-9) == ((), (document,))


def test_a_document_as_large_as_the_cap_is_kept(tmp_path: Path) -> None:
    assert texts_of(jsonl_corpus(tmp_path / "a.jsonl", ["12345", "1234567"], max_bytes=5)) == {"12345"}


def test_a_single_path_may_be_a_string() -> None:
    assert CorpusSpec(source="text", paths="a.txt").paths == ("a.txt",)
