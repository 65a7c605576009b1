"""Tokenizers: every kind is lossless, reproducible and of the requested size."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from tests.unit.tokenizer.tokenizer_data import HARD, SOURCE, TEXTS, VOCABS
from tokenizer.training import train_tokenizer, training_text_bytes
from tokenizer.vocabulary import (
    BOS,
    SPLITTERS,
    KINDS,
    BpeTokenizer,
    PieceTokenizer,
    Tokenizer,
    TokenizerError,
    TokenizerSpec,
    load_tokenizer,
)


def test_every_kind_is_tried() -> None:
    assert set(VOCABS) == set(KINDS)


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


def test_training_text_is_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["aaaa", "bbbb", "cccc"]
    monkeypatch.setattr("tokenizer.training.TRAINING_BYTES_PER_ENTRY", 0)
    monkeypatch.setattr("tokenizer.training.TRAINING_BYTES", 9)
    capped = train_tokenizer(TokenizerSpec("character", 259), texts)
    assert json.loads(capped.to_json())["pieces"] == ["a", "b"]
    monkeypatch.setattr("tokenizer.training.TRAINING_BYTES", 1)
    assert json.loads(train_tokenizer(TokenizerSpec("character", 258), texts).to_json())["pieces"] == ["a"]
    monkeypatch.setattr("tokenizer.training.TRAINING_BYTES_PER_ENTRY", 1)
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
        ('{"model": {"type": "Unigram"}}', "it is neither bpe, byte, character nor word"),
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


@pytest.mark.parametrize(("vocab", "size"), [(257, 5_000_000), (1_000, 5_000_000), (1_001, 5_005_000)])
def test_larger_vocabularies_are_trained_on_more_text(vocab: int, size: int) -> None:
    assert training_text_bytes(TokenizerSpec("bpe", vocab)) == size


def test_pieces_have_their_ids_and_bytes_the_first_ones() -> None:
    tokenizer = PieceTokenizer("word", ["one", " two"])
    assert tokenizer.encode("one two é") == [257, 258, 1 + 0x20, 1 + 0xC3, 1 + 0xA9]
    assert tokenizer.decode([0, 257, 258, 33]) == "one two "


def test_most_frequent_pieces_are_taken_and_ties_in_their_order() -> None:
    trained = train_tokenizer(TokenizerSpec("character", 259), ["ccbbad"])
    assert json.loads(trained.to_json()) == {"kind": "character", "pieces": ["b", "c"]}
