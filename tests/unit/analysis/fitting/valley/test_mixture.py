"""Half-widths of mixtures of normal distributions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from analysis.fitting.valley.mixture import half_width


def test_one_normal_holds_its_share_within_its_quantile() -> None:
    middle, half = half_width(np.array([1.0]), np.array([[2.0, -3.0]]), np.array([[0.25, 4.0]]))
    assert middle == pytest.approx([2.0, -3.0])
    assert half == pytest.approx([1.959964 * 0.5, 1.959964 * 2.0], rel=1e-6)


def test_equal_normals_are_one() -> None:
    assert half_width(np.full(8, 1 / 8), np.ones((8, 1)), np.full((8, 1), 0.09))[1] == pytest.approx(1.959964 * 0.3)


def test_two_far_ones_hold_95_per_cent_between_them() -> None:
    weights, means, variances = np.array([0.5, 0.5]), np.array([[-10.0], [10.0]]), np.array([[1.0], [1.0]])
    middle, half = half_width(weights, means, variances)
    assert middle[0] == pytest.approx(0)
    assert half[0] == pytest.approx(10 + norm.ppf(0.95), rel=1e-5)


def test_a_heavy_and_a_light_one_hold_what_a_sample_does() -> None:
    weights, means, variances = np.array([0.8, 0.2]), np.array([[0.0], [1.5]]), np.array([[0.04], [1.0]])
    middle, half = half_width(weights, means, variances)
    assert middle[0] == pytest.approx(0.3)
    generator = np.random.default_rng(0)
    wide = generator.random(400_000) < 0.2
    drawn = np.where(wide, generator.normal(1.5, 1.0, 400_000), generator.normal(0.0, 0.2, 400_000))
    assert (np.abs(drawn - middle[0]) <= half[0]).mean() == pytest.approx(0.95, abs=2e-3)


def test_it_grows_with_the_level() -> None:
    weights, means, variances = np.array([0.3, 0.7]), np.array([[0.0], [2.0]]), np.array([[1.0], [0.1]])
    halves = [half_width(weights, means, variances, level)[1][0] for level in (0.5, 0.8, 0.95, 0.99)]
    assert (np.diff(halves) > 0.1).all()


def test_what_is_exact_has_no_width() -> None:
    middle, half = half_width(np.array([0.5, 0.5]), np.full((2, 1), 3.0), np.zeros((2, 1)))
    assert (middle[0], half[0]) == pytest.approx((3.0, 0.0))
