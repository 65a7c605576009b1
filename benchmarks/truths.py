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


def irreducible(params: Floats, tokens: Floats) -> Floats:
    """Besiroglu et al. 2024, the corrected estimate: at 1e23 FLOPs nine tenths of the loss are irreducible."""
    return 1.8172 + 482.01 / params**0.3478 + 2085.43 / tokens**0.3658


def irreducible_small(params: Floats, tokens: Floats) -> Floats:
    """The same shape with more that is irreducible: nine tenths of the loss at 1e20 FLOPs."""
    return 3.0 + 0.45 * (irreducible(params, tokens) - 1.8172)


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


def drifting(params: Floats, tokens: Floats) -> Floats:
    """Exponents that change with scale: in none of the fitted families."""
    n, d = np.log(params), np.log(tokens)
    return np.asarray(
        1.75 + np.exp(6 - 0.335 * n - 0.0015 * (n - 19) ** 2) + np.exp(6.1 - 0.29 * d + 0.002 * (d - 22) ** 2)
    )


def far_misfit(params: Floats, tokens: Floats) -> Floats:
    """Additive within a factor of e in N from 22 tokens a parameter; beyond, the loss rises faster.

    By 0.45 nat more at half a token or a thousand tokens a parameter: too large a model sees too few steps, and too
    small a one is trained far longer than its settings were chosen for.
    """
    distance = np.abs(0.5 * np.log(tokens / params / 22))
    return np.asarray(additive(params, tokens) + 0.45 * np.maximum((distance - 1) / 0.9, 0) ** 1.5)


def changing_slope(params: Floats, tokens: Floats, centre: float = 1e19) -> Floats:
    """A frontier whose slope against ln C falls from 0.6 to 0.25 nat, most of it about a budget; N* is a power law.

    The frontier is a power law but for a term that small budgets alone have.
    """
    log_c = np.log(6 * params * tokens / centre)
    u = np.log(params / 2.3e8) - 0.5 * np.log(6 * params * tokens / 1e19)
    p, q = 0.45, 0.22
    valley = (q * np.exp(-p * u) + p * np.exp(q * u)) / (p + q)
    return np.asarray(1.3 + 3 * np.exp(-0.1 * log_c) * valley + 0.22 * 0.5 * np.logaddexp(0, -log_c / 0.5))
