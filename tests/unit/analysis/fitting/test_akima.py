"""The Akima spline: agreement with scipy, its minimum with influence, and its refusals."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitting.akima import akima_minima, akima_minimum
from analysis.fitting.polynomials import Fit, Points
from analysis.refusals import EdgeMinimum, OutermostSize, TooFewSplineSizes


def test_akima_passes_through_its_points_and_agrees_with_scipy() -> None:
    interpolate = pytest.importorskip("scipy.interpolate")
    generator = np.random.default_rng(4)
    x = np.sort(generator.uniform(-2, 2, 8))
    y = x**2 + generator.normal(0, 0.05, (6, 8))
    at, value = akima_minima(x, y)
    for row in range(6):
        spline = interpolate.Akima1DInterpolator(x, y[row])
        fine = np.linspace(x[0], x[-1], 20001)
        assert value[row] == pytest.approx(float(spline(fine).min()), abs=1e-6)
        assert float(spline(at[row])) == pytest.approx(value[row], abs=1e-12)


U = np.linspace(-1.5, 1.5, 7)


def minimum(losses: np.ndarray, u: np.ndarray = U) -> Fit:
    found = akima_minimum(Points(u, losses, 0.0))
    assert isinstance(found, Fit), found
    return found


def test_influence_is_the_derivative_of_the_minimum() -> None:
    losses = 3 + 0.2 * (U - 0.2) ** 2 + 0.03 * U**3
    fit = minimum(losses)
    for run in range(7):
        step = np.where(np.arange(7) == run, 1e-5, 0)
        ahead, behind = minimum(losses + step), minimum(losses - step)
        slope = (ahead.log_params - behind.log_params) / 2e-5
        assert fit.log_params_influence[run] == pytest.approx(slope, rel=0.02, abs=0.02)
        assert fit.loss_influence[run] == pytest.approx((ahead.loss - behind.loss) / 2e-5, rel=0.02, abs=0.01)


def test_repeats_of_a_size_share_its_influence() -> None:
    u = np.concatenate([U, U[3:4]])
    order = np.argsort(u, kind="stable")
    fit = minimum((3 + 0.2 * (u - 0.2) ** 2)[order], u[order])
    alone = minimum(3 + 0.2 * (U - 0.2) ** 2)
    assert fit.log_params == pytest.approx(alone.log_params)
    assert fit.loss_influence[3] == fit.loss_influence[4] == pytest.approx(alone.loss_influence[3] / 2)


def test_too_few_sizes_and_edges_are_refused() -> None:
    four = akima_minimum(Points(np.array([-1.0, 0.0, 0.02, 0.5, 1.0]), np.array([3.0, 2.0, 2.0, 2.5, 3.0]), 0.0))
    assert four == TooFewSplineSizes(4, 0.03)
    five = akima_minimum(Points(np.array([-1.0, 0.0, 0.04, 0.5, 1.0]), np.array([3.0, 2.0, 1.9, 2.5, 3.0]), 0.0))
    assert isinstance(five, Fit)
    assert isinstance(akima_minimum(Points(U, 3 - 0.1 * U, 0.0)), EdgeMinimum | OutermostSize)
    assert isinstance(akima_minimum(Points(U, 3 + 0.1 * U, 0.0)), EdgeMinimum | OutermostSize)


def test_the_outermost_of_merged_sizes_is_an_edge_too() -> None:
    u = np.array([-1.0, -0.99, -0.5, 0.0, 0.5, 1.0])
    assert akima_minimum(Points(u, 3 + 0.1 * u, 0.0)) == OutermostSize()
