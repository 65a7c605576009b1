"""Outlying runs: Tukey's biweight, and the pseudo-residuals that let least squares stand in for an M-estimator."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CUTOFF = 5.0
"""Residuals beyond this number of robust standard deviations get no weight (4.685 gives 95 % efficiency on normal
noise, 5 gives 96 %)."""


def scale(residual: Floats, parameters: int) -> float:
    """Robust standard deviation of residuals (n,) of a fit with that many parameters: a median absolute deviation."""
    n = len(residual)
    deviation = np.sort(np.abs(residual))[min(n - 1, (n + parameters) // 2)]
    return max(float(deviation) / 0.6745, 1e-14)


def absolute_weights(residual: Floats, parameters: int) -> Floats:
    """Weights (n,) of residuals (n,) with which reweighted least squares tends to least absolute deviations."""
    return np.asarray(1 / np.maximum(np.abs(residual) / scale(residual, parameters), 0.5))


def biweight(residual: Floats, parameters: int) -> Floats:
    """Tukey's weights (n,), in [0, 1], of residuals (n,) of a fit with `parameters` parameters."""
    scaled = residual / (CUTOFF * scale(residual, parameters))
    return np.asarray(np.where(np.abs(scaled) < 1, (1 - scaled**2) ** 2, 0.0))


def pseudo_residuals(residual: Floats, parameters: int) -> Floats:
    """ψ(r) / E ψ′, shape (n,): to first order an M-estimator is least squares on these (Huber 1981, section 7.6)."""
    scaled = residual / (CUTOFF * scale(residual, parameters))
    slope = np.where(np.abs(scaled) < 1, (1 - scaled**2) * (1 - 5 * scaled**2), 0.0)
    return np.asarray(residual * biweight(residual, parameters) / max(float(slope.mean()), 0.5))
