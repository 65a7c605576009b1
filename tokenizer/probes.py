"""Texts of every kind that tokenizers are known to alter: they must come back from any tokenizer as they were."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache


@cache
def probes() -> tuple[str, ...]:
    """Texts of every kind that tokenizers are known to alter."""
    return (
        "".join(map(chr, range(0x20, 0x7F))),
        " two  blanks,\ttab\r\nCRLF\n\n\nlines   ",
        "e\u0301 \u00e9 \ufb01 \u212b \u00bd\u00b2 \u1e9b\u0323 ГРАД ǅ İ ß",
        "東京は夜の七時 한국어 हिन्दी العربية ไทย",
        "👩‍👩‍👧 😀🏽 🇩🇪 \u200b\u200d\ufeff\u00a0\u3000",
        "don't Don'T we'll 12345678901234567890 3.14 ''' \"\"\" ####",
        "".join(map(chr, (*range(0x20), 0x7F, 0x80, 0x85, 0xA0, 0xAD))),
        "".join(_one_of_each_category()),
    )


def _one_of_each_category() -> Iterator[str]:
    """The first and the last character of every Unicode category, surrogates left out."""
    ends: dict[str, tuple[str, str]] = {}
    for code in range(0x110000):
        category = unicodedata.category(chr(code))
        if category not in ("Cs", "Cn", "Co"):
            ends[category] = (ends.get(category, (chr(code),))[0], chr(code))
    yield from (char for pair in ends.values() for char in pair)
