"""FineWeb's own rules on documents made for each."""

from __future__ import annotations

import pytest

from tokenizer.filters.fineweb import FINEWEB
from tokenizer.filters.page import Page

LINE = "This is a line of prose that ends as a sentence does, number {}."
CASES = {
    "ended_lines": "Home and other places that one may visit today\n" * 9,
    "short_lines": "Home.\nAbout.\nContact.\n" + LINE,
    "repeated_characters": (LINE + "\n") * 3,
}


@pytest.mark.parametrize("rule", FINEWEB, ids=lambda rule: rule.name)
def test_a_document_that_breaks_a_rule_and_one_that_does_not(rule) -> None:  # type: ignore[no-untyped-def]
    assert not rule.keeps(Page(CASES[rule.name]), rule.threshold)
    assert rule.keeps(Page("\n".join(map(LINE.format, range(5)))), rule.threshold)
