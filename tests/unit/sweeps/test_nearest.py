"""The known name that a misspelt one probably means."""

from __future__ import annotations

import pytest

from sweeps.nearest import nearest

KNOWN = ("budgets", "sizes", "seeds")


@pytest.mark.parametrize(("word", "found"), [("budget", "budgets"), ("sizse", "sizes"), ("seed", "seeds"), ("xyz", "")])
def test_the_most_similar_name_is_found_or_none(word: str, found: str) -> None:
    assert nearest(word, KNOWN) == found
    assert nearest(word, ()) == ""


def test_a_long_word_is_compared_by_its_beginning() -> None:
    assert nearest("b" * 64 + "x" * 100_000, ("b" * 64,)) == "b" * 64
