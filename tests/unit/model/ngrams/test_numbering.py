"""Distinct n-grams of windows, numbered as they appear."""

from __future__ import annotations

import numpy as np

from model.ngrams.numbering import Numbered, empty_grams, longer

TOKENS = np.array([[5, 7, 5, 7], [7, 5, 5, 9]], np.uint16)


def grams(order: int) -> Numbered:
    found = empty_grams(*TOKENS.shape)
    for _ in range(order):
        found = longer(found, TOKENS, 10)
    return found


def test_numbers_follow_the_first_appearance() -> None:
    assert grams(1).numbers.tolist() == [[0, 1, 0, 1], [1, 0, 0, 2]]
    assert grams(2).numbers.tolist() == [[0, 1, 0], [1, 2, 3]]


def test_each_has_its_context_and_its_suffix() -> None:
    """The 2-grams 57, 75, 55, 59."""
    assert grams(2).contexts.tolist() == [0, 1, 0, 0]
    assert grams(2).suffixes.tolist() == [1, 0, 0, 2]


def test_no_n_gram_reaches_across_windows() -> None:
    """575 and 757, 755, 559: none of the second window's begins in the first."""
    assert grams(3).numbers.tolist() == [[0, 1], [2, 3]]


def test_those_of_the_first_windows_come_first() -> None:
    assert [grams(2).known(1), grams(2).known(2)] == [2, 4]
