"""What is measured of a tokenizer: lengths, entries used, bytes that stand for themselves, and unknown words."""

from __future__ import annotations

import pytest

from tests.unit.tokenizer.test_loading import rank_file
from tests.unit.tokenizer.tokenizer_data import TEXTS
from tokenizer.given import RankTokenizer
from tokenizer.measure import Measured, measure
from tokenizer.vocabulary import PieceTokenizer, Tokenizer


def measured(tokenizer: Tokenizer, held_out: tuple[str, ...] = (TEXTS[1],)) -> Measured:
    return measure(tokenizer, TEXTS[:1], held_out, lambda _: None)


def test_a_byte_tokenizer_has_one_token_a_byte(trained: dict[str, Tokenizer]) -> None:
    found = measured(trained["byte"])
    assert (found.name, found.entries, found.bytes_per_token, found.byte_tokens) == ("byte-257", 257, 1, 1)
    assert found.tokens == sum(len(text.encode()) + 1 for text in TEXTS[:2])
    assert found.entries_used == len({byte for text in TEXTS[:2] for byte in text.encode()}) + 1
    assert found.encode_mb_per_second > 0


def test_words_without_an_entry_cost_their_bytes() -> None:
    found = measured(PieceTokenizer("word", ["one", " two", " "]), ("one two three one",))
    assert found.whole_words == pytest.approx(2 / 4)  # "one", " two" are entries, " three" and " one" are not
    assert found.tokens_per_other_word == pytest.approx((len(" three") + len(" one")) / 2)
    assert found.bytes_per_token == pytest.approx(17 / (1 + 1 + 6 + 4))


def test_no_word_costs_more_than_one_token_where_all_have_entries() -> None:
    found = measured(PieceTokenizer("word", ["one"]), ("one",))
    assert (found.whole_words, found.tokens_per_other_word) == (1, 0)


def test_merges_leave_fewer_single_bytes(trained: dict[str, Tokenizer]) -> None:
    bpe, byte = measured(trained["bpe"]), measured(trained["byte"])
    assert 0 < bpe.byte_tokens < byte.byte_tokens
    assert bpe.bytes_per_token > 1
    assert bpe.tokens < byte.tokens


def test_a_given_tokenizer_is_measured_as_the_one_that_it_copies(trained: dict[str, Tokenizer]) -> None:
    ours, given = measured(trained["bpe"]), measured(RankTokenizer(rank_file(trained)))
    kept = ("tokens", "bytes_per_token", "byte_tokens", "whole_words", "tokens_per_other_word", "entries_used")
    assert [getattr(ours, name) for name in kept] == pytest.approx([getattr(given, name) for name in kept])
