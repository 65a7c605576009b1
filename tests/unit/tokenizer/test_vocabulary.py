"""Tokenizers: every kind is lossless, reproducible and of the size asked for; tiktoken agrees with the canonical."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from tokenizer import encode
from tokenizer.encode import Encoder, TiktokenEncoder, choose_encoder, encode_documents
from tokenizer.vocabulary import (
    BOS,
    SPLITTERS,
    TRAINERS,
    BpeTokenizer,
    Tokenizer,
    TokenizerError,
    TokenizerSpec,
    load_tokenizer,
    train_tokenizer,
)

SOURCE = "".join(
    path.read_text(encoding="utf-8") for path in sorted((Path(__file__).parents[3] / "tokenizer").glob("*.py"))
)
TEXTS = [SOURCE, "Größe, 東京, naïve, 😀 zero‑width\u200b and\u00a0no-break", "ab\tcd\r\n  x"]
VOCABS = {"bpe": 400, "byte": 257, "character": 320, "word": 500}
HARD = "<|bos|> it's  we'll\n\n\n   x\t\u0085\u3000\x1c\x00 '''s ²½ǅ \u0301é 👩‍👩‍👧 end   "


@pytest.fixture(scope="module")
def trained() -> dict[str, Tokenizer]:
    return {kind: train_tokenizer(TokenizerSpec(kind, vocab), TEXTS) for kind, vocab in VOCABS.items()}


def test_every_kind_is_tried() -> None:
    assert set(VOCABS) == set(TRAINERS)


@pytest.mark.parametrize("kind", VOCABS)
@settings(max_examples=60)
@given(text=st.text(max_size=80))
@example(text=HARD)
@example(text="")
def test_round_trip(trained: dict[str, Tokenizer], kind: str, text: str) -> None:
    tokenizer = trained[kind]
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert all(0 <= i < tokenizer.vocab_size and i != tokenizer.bos_id for i in ids)
    assert tokenizer.decode([tokenizer.bos_id, *ids]) == text
    assert tokenizer.encode_batch([text])[0].tolist() == ids


@pytest.mark.parametrize("kind", VOCABS)
def test_size_name_and_reload(trained: dict[str, Tokenizer], kind: str, tmp_path: Path) -> None:
    tokenizer = trained[kind]
    assert tokenizer.vocab_size == TokenizerSpec(kind, VOCABS[kind]).entries == VOCABS[kind]
    assert tokenizer.name == f"{kind}-{VOCABS[kind]}"
    (tmp_path / "tokenizer.json").write_text(tokenizer.to_json(), encoding="utf-8")
    loaded = load_tokenizer(tmp_path / "tokenizer.json")
    assert loaded.hash == tokenizer.hash
    assert loaded.encode(HARD) == tokenizer.encode(HARD)


@pytest.mark.parametrize("kind", VOCABS)
def test_training_is_reproducible(trained: dict[str, Tokenizer], kind: str) -> None:
    assert train_tokenizer(TokenizerSpec(kind, VOCABS[kind]), TEXTS).hash == trained[kind].hash


def test_hashes_differ(trained: dict[str, Tokenizer]) -> None:
    assert len({tokenizer.hash for tokenizer in trained.values()}) == len(trained)


def test_bpe_merges_and_words_compress(trained: dict[str, Tokenizer]) -> None:
    lengths = {kind: len(tokenizer.encode(SOURCE)) for kind, tokenizer in trained.items()}
    assert lengths["byte"] == len(SOURCE.encode())
    assert lengths["bpe"] < 0.7 * lengths["byte"]
    assert lengths["character"] <= lengths["byte"]
    assert lengths["word"] < 0.7 * lengths["byte"]


def test_bpe_is_the_ordinary_tokenizer_json(trained: dict[str, Tokenizer]) -> None:
    from tokenizers import Tokenizer as HuggingFaceTokenizer

    plain = HuggingFaceTokenizer.from_str(trained["bpe"].to_json())
    assert plain.token_to_id(BOS) == trained["bpe"].bos_id == 0
    assert plain.encode("def f(x): return x").ids == trained["bpe"].encode("def f(x): return x")


@given(st.text(max_size=60))
@example(HARD)
def test_splitters_lose_nothing(text: str) -> None:
    for split in SPLITTERS.values():
        assert "".join(split(text)) == text


def test_invalid_bytes_decode_to_the_replacement_character(trained: dict[str, Tokenizer]) -> None:
    for kind in ("bpe", "byte"):
        ids = trained[kind].encode("é")[:1]
        assert trained[kind].decode(ids) == "\ufffd"


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


def test_training_text_is_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["aaaa", "bbbb", "cccc"]
    monkeypatch.setattr("tokenizer.vocabulary.TRAINING_BYTES_PER_ENTRY", 0)
    monkeypatch.setattr("tokenizer.vocabulary.TRAINING_BYTES", 9)
    capped = train_tokenizer(TokenizerSpec("character", 259), texts)
    assert json.loads(capped.to_json())["pieces"] == ["a", "b"]
    monkeypatch.setattr("tokenizer.vocabulary.TRAINING_BYTES", 1)
    assert json.loads(train_tokenizer(TokenizerSpec("character", 258), texts).to_json())["pieces"] == ["a"]
    monkeypatch.setattr("tokenizer.vocabulary.TRAINING_BYTES_PER_ENTRY", 1)
    assert json.loads(train_tokenizer(TokenizerSpec("character", 260), texts).to_json())["pieces"] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("kind", "vocab", "message"),
    [
        ("bpe", 256, "tokenizer.vocab is 256: the 256 bytes and <|bos|> alone need 257; raise it"),
        ("unigram", 1024, "tokenizer.kind is 'unigram': choose one of bpe, byte, character, word"),
    ],
)
def test_wrong_specs(kind: str, vocab: int, message: str) -> None:
    with pytest.raises(TokenizerError, match=message.replace("|", r"\|")):
        TokenizerSpec(kind, vocab)


@pytest.mark.parametrize("kind", ["bpe", "character", "word"])
def test_too_small_a_corpus_says_what_it_allows(kind: str) -> None:
    with pytest.raises(
        TokenizerError, match=rf"tokenizer.vocab is 5000, but the corpus allows {kind} only \d+ entries"
    ):
        train_tokenizer(TokenizerSpec(kind, 5_000), ["a few words"])


def test_byte_has_always_257_entries() -> None:
    assert train_tokenizer(TokenizerSpec("byte", 1024), ["a"]).vocab_size == TokenizerSpec("byte", 1024).entries == 257


def test_spec_is_a_structured_config() -> None:
    config = OmegaConf.merge(OmegaConf.structured(TokenizerSpec), {"vocab": 512})
    assert OmegaConf.to_object(config) == TokenizerSpec("bpe", 512)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist: prepare the corpus again"),
        ("{", "is not a tokenizer"),
        ("[]", "is not a tokenizer of isoflop"),
        ('{"model": {"type": "Unigram"}}', "it is neither BPE nor a baseline"),
    ],
)
def test_foreign_files(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(TokenizerError, match=message):
        load_tokenizer(path)


def test_a_bpe_without_bos_first_is_refused() -> None:
    from tokenizers import Tokenizer as HuggingFaceTokenizer
    from tokenizers.models import BPE

    with pytest.raises(TokenizerError, match=r"gives <.bos.> the id None"):
        BpeTokenizer(HuggingFaceTokenizer(BPE()).to_str())
