"""Gopher's rules of quality (Rae et al. 2021, A.1.1)."""

from __future__ import annotations

from typing import Final

from tokenizer.filters.page import Page
from tokenizer.filters.rule import RAE, Rule

STOP_WORDS: Final = frozenset({"the", "be", "to", "of", "and", "that", "have", "with"})
"""English words of which every English text holds some."""


def _mean_length(page: Page) -> float:
    return sum(map(len, page.spoken)) / max(1, len(page.spoken))


def _symbols(page: Page) -> float:
    ellipses = page.text.count("...") + page.text.count("…")
    return max(page.text.count("#"), ellipses) / max(1, len(page.words))


def _bullets(page: Page) -> float:
    return page.share([line.lstrip().startswith(("•", "-", "*")) for line in page.lines])


def _ellipses(page: Page) -> float:
    return page.share([line.rstrip().endswith(("...", "…")) for line in page.lines])


def _alphabetic(page: Page) -> float:
    return page.share([any(map(str.isalpha, word)) for word in page.words])


QUALITY: Final = (
    Rule("words_least", 50, lambda page: len(page.spoken), "words", RAE, at_least=True),
    Rule("words_most", 100_000, lambda page: len(page.spoken), "words", RAE),
    Rule("word_length_least", 3, _mean_length, "mean characters of a word", RAE, at_least=True),
    Rule("word_length_most", 10, _mean_length, "mean characters of a word", RAE),
    Rule("symbols", 0.1, _symbols, "hash signs, or ellipses, per word", RAE),
    Rule("bullets", 0.9, _bullets, "share of the lines that begin with a bullet", RAE),
    Rule("ellipses", 0.3, _ellipses, "share of the lines that end with an ellipsis", RAE),
    Rule("alphabetic", 0.8, _alphabetic, "share of the words that hold a letter", RAE, at_least=True),
    Rule(
        "stop_words",
        2,
        lambda page: len(STOP_WORDS & page.bare),
        "different ones of the, be, to, of, and, that, have, with",
        RAE,
        at_least=True,
    ),
)
"""In the order of the paper."""
