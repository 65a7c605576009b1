"""Training: reproducible, of the requested size, on so much text, and within bounded time whatever the text is."""

from __future__ import annotations

import json
import random

import pytest

from tests.unit.tokenizer.tokenizer_data import TEXTS, VOCABS
from tokenizer import training as module
from tokenizer.bpe_trainer import TrainerDied, train_bpe
from tokenizer.training import train_tokenizer, training_text_bytes
from tokenizer.vocabulary import Tokenizer, TokenizerError, TokenizerSpec


@pytest.mark.parametrize("kind", VOCABS)
def test_training_is_reproducible(trained: dict[str, Tokenizer], kind: str) -> None:
    assert train_tokenizer(TokenizerSpec(kind, VOCABS[kind]), TEXTS).hash == trained[kind].hash


def test_training_text_is_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["aaaa", "bbbb", "cccc"]
    monkeypatch.setattr("tokenizer.training.TRAINING_BYTES_PER_ENTRY", 0)
    monkeypatch.setattr("tokenizer.training.TRAINING_BYTES", 8)
    capped = train_tokenizer(TokenizerSpec("character", 259), texts)
    assert json.loads(capped.to_json())["pieces"] == ["a", "b"]
    monkeypatch.setattr("tokenizer.training.TRAINING_BYTES", 1)
    assert json.loads(train_tokenizer(TokenizerSpec("character", 258), texts).to_json())["pieces"] == ["a"]
    monkeypatch.setattr("tokenizer.training.TRAINING_BYTES_PER_ENTRY", 1)
    assert json.loads(train_tokenizer(TokenizerSpec("character", 260), texts).to_json())["pieces"] == ["a", "b", "c"]


@pytest.mark.parametrize("kind", ["bpe", "character", "word"])
def test_too_small_a_corpus_says_what_it_allows(kind: str) -> None:
    with pytest.raises(
        TokenizerError, match=rf"tokenizer.vocab is 5000, but the corpus allows {kind} only \d+ entries"
    ):
        train_tokenizer(TokenizerSpec(kind, 5_000), ["a few words"])


def test_byte_has_always_257_entries() -> None:
    assert train_tokenizer(TokenizerSpec("byte", 1024), ["a"]).vocab_size == TokenizerSpec("byte", 1024).entries == 257


@pytest.mark.parametrize(("vocab", "size"), [(257, 5_000_000), (1_000, 5_000_000), (1_001, 5_005_000)])
def test_larger_vocabularies_are_trained_on_more_text(vocab: int, size: int) -> None:
    assert training_text_bytes(TokenizerSpec("bpe", vocab)) == size


def test_most_frequent_pieces_are_taken_and_ties_in_their_order() -> None:
    trained = train_tokenizer(TokenizerSpec("character", 259), ["ccbbad"])
    assert json.loads(trained.to_json()) == {"kind": "character", "pieces": ["b", "c"]}


def test_little_text_is_trained_on_here_and_more_of_it_apart_with_the_same_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = TokenizerSpec("bpe", 400)
    texts = TEXTS * 3
    assert sum(map(len, texts)) > module.MOST_HERE
    apart = train_tokenizer(spec, texts)
    monkeypatch.setattr(module, "train_bpe_apart", lambda *_: pytest.fail("a process for so little"))
    monkeypatch.setattr(module, "MOST_HERE", sum(map(len, texts)))
    assert train_tokenizer(spec, texts).hash == apart.hash


def test_a_trainer_that_dies_is_an_error_with_its_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> str:
        raise TrainerDied("signal 9")

    monkeypatch.setattr(module, "train_bpe_apart", killed)
    with pytest.raises(TokenizerError, match="training ended by signal 9, as if memory had run out"):
        train_tokenizer(TokenizerSpec("bpe", 300), ["many words " * 10_000])


DNA = "".join(random.Random(1).choices("ACGT", k=200_000))


@pytest.mark.timeout(90)
@pytest.mark.parametrize("text", [DNA, "z" * 300_000, "x" + " " * 300_000 + "y", "\u0301" * 150_000, "東" * 100_000])
def test_no_part_of_an_unbroken_stretch_is_long_enough_to_be_slow(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """As one stretch they took the trainer 39 s and more."""
    seen: list[str] = []

    def spy(texts: list[str], vocab: int, bos: str, _tick: object) -> str:
        seen.extend(texts)
        return train_bpe(seen, vocab, bos)

    monkeypatch.setattr(module, "train_bpe_apart", spy)
    assert train_tokenizer(TokenizerSpec("bpe", 260), [text]).vocab_size == 260
    assert "".join(seen) == text
    assert max(map(len, seen)) <= 1_025
