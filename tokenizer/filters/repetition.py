"""Gopher's rules of repetition (Rae et al. 2021, table A1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from tokenizer.filters.page import Page
from tokenizer.filters.rule import RAE, Rule

TOP: Final = {2: 0.20, 3: 0.18, 4: 0.16}
"""Largest share of the characters in the most frequent n-gram, by n."""
REPEATED: Final = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}
"""Largest share of the characters in n-grams that came before, by n."""
_BASE: Final = np.uint64(0x9E3779B97F4A7C15)


def repeated(parts: Sequence[str]) -> tuple[int, int]:
    """(how many parts equal an earlier one, their characters)."""
    seen: set[str] = set()
    count = characters = 0
    for part in parts:
        if part in seen:
            count += 1
            characters += len(part)
        seen.add(part)
    return count, characters


def _parts(page: Page, parts: Callable[[Page], list[str]], *, of_characters: bool) -> float:
    """The share of lines or paragraphs, or of the characters, that is a repetition."""
    count, characters = repeated(parts(page))
    return characters / len(page.text) if of_characters else count / len(parts(page))


def _grams(page: Page, n: int) -> npt.NDArray[np.uint64]:
    """A number for each n-gram of words, shape [words - n + 1]; none where there are fewer words."""
    numbers = page.numbers + np.uint64(1)
    count = max(0, len(numbers) - n + 1)
    found = np.zeros(count, np.uint64)
    for at in range(n):
        found = found * _BASE + numbers[at : at + count]
        found ^= found >> np.uint64(29)
    return found


def top_gram(page: Page, n: int) -> float:
    """The share of the characters in the most frequent n-gram, the first of equals, even if it comes once."""
    grams, firsts, counts = np.unique(_grams(page, n), return_index=True, return_counts=True)
    if not len(grams):
        return 0.0
    first = int(firsts[counts == counts.max()].min())
    return len(" ".join(page.words[first : first + n])) * int(counts.max()) / len(page.text)


def repeated_grams(page: Page, n: int) -> float:
    """The share of the characters in n-grams of words that came before, each character counted once."""
    grams = _grams(page, n)
    if len(np.unique(grams)) == len(grams):
        return 0.0
    lengths = np.cumsum([0, *map(len, page.words)])
    seen: set[int] = set()
    at = characters = 0
    numbers = grams.tolist()
    while at < len(numbers):
        if numbers[at] in seen:
            characters += int(lengths[at + n] - lengths[at])
            at += n
        else:
            seen.add(numbers[at])
            at += 1
    return characters / len(page.text)


REPETITION: Final = (
    Rule(
        "repeated_paragraphs",
        0.30,
        partial(_parts, parts=lambda page: page.paragraphs, of_characters=False),
        "share of the paragraphs that came before",
        RAE,
    ),
    Rule(
        "repeated_paragraph_characters",
        0.20,
        partial(_parts, parts=lambda page: page.paragraphs, of_characters=True),
        "share of the characters in paragraphs that came before",
        RAE,
    ),
    Rule(
        "repeated_lines",
        0.30,
        partial(_parts, parts=lambda page: page.broken, of_characters=False),
        "share of the lines that came before",
        RAE,
    ),
    Rule(
        "repeated_line_characters",
        0.20,
        partial(_parts, parts=lambda page: page.broken, of_characters=True),
        "share of the characters in lines that came before",
        RAE,
    ),
    *(
        Rule(f"top_{n}_gram", most, partial(top_gram, n=n), f"share of the characters in the top {n}-gram", RAE)
        for n, most in TOP.items()
    ),
    *(
        Rule(
            f"repeated_{n}_grams",
            most,
            partial(repeated_grams, n=n),
            f"share of the characters in {n}-grams that came before",
            RAE,
        )
        for n, most in REPEATED.items()
    ),
)
"""In the order of the paper, paragraphs first."""
