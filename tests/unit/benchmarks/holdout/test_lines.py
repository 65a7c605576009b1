"""Lines through minima and their t intervals, against formulas and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import linregress, t

from benchmarks.holdout.lines import NOTHING, frontier, line

X = np.log(np.geomspace(1e18, 1e20, 6))
AT = float(np.log(1e21))


def test_a_line_and_the_textbook_interval_of_its_mean() -> None:
    y = 0.5 * X + np.array([0.02, -0.03, 0.01, 0.04, -0.02, 0.0])
    fit = linregress(X, y)
    half = t.ppf(0.975, 4) * np.hypot(fit.stderr * (AT - X.mean()), np.std(y - fit.intercept - fit.slope * X) * 0.5)
    found = line(X, y, AT)
    assert found.estimate == pytest.approx(fit.intercept + fit.slope * AT)
    assert found.high - found.estimate == pytest.approx(half)
    assert found.estimate - found.low == pytest.approx(half)


def test_two_points_have_no_interval_and_one_no_line() -> None:
    found = line(X[:2], X[:2], AT)
    assert found.estimate == pytest.approx(AT)
    assert np.isnan([found.low, found.high]).all()
    assert line(X[:1], X[:1], AT) is NOTHING


def test_a_frontier_with_a_floor_goes_on_to_it() -> None:
    losses = 1.6 + 1.2 * np.exp(-0.15 * (X - X.mean()))
    found = frontier(X, losses, AT)
    assert found.estimate == pytest.approx(1.6 + 1.2 * np.exp(-0.15 * (AT - X.mean())), abs=1e-5)
    assert found.high - found.low < 1e-4


def test_three_losses_or_a_straight_fall_are_a_line_of_the_logarithm() -> None:
    losses = np.exp(1.2 - 0.05 * (X - X.mean()))
    expected = float(np.exp(1.2 - 0.05 * (AT - X.mean())))
    assert frontier(X[:3], losses[:3], AT).estimate == pytest.approx(expected)
    bent = losses - 0.01 * (X - X.mean()) ** 2  # ever steeper: no floor
    below_zero = -1 + 4 * np.exp(-0.05 * (X - X.mean()))  # a floor that no loss can have
    for odd in (bent, below_zero):
        assert frontier(X, odd, AT).estimate == pytest.approx(float(np.exp(line(X, np.log(odd), AT).estimate)))


def test_intervals_cover_where_the_form_is_right() -> None:
    generator = np.random.default_rng(3)
    exact = 1.6 + 1.2 * np.exp(-0.15 * (X - X.mean()))
    truth = 1.6 + 1.2 * np.exp(-0.15 * (AT - X.mean()))
    covered = []
    for _ in range(400):
        found = frontier(X, exact + generator.normal(0, 0.002, len(X)), AT)
        covered.append(found.low <= truth <= found.high)
    assert 0.9 < np.mean(covered) < 0.99
