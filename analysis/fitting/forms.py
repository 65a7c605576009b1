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
    """additive | skaling | joint_skew | joint_skew_bent."""
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


def bent(g: Floats, c: Floats) -> tuple[Floats, Floats]:
    """h = (1 − e^(−g c))/g and dh/dg for any sign of g; at g = 0 they are c and −c²/2."""
    x = g * c
    small = np.abs(x) < 1e-4
    safe_g, safe_x = np.where(small, 1.0, g), np.where(small, 1.0, x)
    h = np.where(small, c * (1 - x / 2), -np.expm1(-safe_x) / safe_g)
    slope = np.where(small, -(c**2) * (0.5 - x / 3), (c * np.exp(-safe_x) - h) / safe_g)
    return h, slope


def _joint_skew_value(theta: Floats, at: Design) -> Floats:
    return _skewed_valley(theta, at, theta[:, 4, None] * at.c)


def _joint_skew_jacobian(theta: Floats, at: Design) -> tuple[Floats, Floats]:
    value, jacobian, slope = _skewed_valley_jacobian(theta, at, theta[:, 4, None] * at.c)
    jacobian[..., 4] = -at.c * slope
    return value, jacobian


def _joint_skew_bent_value(theta: Floats, at: Design) -> Floats:
    return _skewed_valley(theta, at, theta[:, 4, None] * bent(theta[:, 7, None], at.c)[0])


def _joint_skew_bent_jacobian(theta: Floats, at: Design) -> tuple[Floats, Floats]:
    a, (path, path_bend) = theta[:, 4, None], bent(theta[:, 7, None], at.c)
    value, jacobian, slope = _skewed_valley_jacobian(theta, at, a * path)
    jacobian[..., 4] = -path * slope
    jacobian[..., 7] = -a * path_bend * slope
    return value, jacobian


def _skewed_valley(theta: Floats, at: Design, path: Floats) -> Floats:
    """The joint-skew form about ln N* − n0 = path, (B, n)."""
    floor, scale, g, n0, _, p, q = (theta[:, i, None] for i in range(7))
    p, q = np.exp(p), np.exp(q)
    u = at.x - n0 - path
    shape = (q * np.exp(-p * u) + p * np.exp(q * u)) / (p + q)
    return np.asarray(floor + np.exp(scale - np.exp(g) * at.c) * shape)


def _skewed_valley_jacobian(theta: Floats, at: Design, path: Floats) -> tuple[Floats, Floats, Floats]:
    """Values (B, n), derivatives (B, n, P) without those of the path's parameters, and d loss / d ln N (B, n)."""
    floor, scale, g, n0, _, p, q = (theta[:, i, None] for i in range(7))
    p, q, g = np.exp(p), np.exp(q), np.exp(g)
    u = at.x - n0 - path
    left, right, level = np.exp(-p * u), np.exp(q * u), np.exp(scale - g * at.c)
    shape = (q * left + p * right) / (p + q)
    reducible = level * shape
    slope = level * p * q * (right - left) / (p + q)
    jacobian = np.empty((*u.shape, theta.shape[1]))
    jacobian[..., 0] = 1
    jacobian[..., 1] = reducible
    jacobian[..., 2] = -g * at.c * reducible
    jacobian[..., 3] = -slope
    jacobian[..., 5] = p * level * (-q * u * left + right - shape) / (p + q)
    jacobian[..., 6] = q * level * (left + p * u * right - shape) / (p + q)
    return floor + reducible, jacobian, slope


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
    prior_sd=(_FLOOR[1], _FREE, 0.6, _FREE, 0.1, *_EXPONENT[1:] * 2),
)
"""E + K (C/C0)^−g [q e^(−p u) + p e^(q u)] / (p + q), u = ln N − n0 − a ln(C/C0): the additive form is the special case
p = α, q = β, a = β/(α+β), g = αβ/(α+β). Published a, with the head counted, lie between 0.40 and 0.56."""

JOINT_SKEW_BENT = Form(
    name="joint_skew_bent",
    symbols=(*JOINT_SKEW.symbols, "kappa"),
    value=_joint_skew_bent_value,
    jacobian=_joint_skew_bent_jacobian,
    prior_mean=(*JOINT_SKEW.prior_mean, 0.0),
    prior_sd=(*JOINT_SKEW.prior_sd, 0.07),
)
"""The joint-skew form whose path may bend: u = ln N − n0 − a (1 − e^(−κ c))/κ with c = ln(C/C0). The exponent of N* is
a e^(−κ c): it falls with compute for κ > 0, and κ = 0 is the power law. The prior on κ is centred on the power law and
lets the exponent change by a sixth of itself for each factor ten of compute."""

FORMS = {form.name: form for form in (ADDITIVE, SKALING, JOINT_SKEW, JOINT_SKEW_BENT)} | {"additive_huber": ADDITIVE}
"""By the name of the estimator that fits it."""
