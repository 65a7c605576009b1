"""The budget with which a band reaches a loss: by hand, and refused where an end is not among the budgets."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.loss_budget import compute_for_loss
from analysis.records import OutOfReachError

BUDGETS = np.geomspace(1e10, 1e16, 7)
LOSSES = np.linspace(7.0, 1.0, 7)
"""A fall of one for each factor ten."""


@pytest.mark.parametrize("loss", [2.25, 3.0, 4.75, 5.5])
def test_the_ends_are_where_the_band_is_at_the_loss(loss: float) -> None:
    flops, ends = compute_for_loss(BUDGETS, LOSSES, LOSSES - 0.5, LOSSES + 1, loss)
    assert np.log10([flops, ends.low, ends.high]) == pytest.approx([17 - loss, 16.5 - loss, 18 - loss])


def test_the_nearest_crossing_counts_where_the_band_widens_below_the_runs() -> None:
    """Far below the runs the lower end falls again: the first crossing from the left would be no end of this loss."""
    lower = LOSSES - np.array([6.0, 3.0, 0.5, 0.5, 0.5, 0.5, 0.5])
    _, ends = compute_for_loss(BUDGETS, LOSSES, lower, LOSSES + 1, 4.0)
    assert np.log10(ends.low) == pytest.approx(12.5)


@pytest.mark.parametrize(
    ("loss", "why"),
    [
        (7.01, "above every loss that the law can tell"),
        (1e300, "above every loss"),
        (0.99, "below every loss that the law can tell"),
        (1e-300, "below every loss"),
        (6.9, "cannot be bounded: the interval of the loss is too wide there"),
        (1.9, "cannot be bounded"),
    ],
)
def test_a_loss_without_both_ends_is_refused_with_those_that_have_them(loss: float, why: str) -> None:
    band = LOSSES, LOSSES - 0.5123, LOSSES + 1.0567
    with pytest.raises(OutOfReachError, match=why) as caught:
        compute_for_loss(BUDGETS, *band, loss)
    assert (caught.value.quantity, caught.value.lowest, caught.value.highest) == ("loss", 2.057, 6.487)
    assert "Ask for a loss from 2.057 to 6.487" in str(caught.value)
    assert [np.isfinite(compute_for_loss(BUDGETS, *band, end)[1].high) for end in (2.057, 6.487)] == [True, True]


def test_where_no_loss_has_both_ends_none_is_offered() -> None:
    with pytest.raises(OutOfReachError, match="Ask what a budget reaches instead") as caught:
        compute_for_loss(BUDGETS, LOSSES, LOSSES - 4, LOSSES + 7, 4.0)
    assert (caught.value.lowest, caught.value.highest) == (None, None)
