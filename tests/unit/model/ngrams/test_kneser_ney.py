"""The interpolation of one order with the order below."""

from __future__ import annotations

import numpy as np
import pytest

from model.ngrams.kneser_ney import interpolate
from model.ngrams.numbering import Numbered

GRAMS = Numbered(
    numbers=np.zeros((1, 1), np.int32),
    contexts=np.array([0, 0, 1, 2], np.int32),
    suffixes=np.zeros(4, np.int32),
)
"""Two n-grams of one context, one of a second, and one that no training text has, of a third."""


def probability(gram: int, lower: float = 0.1) -> float:
    counts = np.array([3, 1, 2])
    return float(interpolate(GRAMS, counts, np.array([[gram]], np.int32), np.array([[lower]]))[0, 0])


def test_a_seen_n_gram_has_what_is_left_of_its_count_and_its_part_of_what_was_taken() -> None:
    """Discounts 0.5, 1 and 1.5; of the first context's four, two are taken."""
    assert probability(0) == pytest.approx((3 - 1.5 + 2 * 0.1) / 4)
    assert probability(1) == pytest.approx((1 - 0.5 + 2 * 0.1) / 4)
    assert probability(2) == pytest.approx((2 - 1 + 1 * 0.1) / 2)


def test_a_context_that_was_never_seen_leaves_it_to_the_order_below() -> None:
    assert probability(3) == pytest.approx(0.1)
