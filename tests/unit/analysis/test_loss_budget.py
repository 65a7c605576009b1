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


@pytest.mark.parametrize("loss", [6.9, 1.9])
def test_an_end_that_is_not_cut_out_is_the_half_width_over_the_slope(loss: float) -> None:
    """The band widens away from the middle as fast as the loss falls, so that no budget has its ends at this loss."""
    half = np.abs(np.linspace(-3, 3, 7)) * 0.9
    flops, ends = compute_for_loss(BUDGETS, LOSSES, LOSSES - half, np.full(7, 7.5), loss)
    at = 17 - loss
    assert np.log10(flops) == pytest.approx(at)
    assert np.log10(ends.high) == pytest.approx(at + 0.9 * abs(at - 13))
    assert ends.low < flops < ends.high


def test_an_end_at_no_budget_is_no_clamped_one() -> None:
    _, ends = compute_for_loss(BUDGETS, LOSSES, LOSSES - 0.5, LOSSES + 0.7, 6.8)
    assert np.log10([ends.low, ends.high]) == pytest.approx([9.7, 10.9])


@pytest.mark.parametrize(
    ("loss", "why"),
    [
        (7.01, "a loss of 7.01 is above what the law can tell"),
        (1e300, "above what"),
        (0.9, "a loss of 0.9 is below what the law reaches"),
        (1e-300, "below what"),
        (6.0, "the compute for a loss of 6 is not even known to within a factor of 1000"),
    ],
)
def test_a_loss_of_which_no_compute_is_known_is_refused_with_those_that_have_it(loss: float, why: str) -> None:
    half = np.array([1.0, 4.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    band = LOSSES - 0.0123, LOSSES - 0.0123 - half, LOSSES - 0.0123 + 2
    with pytest.raises(OutOfReachError, match=why) as caught:
        compute_for_loss(BUDGETS, *band, loss)
    lowest, highest = caught.value.lowest, caught.value.highest
    assert caught.value.quantity == "loss" and lowest is not None and highest is not None
    assert f"Ask for a loss from {lowest:g} to {highest:g}" in str(caught.value)
    for end in (lowest, highest):
        _, found = compute_for_loss(BUDGETS, *band, end)
        assert found.low < found.high


def test_where_no_compute_is_known_none_is_offered() -> None:
    with pytest.raises(OutOfReachError, match="Ask what a budget reaches instead") as caught:
        compute_for_loss(BUDGETS, LOSSES, LOSSES - 4, LOSSES + 7, 4.0)
    assert (caught.value.lowest, caught.value.highest) == (None, None)


def test_both_ends_must_be_known() -> None:
    above, below = np.array([7.5, 6.5, 5.5, 5.4, 5.3, 5.2, 4.0]), np.array([3.5, 2.9, 2.8, 2.7, 2.6, 1.9, 0.9])
    for lower, upper, loss in ((LOSSES - 0.01, above, 5.0), (below, LOSSES + 0.01, 3.0)):
        with pytest.raises(OutOfReachError, match="not even known to within a factor of 1000"):
            compute_for_loss(BUDGETS, LOSSES, lower, upper, loss)
