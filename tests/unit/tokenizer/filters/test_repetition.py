"""Gopher's rules of repetition against counts by hand, and against a slow reference."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tokenizer.filters.page import Page
from tokenizer.filters.repetition import REPETITION, repeated, repeated_grams, top_gram


def slow_top(text: str, n: int) -> float:
    words = text.split()
    grams = Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
    most = max(grams.values(), default=0)
    first = next((gram for gram, count in grams.items() if count == most), "")
    return len(first) * most / len(text)


def slow_repeated(text: str, n: int) -> float:
    words, seen, at, characters = text.split(), set(), 0, 0
    while at <= len(words) - n:
        gram = tuple(words[at : at + n])
        if gram in seen:
            characters += sum(map(len, gram))
            at += n
        else:
            seen.add(gram)
            at += 1
    return characters / len(text)


@pytest.mark.parametrize("n", [2, 4, 5, 10])
@pytest.mark.parametrize("vocabulary", [2, 8, 500])
def test_n_grams_are_counted_as_a_slow_reference_counts_them(n: int, vocabulary: int) -> None:
    rng = random.Random(n * vocabulary)
    for length in (1, n, 30, 300):
        text = " ".join(f"w{rng.randrange(vocabulary) ** 2}" for _ in range(length))
        assert top_gram(Page(text), n) == pytest.approx(slow_top(text, n))
        assert repeated_grams(Page(text), n) == pytest.approx(slow_repeated(text, n))


def test_parts_that_came_before() -> None:
    assert repeated(["one", "two", "one", "one"]) == (2, 6)
    assert repeated([]) == (0, 0)


@pytest.mark.parametrize("rule", REPETITION, ids=lambda rule: rule.name)
def test_a_document_that_repeats_itself_breaks_each_rule_and_another_none(rule) -> None:  # type: ignore[no-untyped-def]
    rng = random.Random(3)
    varied = "\n\n".join(" ".join(f"w{rng.randrange(10**6)}" for _ in range(12)) for _ in range(30))
    # Few words in a paragraph, which comes again and again: so many characters are in every n-gram of them.
    same = "\n\n".join(["ab cd"] * 100) if rule.name.startswith("top") else "\n\n".join(["one two three four"] * 60)
    assert rule.keeps(Page(varied), rule.threshold)
    assert not rule.keeps(Page(same), rule.threshold)
