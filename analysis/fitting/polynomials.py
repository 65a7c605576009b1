"""Least-squares polynomials through one budget's losses, and the minimum of one with the influence of each run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Points:
    """One budget's runs as the estimators see them; arrays of shape (runs,), ascending in N."""

    u: Floats
    """ln N − centre."""
    losses: Floats
    """As they would be at exactly the budget."""
    centre: float
    """ln N of the geometric mean size."""

    def params(self, u: float) -> float:
        """N at a centred ln N."""
        return float(np.exp(self.centre + u))


@dataclass(frozen=True)
class Fit:
    """A minimum with its influence on each run's loss, in centred ln N."""

    log_params: float
    """ln N* − centre."""
    loss: float
    """L*."""
    log_params_influence: Floats
    """d ln N* / d loss, shape (runs,)."""
    loss_influence: Floats
    """d L* / d loss, shape (runs,)."""
    note: str = ""
    """What a reader must know."""


def solve(u: Floats, losses: Floats, degree: int) -> tuple[Floats, Floats]:
    """Coefficients (degree + 1,), lowest power first, and the matrix (degree + 1, runs) that makes them from losses.

    `u` and `losses` are (runs,).
    """
    scale = float(np.abs(u).max()) or 1.0
    powers = np.linalg.pinv(np.vander(u / scale, degree + 1, increasing=True))
    powers = powers / scale ** np.arange(degree + 1)[:, None]
    return np.asarray(powers @ losses, dtype=float), np.asarray(powers, dtype=float)


def residual_sigma(u: Floats, losses: Floats, degree: int) -> float:
    """Residual standard deviation of a polynomial through (runs,), degrees of freedom counted; NaN without any."""
    freedom = len(u) - degree - 1
    if freedom < 1:
        return float("nan")
    fitted = np.vander(u, degree + 1, increasing=True) @ solve(u, losses, degree)[0]
    return float(np.sqrt(((losses - fitted) ** 2).sum() / freedom))


def minimum_fit(coefficients: Floats, powers: Floats, minimum: float, note: str = "") -> Fit:
    """A polynomial's minimum at a centred ln N, from `solve`'s coefficients (P,) and matrix (P, runs).

    Implicit differentiation of p'(u*) = 0; L* moves with the coefficients alone (envelope theorem).
    """
    degree = len(coefficients) - 1
    exponents = np.arange(degree + 1)
    at = minimum**exponents
    slope = np.concatenate([[0.0], exponents[1:] * minimum ** (exponents[1:] - 1)])
    curvature = float((exponents[2:] * (exponents[2:] - 1) * coefficients[2:] * minimum ** (exponents[2:] - 2)).sum())
    return Fit(
        log_params=minimum,
        loss=float(at @ coefficients),
        log_params_influence=-(slope @ powers) / curvature,
        loss_influence=at @ powers,
        note=note,
    )
