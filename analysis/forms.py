"""The functional forms of L(N, D): value and analytic Jacobian of each, for a batch of parameter vectors.

Shape legend: B parameter vectors at once, n runs, P parameters of the form. Positive parameters are held as logarithms,
so that any vector is admissible; sizes, tokens and FLOPs enter as centred logarithms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Design:
    """Where the loss is evaluated: centred logarithms of shape (n,)."""

    x: Floats
    """ln N − origin of N."""
    y: Floats
    """ln D − origin of D."""
    c: Floats
    """ln C − origin of C."""


@dataclass(frozen=True)
class Form:
    """One functional form."""

    name: str
    """additive | skaling | joint_skew."""
    symbols: tuple[str, ...]
    """Entries of the parameter vector."""
    value: Callable[[Floats, Design], Floats]
    """(B, P) parameters → (B, n) losses."""
    jacobian: Callable[[Floats, Design], tuple[Floats, Floats]]
    """(B, P) parameters → losses (B, n) and derivatives (B, n, P)."""
    prior_mean: tuple[float, ...]
    """Centre of the weak prior on each entry; NaN where there is none. That of E is in units of the lowest loss."""
    prior_sd: tuple[float, ...]
    """Its standard deviation; infinite where there is none."""


def _additive_terms(theta: Floats, at: Design) -> tuple[Floats, Floats, Floats, Floats]:
    alpha, beta = np.exp(theta[:, 2, None]), np.exp(theta[:, 4, None])
    return alpha, beta, np.exp(theta[:, 1, None] - alpha * at.x), np.exp(theta[:, 3, None] - beta * at.y)


def _additive_value(theta: Floats, at: Design) -> Floats:
    _, _, size_term, data_term = _additive_terms(theta, at)
    return theta[:, 0, None] + size_term + data_term


def _additive_jacobian(theta: Floats, at: Design) -> tuple[Floats, Floats]:
    alpha, beta, size_term, data_term = _additive_terms(theta, at)
    jacobian = np.empty((*size_term.shape, 5))
    jacobian[..., 0] = 1
    jacobian[..., 1] = size_term
    jacobian[..., 2] = -alpha * at.x * size_term
    jacobian[..., 3] = data_term
    jacobian[..., 4] = -beta * at.y * data_term
    return theta[:, 0, None] + size_term + data_term, jacobian


def _skaling_value(theta: Floats, at: Design) -> Floats:
    _, _, size_term, data_term = _additive_terms(theta, at)
    return theta[:, 0, None] + (size_term + data_term) ** np.exp(theta[:, 5, None])


def _skaling_jacobian(theta: Floats, at: Design) -> tuple[Floats, Floats]:
    alpha, beta, size_term, data_term = _additive_terms(theta, at)
    gamma, total = np.exp(theta[:, 5, None]), size_term + data_term
    power = total**gamma
    outer = gamma * power / total
    jacobian = np.empty((*total.shape, 6))
    jacobian[..., 0] = 1
    jacobian[..., 1] = outer * size_term
    jacobian[..., 2] = -outer * alpha * at.x * size_term
    jacobian[..., 3] = outer * data_term
    jacobian[..., 4] = -outer * beta * at.y * data_term
    jacobian[..., 5] = power * np.log(total) * gamma
    return theta[:, 0, None] + power, jacobian


def _joint_skew_value(theta: Floats, at: Design) -> Floats:
    floor, scale, g, n0, a, p, q = (theta[:, i, None] for i in range(7))
    p, q = np.exp(p), np.exp(q)
    u = at.x - n0 - a * at.c
    shape = (q * np.exp(-p * u) + p * np.exp(q * u)) / (p + q)
    return np.asarray(floor + np.exp(scale - np.exp(g) * at.c) * shape)


def _joint_skew_jacobian(theta: Floats, at: Design) -> tuple[Floats, Floats]:
    floor, scale, g, n0, a, p, q = (theta[:, i, None] for i in range(7))
    p, q, g = np.exp(p), np.exp(q), np.exp(g)
    u = at.x - n0 - a * at.c
    left, right, level = np.exp(-p * u), np.exp(q * u), np.exp(scale - g * at.c)
    shape = (q * left + p * right) / (p + q)
    reducible = level * shape
    slope = level * p * q * (right - left) / (p + q)
    jacobian = np.empty((*u.shape, 7))
    jacobian[..., 0] = 1
    jacobian[..., 1] = reducible
    jacobian[..., 2] = -g * at.c * reducible
    jacobian[..., 3] = -slope
    jacobian[..., 4] = -at.c * slope
    jacobian[..., 5] = p * level * (-q * u * left + right - shape) / (p + q)
    jacobian[..., 6] = q * level * (left + p * u * right - shape) / (p + q)
    return floor + reducible, jacobian


_NONE, _FREE = float("nan"), float("inf")
_EXPONENT = (float(np.log(0.4)), 0.7)
_FLOOR = (0.6, 0.4)

ADDITIVE = Form(
    name="additive",
    symbols=("E", "log A", "log alpha", "log B", "log beta"),
    value=_additive_value,
    jacobian=_additive_jacobian,
    prior_mean=(_FLOOR[0], _NONE, _EXPONENT[0], _NONE, _EXPONENT[0]),
    prior_sd=(_FLOOR[1], _FREE, _EXPONENT[1], _FREE, _EXPONENT[1]),
)
"""E + A/N^α + B/D^β (Hoffmann et al. 2022, section 3.3)."""

SKALING = Form(
    name="skaling",
    symbols=("E", "log A", "log alpha", "log B", "log beta", "log gamma"),
    value=_skaling_value,
    jacobian=_skaling_jacobian,
    prior_mean=(_FLOOR[0], _NONE, _EXPONENT[0], _NONE, _EXPONENT[0], 0.0),
    prior_sd=(_FLOOR[1], _FREE, _EXPONENT[1], _FREE, _EXPONENT[1], 0.7),
)
"""E + (A/N^α + B/D^β)^γ (Videau 2026)."""

JOINT_SKEW = Form(
    name="joint_skew",
    symbols=("E", "log K", "log g", "n0", "a", "log p", "log q"),
    value=_joint_skew_value,
    jacobian=_joint_skew_jacobian,
    prior_mean=(_FLOOR[0], _NONE, float(np.log(0.13)), _NONE, 0.5, *_EXPONENT[:1] * 2),
    prior_sd=(_FLOOR[1], _FREE, 0.6, _FREE, 0.2, *_EXPONENT[1:] * 2),
)
"""E + K (C/C0)^−g [q e^(−p u) + p e^(q u)] / (p + q), u = ln N − n0 − a ln(C/C0): the additive form is the special case
p = α, q = β, a = β/(α+β), g = αβ/(α+β)."""

FORMS = {ADDITIVE.name: ADDITIVE, SKALING.name: SKALING, JOINT_SKEW.name: JOINT_SKEW, "additive_huber": ADDITIVE}
"""By the name of the estimator that fits it."""
