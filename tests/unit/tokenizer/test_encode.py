"""Encoding a corpus: tuetoken or tiktoken where they agree with the canonical tokenizer, each document behind BOS."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.tokenizer.test_loading import foreign
from tests.unit.tokenizer.tokenizer_data import HARD, SOURCE, TEXTS
from tokenizer import encode
from tokenizer.encode import Encoder, TiktokenEncoder, choose_encoder, encode_documents
from tokenizer.given import HuggingFaceTokenizer
from tokenizer.vocabulary import BpeTokenizer, Tokenizer


@settings(max_examples=200)
@given(text=st.text(max_size=120) | st.text(alphabet=" \n\tab'1.s\u0301", max_size=60))
@example(text=HARD)
def test_tiktoken_gives_the_canonical_ids(trained: dict[str, Tokenizer], text: str) -> None:
    tokenizer = trained["bpe"]
    assert isinstance(tokenizer, BpeTokenizer)
    assert TiktokenEncoder(tokenizer).encode_batch([text])[0].tolist() == tokenizer.encode(text)


@pytest.fixture
def without_tuetoken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "find_spec", lambda name: None)


@pytest.mark.usefixtures("without_tuetoken")
def test_tiktoken_is_chosen_with_its_parity(trained: dict[str, Tokenizer]) -> None:
    encoder = choose_encoder(trained["bpe"], TEXTS)
    assert encoder.name.startswith("tiktoken ")
    assert f"on {len(TEXTS)} documents" in encoder.parity
    assert encoder.encode_batch([HARD])[0].tolist() == trained["bpe"].encode(HARD)
    assert choose_encoder(trained["word"], TEXTS).parity == "canonical"


@pytest.mark.usefixtures("without_tuetoken")
def test_tiktoken_is_dropped_where_it_differs(trained: dict[str, Tokenizer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "GPT2_PATTERN", r"\S+|\s+")
    encoder = choose_encoder(trained["bpe"], TEXTS)
    assert encoder.name.startswith("tokenizers ")
    assert "differs on" in encoder.parity
    assert encoder.encode_batch([SOURCE])[0].tolist() == trained["bpe"].encode(SOURCE)


class Tuetoken:
    """tuetoken as far as it is used, by the canonical tokenizer; `shift` is added to every id."""

    shift = 0

    def __init__(self, path: str) -> None:
        from tokenizers import Tokenizer as Inner

        self._inner = Inner.from_file(path)
        self._inner.encode_special_tokens = True

    def encode_ordinary(self, text: str) -> list[int]:
        return [i + self.shift for i in self._inner.encode(text, add_special_tokens=False).ids]


@pytest.fixture
def with_tuetoken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library of that name, whether or not there is one on this machine."""
    monkeypatch.setitem(sys.modules, "tuetoken", SimpleNamespace(Tokenizer=Tuetoken))
    monkeypatch.setattr(encode, "find_spec", lambda name: name)
    monkeypatch.setattr(encode, "version", lambda name: "1.2")


@pytest.mark.usefixtures("with_tuetoken")
def test_tuetoken_is_preferred_where_it_is_installed_and_agrees(trained: dict[str, Tokenizer]) -> None:
    given = HuggingFaceTokenizer(json.dumps(foreign(trained)))
    long = "a" * 3_000 + HARD
    for tokenizer in (trained["bpe"], given):
        encoder = choose_encoder(tokenizer, TEXTS)
        assert encoder.name == "tuetoken 1.2"
        assert encoder.parity.startswith("identical to tokenizers 1.2 on 3 documents")
        assert encoder.encode_batch([long, ""])[0].tolist() == tokenizer.encode(long)


@pytest.mark.usefixtures("with_tuetoken")
def test_tuetoken_is_dropped_where_it_differs(trained: dict[str, Tokenizer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tuetoken, "shift", 1)
    encoder = choose_encoder(trained["bpe"], TEXTS)
    assert encoder.name == "tiktoken 1.2"
    assert "; tuetoken 1.2 differs on " in encoder.parity
    assert choose_encoder(HuggingFaceTokenizer(json.dumps(foreign(trained))), TEXTS).name == "tokenizers 1.2"


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
