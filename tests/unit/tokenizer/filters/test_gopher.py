"""Gopher's rules of quality on documents made for each."""

from __future__ import annotations

import pytest

from tokenizer.filters.gopher import QUALITY
from tokenizer.filters.page import Page

PROSE = "The sea was calm and the wind came from the north, so that they could sail with all they had to an island. "
CASES = {
    "words_least": ("Only these few words.", PROSE * 3),
    "words_most": (PROSE * 5_000, PROSE * 4_000),
    "word_length_least": ("a b c the to of " * 20, PROSE),
    "word_length_most": ("incomprehensibilities the " * 40, PROSE),
    "symbols": ("# the heading and more words " * 20, "#" + PROSE * 3),
    "bullets": ("- the point and more\n" * 20, "- the point\nand a line\n" * 10),
    "ellipses": ("The story goes on and on…\n" * 20, "The story ends.\n" * 20),
    "alphabetic": ("12 34 56 the of 78 " * 20, PROSE + "12"),
    "stop_words": ("Sun moon stars sky. " * 20, "Sun and the moon. " * 20),
}


@pytest.mark.parametrize("rule", QUALITY, ids=lambda rule: rule.name)
def test_a_document_that_breaks_a_rule_and_one_that_does_not(rule) -> None:  # type: ignore[no-untyped-def]
    bad, good = CASES[rule.name]
    assert not rule.keeps(Page(bad), rule.threshold)
    assert rule.keeps(Page(good), rule.threshold)
