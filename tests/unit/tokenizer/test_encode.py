"""Encoding a corpus: tiktoken where it agrees with the canonical tokenizer, each document behind BOS."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.tokenizer.tokenizer_data import HARD, SOURCE, TEXTS
from tokenizer import encode
from tokenizer.encode import Encoder, TiktokenEncoder, choose_encoder, encode_documents
from tokenizer.vocabulary import BpeTokenizer, Tokenizer


@settings(max_examples=200)
@given(text=st.text(max_size=120) | st.text(alphabet=" \n\tab'1.s\u0301", max_size=60))
@example(text=HARD)
def test_tiktoken_gives_the_canonical_ids(trained: dict[str, Tokenizer], text: str) -> None:
    tokenizer = trained["bpe"]
    assert isinstance(tokenizer, BpeTokenizer)
    assert TiktokenEncoder(tokenizer).encode_batch([text])[0].tolist() == tokenizer.encode(text)


def test_tiktoken_is_chosen_with_its_parity(trained: dict[str, Tokenizer]) -> None:
    encoder = choose_encoder(trained["bpe"], TEXTS)
    assert encoder.name.startswith("tiktoken ")
    assert f"on {len(TEXTS)} documents" in encoder.parity
    assert encoder.encode_batch([HARD])[0].tolist() == trained["bpe"].encode(HARD)
    assert choose_encoder(trained["word"], TEXTS).parity == "canonical"


def test_tiktoken_is_dropped_where_it_differs(trained: dict[str, Tokenizer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "GPT2_PATTERN", r"\S+|\s+")
    encoder = choose_encoder(trained["bpe"], TEXTS)
    assert encoder.name.startswith("tokenizers ")
    assert "differs on" in encoder.parity
    assert encoder.encode_batch([SOURCE])[0].tolist() == trained["bpe"].encode(SOURCE)


def test_endless_whitespace_is_encoded(trained: dict[str, Tokenizer]) -> None:
    """Such a run overflows tiktoken's stack."""
    encoder = choose_encoder(trained["bpe"], TEXTS)
    text = "a" + " " * 1_000_000 + "b"
    assert encoder.encode_batch([text])[0].tolist() == trained["bpe"].encode(text)


@pytest.mark.parametrize("dtype", ["uint16", "uint32"])
def test_documents_begin_with_bos(trained: dict[str, Tokenizer], dtype: str) -> None:
    tokenizer = trained["word"]
    encoder = Encoder("isoflop", "canonical", tokenizer.encode_batch)
    texts = [f"text {i}" for i in range(600)]
    documents = list(encode_documents(encoder, texts, tokenizer.bos_id, dtype))
    assert [document.dtype for document in documents] == [np.dtype(dtype)] * 600
    assert [document.tolist() for document in documents] == [[0, *tokenizer.encode(text)] for text in texts]


def test_sample_ends_with_the_text_that_completes_it(
    trained: dict[str, Tokenizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode, "SAMPLE_CHARACTERS", 7)
    encoder = choose_encoder(trained["bpe"], ["1234", "567", "never looked at"])
    assert encoder.parity.endswith("on 2 documents, 7 characters")


def test_few_documents_are_encoded_at_once_where_they_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A native call holds up Ctrl-C until it ends."""
    monkeypatch.setattr(encode, "_CHUNK", 3)
    monkeypatch.setattr(encode, "_CHUNK_CHARACTERS", 10)
    sizes: list[list[int]] = []

    def encode_batch(texts: Sequence[str]) -> list[npt.NDArray[np.uint32]]:
        sizes.append([len(text) for text in texts])
        return [np.zeros(len(text), dtype=np.uint32) for text in texts]

    texts = ["x" * size for size in (1, 2, 3, 9, 1, 1, 11, 4)]
    assert len(list(encode_documents(Encoder("e", "p", encode_batch), texts, 0, "uint16"))) == 8
    assert sizes == [[1, 2, 3], [9, 1, 1], [11], [4]]
