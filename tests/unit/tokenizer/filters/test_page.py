"""What rules look at in a document."""

from __future__ import annotations

from tokenizer.filters.page import Page


def test_a_page_is_cut_into_what_the_rules_need() -> None:
    page = Page("The end. “Really?” (Yes!)\n\n\n- one # two\nno end\n")
    assert page.words[:2] == ["The", "end."]
    assert "#" in page.words and "#" not in page.spoken
    assert {"the", "really", "yes"} <= page.bare
    assert page.lines == ["The end. “Really?” (Yes!)", "- one # two", "no end"]
    assert page.paragraphs == ["The end. “Really?” (Yes!)", "- one # two\nno end"]
    assert page.sentences == 3 + 1 + 1
    assert page.broken == ["The end. “Really?” (Yes!)", "- one # two", "no end"]


def test_words_have_numbers_and_nothing_has_no_share() -> None:
    assert Page("a b a c").numbers.tolist() == [0, 1, 0, 2]
    assert Page("a").share([]) == 0.0
    assert Page("a").share([True, False]) == 0.5
