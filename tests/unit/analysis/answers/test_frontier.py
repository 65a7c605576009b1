"""Frontiers: compute and slope at a loss, and the losses that two of them share."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.answers.frontier import Frontier, IncomparableError, common_losses, scales_of


def _frontier(first: float) -> Frontier:
    """A loss that falls by 0.1 for each unit of ln C, from `first` at 1e15 to one less at e¹⁰ times that."""
    log_c = np.linspace(np.log(1e15), np.log(1e15) + 10, 101)
    return Frontier(log_c, first - 0.1 * (log_c - log_c[0]), np.full(101, 0.02), 1e18)


def test_compute_and_slope_at_a_loss() -> None:
    log_c, half = _frontier(4.0).compute(3.5)
    assert log_c == pytest.approx(np.log(1e15) + 5) and half == pytest.approx(0.2)
    assert _frontier(4.0).slope(log_c) == pytest.approx(0.1)


def test_losses_that_both_reach() -> None:
    assert common_losses([_frontier(4.0), _frontier(3.6)]) == (pytest.approx(3.0), pytest.approx(3.6))
    with pytest.raises(IncomparableError, match="no loss in common") as caught:
        common_losses([_frontier(4.0), _frontier(2.9)])
    assert caught.value.reason == "no_common_loss"


def test_losses_become_bits_per_byte_by_bytes_per_token() -> None:
    assert scales_of(None) == [1.0, 1.0]
    assert scales_of((4.0, 2.0)) == [pytest.approx(0.25 / np.log(2)), pytest.approx(0.5 / np.log(2))]
