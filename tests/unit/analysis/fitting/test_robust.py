"""Robust weights: outliers count for nothing, and clean noise for what it is."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitting.robust import CUTOFF, absolute_weights, biweight, pseudo_residuals, scale


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.01, 2001)


def test_the_scale_is_the_standard_deviation_of_normal_noise(noise: np.ndarray) -> None:
    assert scale(noise, 0) == pytest.approx(0.01, rel=0.05)
    assert scale(np.concatenate([noise, np.full(300, 5.0)]), 0) == pytest.approx(0.012, rel=0.1)
    assert scale(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), 0) == pytest.approx(3 / 0.6745)
    assert scale(np.array([1.0, -2.0, 3.0, -4.0, 5.0]), 2) == pytest.approx(4 / 0.6745), "parameters cost residuals"
    assert scale(np.zeros(5), 0) == 1e-14


def test_outliers_have_no_weight_and_the_centre_has_all(noise: np.ndarray) -> None:
    residual = np.concatenate([noise, [0.0, 1.0, -1.0]])
    weights = biweight(residual, 5)
    assert weights[-3] == 1 and weights[-2] == weights[-1] == 0
    unit = scale(residual, 5)
    at = np.concatenate([residual, [CUTOFF / 2 * unit]])
    assert biweight(at, 5)[-1] == pytest.approx(0.75**2, rel=1e-2)
    assert (weights >= 0).all() and (weights <= 1).all()


def test_absolute_weights_fall_as_one_over_the_residual() -> None:
    residual = np.array([0.1, -0.2, 0.3, 0.4, -4.0])
    weights, unit = absolute_weights(residual, 0), scale(residual, 0)
    assert weights[-1] == pytest.approx(unit / 4)
    assert weights[0] == pytest.approx(2.0), "no weight above that of half a standard deviation"


def test_pseudo_residuals_stay_on_clean_noise_and_draw_outliers_in(noise: np.ndarray) -> None:
    residual = np.concatenate([noise, [1.0]])
    pseudo = pseudo_residuals(residual, 3)
    assert pseudo[-1] == 0
    assert pseudo.std() == pytest.approx(noise.std(), rel=0.05)
    assert (np.sign(pseudo[:-1]) == np.sign(noise)).all()
