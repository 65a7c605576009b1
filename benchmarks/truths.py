"""Losses of simulated worlds by parameters and tokens, in nats: what simulations of coverage draw their sweeps from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
"""An array of numbers."""
Truth = Callable[[Floats, Floats], Floats]
"""The loss of parameters and tokens, nats."""


def additive(params: Floats, tokens: Floats) -> Floats:
    """Hoffmann et al. 2022, equation 10."""
    return 1.69 + 406.4 / params**0.34 + 410.7 / tokens**0.28


def joint_skew(params: Floats, tokens: Floats, a: float = 0.5, p: float = 0.45, q: float = 0.22) -> Floats:
    """A skewed valley, which no additive surface has."""
    log_c = np.log(6 * params * tokens / 1e19)
    u = np.log(params / 2.3e8) - a * log_c
    return np.asarray(1.7 + 1.3 * np.exp(-0.155 * log_c) * (q * np.exp(-p * u) + p * np.exp(q * u)) / (p + q))


def skaling(params: Floats, tokens: Floats) -> Floats:
    """Videau 2026, with γ = 1.5."""
    return np.asarray(1.6 + (20 / params**0.2 + 60 / tokens**0.22) ** 1.5)


def small(params: Floats, tokens: Floats) -> Floats:
    """Losses of a two-core sweep."""
    return 1.5 + 30 / params**0.33 + 105 / tokens**0.33
