"""The three discounts of modified Kneser-Ney."""

from __future__ import annotations

import numpy as np
import pytest

from model.ngrams.discounts import USUAL, discounts


def test_discounts_follow_from_how_many_are_rare() -> None:
    """n_1 … n_4 = 10, 4, 2, 1: Y = 10 ÷ 18."""
    counts = np.repeat([0, 1, 2, 3, 4, 9], [7, 10, 4, 2, 1, 3])
    y = 10 / 18
    assert discounts(counts).tolist() == pytest.approx([0, 1 - 2 * y * 0.4, 2 - 3 * y * 0.5, 3 - 4 * y * 0.5])


@pytest.mark.parametrize(
    "numbers", [[0, 4, 2, 1], [10, 4, 2, 0], [10, 1, 9, 1], [], [100, 9, 1, 9]], ids=["n1", "n4", "D2", "empty", "D3"]
)
def test_where_counts_give_none_the_usual_ones_hold(numbers: list[int]) -> None:
    counts = np.repeat(np.arange(1, len(numbers) + 1), numbers)
    assert discounts(counts).tolist() == [0.0, *USUAL]
