"""What the rules look at in a document: its words, lines, paragraphs and sentences, each found once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

_PARAGRAPHS = re.compile(r"\n{2,}")
_LINES = re.compile(r"\n+")
_SENTENCE_ENDS = re.compile(r"""[.!?。！？]+["'”’)\]]*(?=\s|$)""")
_STRIPPED = "\"'`.,;:!?()[]{}<>*_-–—…“”‘’"
"""Signs around a word that are no part of it."""


@dataclass(frozen=True)
class Page:
    """A document as the rules see it. Words are what stands between blanks."""

    text: str
    """The text, not blank."""

    @cached_property
    def words(self) -> list[str]:
        """What stands between blanks."""
        return self.text.split()

    @cached_property
    def spoken(self) -> list[str]:
        """The words that hold a letter or a digit."""
        return [word for word in self.words if any(map(str.isalnum, word))]

    @cached_property
    def bare(self) -> set[str]:
        """The different words in lower case, without the signs around them."""
        return {word.lower().strip(_STRIPPED) for word in self.words}

    @cached_property
    def lines(self) -> list[str]:
        """The lines that are not blank."""
        return [line for line in self.text.splitlines() if line.strip()]

    @cached_property
    def broken(self) -> list[str]:
        """The text between line breaks, several of which in a row are one."""
        return _LINES.split(self.text.strip("\n"))

    @cached_property
    def paragraphs(self) -> list[str]:
        """The text between blank lines."""
        return _PARAGRAPHS.split(self.text.strip())

    @cached_property
    def sentences(self) -> int:
        """How many sentences the lines have: ends of sentences, at least one a line."""
        return sum(max(1, len(_SENTENCE_ENDS.findall(line))) for line in self.lines)

    @cached_property
    def numbers(self) -> npt.NDArray[np.uint64]:
        """A number for each word, equal for equal words and different for others, shape [words]."""
        known: dict[str, int] = {}
        return np.fromiter((known.setdefault(w, len(known)) for w in self.words), np.uint64, len(self.words))

    def share(self, lines: Sequence[bool]) -> float:
        """The share of true ones; 0 of none."""
        return sum(lines) / len(lines) if lines else 0.0
