"""Polynomials through one budget's losses: coefficients, residuals, and minima with the influence of each run."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.fitting.polynomials import Points, minimum_fit, residual_sigma, solve

U = np.linspace(-1.2, 1.5, 8)


def test_exact_coefficients_come_back_lowest_power_first() -> None:
    losses = 3.0 - 0.2 * U + 0.5 * U**2 + 0.1 * U**3
    coefficients, powers = solve(U, losses, 3)
    assert coefficients == pytest.approx([3.0, -0.2, 0.5, 0.1])
    assert powers.shape == (4, 8)
    assert powers @ losses == pytest.approx(coefficients)
    assert solve(np.zeros(3), np.array([1.0, 2.0, 3.0]), 0)[0] == pytest.approx([2.0])


def test_residuals_count_their_degrees_of_freedom() -> None:
    noise = np.array([1, -1, 1, -1, 1, -1, 1, -1]) * 0.01
    fitted = np.polyval(np.polyfit(U, noise, 2), U)
    expected = math.sqrt(float(((noise - fitted) ** 2).sum()) / 5)
    assert residual_sigma(U, 3 + U**2 + noise, 2) == pytest.approx(expected)
    assert math.isnan(residual_sigma(U[:3], U[:3] ** 2, 2)), "three points leave no freedom"
    assert residual_sigma(U[:4], U[:4] ** 2, 2) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("degree", [2, 3])
def test_influence_is_the_derivative_of_the_minimum(degree: int) -> None:
    losses = 3.0 - 0.2 * U + 0.5 * U**2 + 0.02 * U**3 + 0.003 * np.sin(7 * U)

    def minimum(values: np.ndarray) -> tuple[float, float]:
        coefficients = solve(U, values, degree)[0]
        turns = np.roots(np.polyder(coefficients[::-1]))
        bends = np.polyval(np.polyder(coefficients[::-1], 2), turns)
        at = float(turns[bends > 0][0].real)
        return at, float(np.polyval(coefficients[::-1], at))

    at, loss = minimum(losses)
    fit = minimum_fit(*solve(U, losses, degree), at, "a note")
    assert (fit.log_params, fit.loss, fit.note) == (pytest.approx(at), pytest.approx(loss), "a note")
    for run in range(len(U)):
        step = np.where(np.arange(len(U)) == run, 1e-6, 0)
        ahead, behind = minimum(losses + step), minimum(losses - step)
        assert fit.log_params_influence[run] == pytest.approx((ahead[0] - behind[0]) / 2e-6, rel=1e-4, abs=1e-6)
        assert fit.loss_influence[run] == pytest.approx((ahead[1] - behind[1]) / 2e-6, rel=1e-4, abs=1e-6)


def test_points_know_n_of_a_centred_logarithm() -> None:
    points = Points(U, U**2, math.log(1e6))
    assert points.params(0.0) == pytest.approx(1e6)
    assert points.params(math.log(2)) == pytest.approx(2e6)
