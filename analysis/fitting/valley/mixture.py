"""Means and half-widths of mixtures of normal distributions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_HALVINGS = 40


def half_width(weights: Floats, means: Floats, variances: Floats, level: float = 0.95) -> tuple[Floats, Floats]:
    """Mean (T,) of a mixture of D normal distributions, and the half-width about it that holds a share `level`.

    `weights` (D,) sum to one; `means` and `variances` are (D, T). By bisection.
    """
    from scipy.special import ndtr

    middle = weights @ means
    off, deviations = means - middle, np.sqrt(np.maximum(variances, 1e-300))
    spread = np.sqrt(weights @ (variances + off**2))
    low, high = np.zeros_like(spread), 30 * spread
    for _ in range(_HALVINGS):
        half = (low + high) / 2
        held = weights @ (ndtr((half - off) / deviations) - ndtr((-half - off) / deviations))
        low, high = np.where(held < level, half, low), np.where(held < level, high, half)
    return middle, high
