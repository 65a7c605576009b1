"""Parabola and cubic: known minima, and each refusal with its numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from analysis.fitting.minima import at_edge, cubic_minimum, near_minimum, parabola_minimum
from analysis.fitting.polynomials import Fit, Points
from analysis.names import EstimatorName
from analysis.refusals import BendsBack, CurvatureNotEstablished, EdgeMinimum, FarFromLowest, NoCubicMinimum

U = np.linspace(-1.5, 1.5, 7)
CENTRE = math.log(1e6)


def points(losses: NDArray[np.float64], u: NDArray[np.float64] = U) -> Points:
    return Points(u, losses, CENTRE)


def found(outcome: object) -> Fit:
    assert isinstance(outcome, Fit), outcome
    return outcome


def test_known_minima_are_found() -> None:
    assert found(parabola_minimum(points(3 + 0.2 * (U - 0.4) ** 2))).log_params == pytest.approx(0.4)
    skewed = 3 + 0.2 * (U - 0.4) ** 2 + 0.02 * (U - 0.4) ** 3
    assert found(cubic_minimum(points(skewed))).log_params == pytest.approx(0.4)
    assert found(cubic_minimum(points(3 + 0.2 * (U + 0.3) ** 2))).loss == pytest.approx(3.0)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_minimum_outside_the_sizes_names_its_edge(sign: float) -> None:
    losses = 3 + 0.2 * (U - sign * 2) ** 2
    edge = "largest" if sign > 0 else "smallest"
    n = pytest.approx(1e6 * math.exp(2 * sign))
    assert parabola_minimum(points(losses)) == EdgeMinimum(EstimatorName.PARABOLA, n, edge)  # type: ignore[arg-type]
    refused = cubic_minimum(points(losses))
    assert isinstance(refused, EdgeMinimum) and (refused.estimator, refused.edge) == ("cubic", edge)
    assert at_edge(points(losses), 1.5, EstimatorName.AKIMA) is not None, "the outermost size is no inner minimum"
    assert at_edge(points(losses), 1.4999, EstimatorName.AKIMA) is None


def test_a_bend_within_its_noise_is_not_established() -> None:
    noise = np.array([1, -1, 1, -1, 1, -1, 1]) * 0.02
    refused = parabola_minimum(points(3 + 0.005 * U**2 + noise))
    assert isinstance(refused, CurvatureNotEstablished)
    assert refused.bend == pytest.approx(0.005, abs=0.01) and refused.margin > abs(refused.bend)
    assert isinstance(cubic_minimum(points(3 + 0.005 * U**2 + noise)), CurvatureNotEstablished)
    downwards = parabola_minimum(points(3 - 0.2 * U**2))
    assert isinstance(downwards, CurvatureNotEstablished) and downwards.bend == pytest.approx(-0.2)
    assert isinstance(parabola_minimum(points(3 + 0.2 * U**2 + 0.1 * noise)), Fit)


def test_the_margin_is_students_interval_of_the_second_coefficient() -> None:
    """Five runs leave two degrees of freedom: t is 4.303."""
    u = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    noise = np.array([1.0, -2.0, 2.0, -2.0, 1.0]) * 0.01
    refused = parabola_minimum(points(3.0 + noise, u))
    assert isinstance(refused, CurvatureNotEstablished)
    basis = np.vander(u, 3, increasing=True)
    left = noise - basis @ np.linalg.lstsq(basis, noise, rcond=None)[0]
    error = math.sqrt(float((left**2).sum()) / 2 * np.linalg.inv(basis.T @ basis)[2, 2])
    assert refused.margin == pytest.approx(4.3027 * error, rel=1e-3)


def test_a_cubic_that_only_falls_has_no_minimum() -> None:
    u = np.linspace(-1, 1, 9)
    losses = 3 - 0.30 * u + 0.25 * u**2 - 0.12 * u**3
    assert cubic_minimum(points(losses, u)) == NoCubicMinimum()
    assert isinstance(cubic_minimum(points(losses + 0.15 * u, u)), Fit)


def test_a_curve_that_bends_back_names_where_and_how_surely() -> None:
    u = np.linspace(-1.5, 1.5, 9)
    losses = 3 + 0.15 * (u + 0.6) ** 2 - 0.07 * (u + 0.6) ** 3
    refused = parabola_minimum(points(losses + 1e-3 * np.sin(9 * u), u))
    assert isinstance(refused, BendsBack)
    assert refused.params == pytest.approx(1e6 * math.exp(-0.6 + 0.15 / 0.21), rel=0.01)
    assert refused.p < 1e-3 and refused.parabola_residual > 5 * refused.cubic_residual
    assert isinstance(parabola_minimum(points(3 + 0.15 * u**2 - 0.004 * u**3 + 1e-3 * np.sin(9 * u), u)), Fit)


def test_a_minimum_far_from_the_lowest_loss_names_both_and_the_gap() -> None:
    u = np.log(np.array([3e3, 5e3, 9e3, 16e3, 38.4e3, 60e3, 110e3, 210e3, 400e3]) / 1e6)
    losses = np.array([4.0, 3.9, 3.83, 3.76, 3.6, 4.4, 4.8, 5.6, 6.3])
    for outcome in (parabola_minimum(points(losses, u)), cubic_minimum(points(losses, u))):
        assert isinstance(outcome, FarFromLowest)
        assert outcome.lowest == pytest.approx(38.4e3)
        nearest = int(np.argmin(np.abs(u - math.log(outcome.params / 1e6))))
        assert nearest < 4 and outcome.gap == pytest.approx(losses[nearest] - 3.6)


def test_near_the_minimum_five_sizes_are_enough() -> None:
    u = np.linspace(-2, 2, 9)
    losses = 3 + 0.2 * (u - 0.1) ** 2
    losses[7:] -= 1.0
    losses[7:] += 1.2
    fit = near_minimum(points(losses, u))
    assert fit is not None and fit.log_params == pytest.approx(0.1) and fit.note == "points near the minimum only"
    assert np.flatnonzero(fit.loss_influence).tolist() == [2, 3, 4, 5, 6]
    assert near_minimum(points(3 - 0.2 * u, u)) is None


def test_with_runs_enough_the_margin_comes_from_the_cubics_residual() -> None:
    """Seven runs leave the cubic three degrees of freedom, for which t is 3.182."""
    noise = np.array([1.0, -2.0, 1.5, 2.0, -1.0, -2.5, 1.0]) * 0.02
    refused = parabola_minimum(points(3.0 + noise))
    assert isinstance(refused, CurvatureNotEstablished)
    cubic = np.vander(U, 4, increasing=True)
    left = noise - cubic @ np.linalg.lstsq(cubic, noise, rcond=None)[0]
    parabola = np.vander(U, 3, increasing=True)
    error = math.sqrt(float((left**2).sum()) / 3 * np.linalg.inv(parabola.T @ parabola)[2, 2])
    assert refused.margin == pytest.approx(3.1824 * error, rel=1e-3)
