"""Tokenizers: every kind is lossless, reproducible and of the requested size."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from tests.unit.tokenizer.tokenizer_data import HARD, SOURCE, VOCABS
from tokenizer.loading import load_tokenizer
from tokenizer.vocabulary import (
    BOS,
    FILE,
    KINDS,
    SPLITTERS,
    BpeTokenizer,
    PieceTokenizer,
    Tokenizer,
    TokenizerError,
    TokenizerSpec,
)


def test_every_kind_is_tried() -> None:
    assert {*VOCABS, FILE} == set(KINDS)


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


@pytest.mark.parametrize(
    ("kind", "vocab", "message"),
    [
        ("bpe", 256, "tokenizer.vocab is 256: the 256 bytes and <|bos|> alone need 257; raise it"),
        ("bpe", 2**20 + 1, "tokenizer.vocab is 1048577: at most 1048576 entries; lower it"),
        ("word", 10**30, "at most 1048576 entries"),
        ("unigram", 1024, "tokenizer.kind is 'unigram': choose one of bpe, byte, character, word"),
    ],
)
def test_wrong_specs(kind: str, vocab: int, message: str) -> None:
    with pytest.raises(TokenizerError, match=message.replace("|", r"\|")):
        TokenizerSpec(kind, vocab)


def test_spec_is_a_structured_config() -> None:
    assert TokenizerSpec("bpe", 2**20).entries == 2**20
    config = OmegaConf.merge(OmegaConf.structured(TokenizerSpec), {"vocab": 512})
    assert OmegaConf.to_object(config) == TokenizerSpec("bpe", 512)


def test_a_bpe_without_bos_first_is_refused() -> None:
    from tokenizers import Tokenizer as HuggingFaceTokenizer
    from tokenizers.models import BPE

    with pytest.raises(TokenizerError, match=r"gives <.bos.> the id None"):
        BpeTokenizer(HuggingFaceTokenizer(BPE()).to_str())


def test_pieces_have_their_ids_and_bytes_the_first_ones() -> None:
    tokenizer = PieceTokenizer("word", ["one", " two"])
    assert tokenizer.encode("one two é") == [257, 258, 1 + 0x20, 1 + 0xC3, 1 + 0xA9]
    assert tokenizer.decode([0, 257, 258, 33]) == "one two "
