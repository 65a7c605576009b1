"""A threshold is the most that stays, or the least."""

from __future__ import annotations

import pytest

from tokenizer.filters.page import Page
from tokenizer.filters.rule import Rule


@pytest.mark.parametrize(("at_least", "kept"), [(False, [1, 2]), (True, [2, 3])])
def test_what_meets_the_threshold_stays(at_least: bool, kept: list[int]) -> None:
    rule = Rule("words", 2, lambda page: len(page.words), "words", "a paper", at_least=at_least)
    pages = {count: Page("a " * count) for count in (1, 2, 3)}
    assert [count for count, page in pages.items() if rule.keeps(page, rule.threshold)] == kept
