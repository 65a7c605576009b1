"""Cuts texts for the native tokenizers, whose time on one unbroken stretch of letters grows with its square."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain

LONGEST_STRETCH = 1_024
"""Characters. GPT-2's pre-splitting leaves a stretch of one class (letters, digits, blanks, other signs) whole; a
longer one is cut into parts of this length, each of which is encoded by itself. Ordinary text holds none."""
PART = 20_000
"""Characters, beyond which a text is handed to a native tokenizer in parts: a call holds up Ctrl-C until it ends. These
cuts lie between pre-splits and change no token."""

_BLANKS = frozenset("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {chr(c) for c in range(0x2000, 0x200B)}
"""Unicode's White_Space, which the pre-splitting goes by; `str.isspace` also holds four separators of ASCII."""


@lru_cache(maxsize=1 << 16)
def _class_of(char: str) -> str:
    """L (letter), N (digit), blank or other, as the pre-splitting tells them apart.

    Characters that this Python does not know yet count as letters, which nearly all new ones are.
    """
    if char in _BLANKS:
        return "blank"
    category = unicodedata.category(char)
    return "L" if category == "Cn" else category[0] if category[0] in "LN" else "other"


def parts(text: str) -> Iterator[str]:
    """The parts of a text, which in a row are the text: encoded one by one they give the text's tokens.

    A text without a stretch above LONGEST_STRETCH has the tokens that it has as a whole; mostly it is one part.
    """
    if len(text) <= LONGEST_STRETCH:
        yield text
        return
    start = 0
    for end in chain(_stretch_cuts(text), [len(text)]):
        while end - start > PART and (cut := _harmless_cut(text, start + PART, end)) < end:
            yield text[start:cut]
            start = cut
        yield text[start:end]
        start = end


def all_parts(texts: Iterable[str]) -> Iterator[str]:
    """The parts of every text, in order."""
    return chain.from_iterable(map(parts, texts))


def _stretch_cuts(text: str) -> Iterator[int]:
    """Where stretches of more than LONGEST_STRETCH characters are cut, ascending.

    Such a stretch covers a multiple of that length, so that only the surroundings of those are looked at.
    """
    end = 0
    for at in range(LONGEST_STRETCH, len(text), LONGEST_STRETCH):
        if at < end:
            continue
        start, end = _stretch_around(text, at, end)
        yield from range(start + LONGEST_STRETCH, end, LONGEST_STRETCH)


def _stretch_around(text: str, at: int, first: int) -> tuple[int, int]:
    """(start, end) of the stretch of one class that holds the character at `at`; it starts at `first` or later."""
    kind = _class_of(text[at])
    start, end = at, at + 1
    while start > first and _class_of(text[start - 1]) == kind:
        start -= 1
    while end < len(text) and _class_of(text[end]) == kind:
        end += 1
    return start, end


def _harmless_cut(text: str, at: int, end: int) -> int:
    """The first place from `at` on between two pre-splits, or `end`.

    Two classes meet there; a blank may belong to the word behind it, and an apostrophe to the letters behind it.
    """
    for place in range(at, end):
        before, after = _class_of(text[place - 1]), _class_of(text[place])
        if before not in ("blank", after) and not (text[place - 1] == "'" and after == "L"):
            return place
    return end
