"""Random texts of every kind that trips tokenizers, the same for the same seed."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator
from functools import cache

SNIPPETS = (
    "<|bos|>", "<|endoftext|>", "\r\n", "\n\n", "\r", "  ", "    ", "\t", "'s", "'LL", "'ve ", "1234567890", "e\u0301", "\u0301", "👩‍👩‍👧", "🇩🇪", "\u200d",
    "\ufeff", "don't", "\x00", "\x1c", "\x85", "\u3000", "\u00a0", "#" * 7, "Größe", "__init__", " = ", "\ufffd", "½²", "ǅ", "ﬁ", "İ",
)  # fmt: skip
"""Pieces that texts are made of, besides characters of every category."""


@cache
def by_category() -> tuple[tuple[str, ...], ...]:
    """Every character by its Unicode category; surrogates, which UTF-8 cannot hold, left out."""
    found: dict[str, list[str]] = {}
    for code in range(0x110000):
        if (category := unicodedata.category(chr(code))) != "Cs":
            found.setdefault(category, []).append(chr(code))
    return tuple(map(tuple, found.values()))


def texts(seed: int, count: int) -> Iterator[str]:
    """Random texts, some hundred characters each."""
    rng = random.Random(seed)
    for _ in range(count):
        yield "".join(_piece(rng) for _ in range(rng.randrange(1, 60)))


def _piece(rng: random.Random) -> str:
    """A snippet, characters of categories, random bytes, a run of one character, or letters."""
    kind = rng.randrange(6)
    if kind <= 1:
        return rng.choice(SNIPPETS)
    if kind == 2:
        return "".join(rng.choice(rng.choice(by_category())) for _ in range(rng.randrange(1, 6)))
    if kind == 3:
        return rng.randbytes(rng.randrange(1, 20)).decode(errors="replace")
    if kind == 4:
        return rng.choice(" a1\n_\u0301\r") * rng.randrange(1, 40)
    return "".join(rng.choice("abcdefghij ") for _ in range(20))
