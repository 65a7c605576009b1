"""Tokenizers that a user brings, by themselves: settings of the file that would lose text are switched off."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tests.unit.tokenizer.test_loading import foreign, rank_file
from tests.unit.tokenizer.tokenizer_data import HARD, SOURCE, TEXTS
from tokenizer.given import SPLITS, HuggingFaceTokenizer, RankTokenizer
from tokenizer.vocabulary import PATTERNS, Tokenizer, TokenizerError


def test_truncation_padding_and_added_special_tokens_are_left_out(trained: dict[str, Tokenizer]) -> None:
    data: dict[str, Any] = foreign(trained)
    plain = HuggingFaceTokenizer(json.dumps(data))
    data["truncation"] = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    data["padding"] = None
    assert HuggingFaceTokenizer(json.dumps(data)).encode(SOURCE) == plain.encode(SOURCE)


def test_gaps_between_ids_count_in_the_vocabulary(trained: dict[str, Tokenizer]) -> None:
    data = foreign(trained)
    data["model"]["vocab"]["ĠĠgap"] = 700
    assert HuggingFaceTokenizer(json.dumps(data)).vocab_size == 701


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_loses_nothing(trained: dict[str, Tokenizer], pattern: str) -> None:
    made = RankTokenizer(rank_file(trained), pattern=pattern)
    assert set(SPLITS) == set(PATTERNS)
    for text in (*TEXTS, HARD):
        assert made.decode(made.encode(text)) == text
    assert [ids.tolist() for ids in made.encode_batch(TEXTS)] == [made.encode(text) for text in TEXTS]
    assert made.encode_batch([""])[0].dtype == np.uint32


def test_the_patterns_are_those_of_tiktoken() -> None:
    import inspect

    from tiktoken_ext import openai_public

    source = inspect.getsource(openai_public)
    assert openai_public.r50k_pat_str == SPLITS["gpt2"]
    assert SPLITS["cl100k"] in source
    assert all(part in source for part in (r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+"))


def test_a_separator_of_ones_own_in_a_rank_file(trained: dict[str, Tokenizer]) -> None:
    made = RankTokenizer(rank_file(trained), "<doc>")
    assert made.specials == ("<doc>",)
    assert made.decode(made.encode("a <doc> b")) == "a <doc> b"


def test_the_first_known_separator_is_taken(trained: dict[str, Tokenizer]) -> None:
    content = json.dumps(foreign(trained, ("<s>", "<|endoftext|>", "<pad>")))
    assert HuggingFaceTokenizer(content).separator == "<|endoftext|>"
    assert HuggingFaceTokenizer(content, "<pad>").separator == "<pad>"
    with pytest.raises(TokenizerError, match="no special token of the file"):
        HuggingFaceTokenizer(content, "<x>")
