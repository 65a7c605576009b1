"""The probes are text that UTF-8 can hold, with every category of character."""

from __future__ import annotations

import unicodedata

from tokenizer.probes import probes


def test_every_category_of_character_is_there() -> None:
    text = "".join(probes())
    assert len({unicodedata.category(char) for char in text}) >= 27
    assert text.encode().decode() == text
