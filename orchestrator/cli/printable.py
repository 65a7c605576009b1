"""Makes a user's text harmless for a terminal: what would move the cursor or hide text is shown as its escape."""

from __future__ import annotations

import unicodedata
from typing import Final

KEPT: Final = "\n\t"
"""Control characters that a line of output may have."""
REORDERING: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that make a terminal show text in another order than it is written."""
_UNSAFE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode's categories of control characters, halves of surrogate pairs, and separators of lines and paragraphs."""


def printable(text: str) -> str:
    """A text in which every character that could steer a terminal is shown as an escape, such as `\\x1b`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def printable_line(text: str) -> str:
    """The same on one line: breaks and tabs become blanks."""
    return printable(" ".join(text.splitlines()).replace("\t", " "))


def _shown(character: str) -> str:
    """A character, or its escape where it is unsafe."""
    if character in KEPT:
        return character
    if character in REORDERING or unicodedata.category(character) in _UNSAFE:
        return character.encode("unicode_escape").decode("ascii")
    return character
