"""The functional forms of L(N, D): value and analytic Jacobian of each, for a batch of parameter vectors.

Shape legend: B parameter vectors at once, n runs, P parameters of the form. Positive parameters are held as logarithms,
so that any vector is admissible; sizes, tokens and FLOPs enter as centred logarithms. Vectors are stacked in arrays for
the solver; `parameters` names their entries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.parameters import (
    AdditiveTheta,
    JointSkewBentTheta,
    JointSkewTheta,
    SkalingTheta,
    Theta,
    columns,
)
from analysis.names import EstimatorName

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
    """One functional form with its weak priors."""

    parameters: type[Theta]
    """The named tuple of its parameters, in the vector's order."""
    value: Callable[[Floats, Design], Floats]
    """(B, P) parameters → (B, n) losses."""
    jacobian: Callable[[Floats, Design], tuple[Floats, Floats]]
    """(B, P) parameters → losses (B, n) and derivatives (B, n, P)."""
    prior_mean: tuple[float, ...]
    """Centre of the weak prior on each entry; NaN where there is none. That of E is in units of the lowest loss."""
    prior_sd: tuple[float, ...]
    """Its standard deviation; infinite where there is none."""


@dataclass(frozen=True)
class SurfaceForm(Form):
    """A form of L(N, D)."""

    name: EstimatorName
    """The surface that it is."""
    path: Callable[[Floats, Floats], Floats] | None = None
    """(B, P) parameters and ln C − origin (1, T) → centred ln N* (B, T) where the form states it; None where N*
    follows from the balance of its terms."""


def _terms(named: AdditiveTheta | SkalingTheta, at: Design) -> tuple[Floats, Floats, Floats, Floats]:
    """α and β (B, 1), A/N^α and B/D^β (B, n)."""
    alpha, beta = np.exp(named.log_alpha), np.exp(named.log_beta)
    return alpha, beta, np.exp(named.log_a - alpha * at.x), np.exp(named.log_b - beta * at.y)


def _stacked(derivatives: tuple[Floats, ...]) -> Floats:
    """Derivatives by parameter, (B, n) each, as one array (B, n, P)."""
    return np.stack(derivatives, axis=-1)


def _additive_value(theta: Floats, at: Design) -> Floats:
    named = AdditiveTheta(*columns(theta))
    _, _, size_term, data_term = _terms(named, at)
    return np.asarray(named.floor + size_term + data_term)


def _additive_jacobian(theta: Floats, at: Design) -> tuple[Floats, Floats]:
    named = AdditiveTheta(*columns(theta))
    alpha, beta, size_term, data_term = _terms(named, at)
    derivatives = AdditiveTheta(
        floor=np.ones_like(size_term),
        log_a=size_term,
        log_alpha=-alpha * at.x * size_term,
        log_b=data_term,
        log_beta=-beta * at.y * data_term,
    )
    return named.floor + size_term + data_term, _stacked(derivatives)


def _skaling_value(theta: Floats, at: Design) -> Floats:
    named = SkalingTheta(*columns(theta))
    _, _, size_term, data_term = _terms(named, at)
    return np.asarray(named.floor + (size_term + data_term) ** np.exp(named.log_gamma))


def _skaling_jacobian(theta: Floats, at: Design) -> tuple[Floats, Floats]:
    named = SkalingTheta(*columns(theta))
    alpha, beta, size_term, data_term = _terms(named, at)
    gamma, total = np.exp(named.log_gamma), size_term + data_term
    power = total**gamma
    outer = gamma * power / total
    derivatives = SkalingTheta(
        floor=np.ones_like(total),
        log_a=outer * size_term,
        log_alpha=-outer * alpha * at.x * size_term,
        log_b=outer * data_term,
        log_beta=-outer * beta * at.y * data_term,
        log_gamma=power * np.log(total) * gamma,
    )
    return named.floor + power, _stacked(derivatives)


def bent(g: Floats, c: Floats) -> tuple[Floats, Floats]:
    """h = (1 − e^(−g c))/g and dh/dg for any sign of g, of the shape of g and c together; at g = 0, c and −c²/2."""
    x = g * c
    small = np.abs(x) < 1e-4
    if not small.any():
        h = -np.expm1(-x) / g
        return h, (c * np.exp(-x) - h) / g
    safe_g, safe_x = np.where(small, 1.0, g), np.where(small, 1.0, x)
    h = np.where(small, c * (1 - x / 2), -np.expm1(-safe_x) / safe_g)
    slope = np.where(small, -(c**2) * (0.5 - x / 3), (c * np.exp(-safe_x) - h) / safe_g)
    return h, slope


def _joint_skew_path(theta: Floats, c: Floats) -> Floats:
    named = JointSkewTheta(*columns(theta))
    return np.asarray(named.n0 + named.exponent * c)


def _joint_skew_value(theta: Floats, at: Design) -> Floats:
    named = JointSkewTheta(*columns(theta))
    return _skewed_valley(named, at, named.exponent * at.c)


def _joint_skew_jacobian(theta: Floats, at: Design) -> tuple[Floats, Floats]:
    named = JointSkewTheta(*columns(theta))
    value, derivatives, slope = _skewed_valley_derivatives(named, at, named.exponent * at.c)
    return value, _stacked(derivatives._replace(exponent=-at.c * slope))


def _joint_skew_bent_path(theta: Floats, c: Floats) -> Floats:
    named = JointSkewBentTheta(*columns(theta))
    return np.asarray(named.n0 + named.exponent * bent(named.kappa, c)[0])


def _joint_skew_bent_value(theta: Floats, at: Design) -> Floats:
    named = JointSkewBentTheta(*columns(theta))
    return _skewed_valley(named, at, named.exponent * bent(named.kappa, at.c)[0])


def _joint_skew_bent_jacobian(theta: Floats, at: Design) -> tuple[Floats, Floats]:
    named = JointSkewBentTheta(*columns(theta))
    path, path_bend = bent(named.kappa, at.c)
    value, straight, slope = _skewed_valley_derivatives(named, at, named.exponent * path)
    derivatives = JointSkewBentTheta(
        *straight._replace(exponent=-path * slope), kappa=-named.exponent * path_bend * slope
    )
    return value, _stacked(derivatives)


def _skewed_valley(named: JointSkewTheta | JointSkewBentTheta, at: Design, path: Floats) -> Floats:
    """The joint-skew form about ln N* − n0 = path, (B, n)."""
    p, q = np.exp(named.log_p), np.exp(named.log_q)
    u = at.x - named.n0 - path
    shape = (q * np.exp(-p * u) + p * np.exp(q * u)) / (p + q)
    return np.asarray(named.floor + np.exp(named.log_scale - np.exp(named.log_g) * at.c) * shape)


def _skewed_valley_derivatives(
    named: JointSkewTheta | JointSkewBentTheta, at: Design, path: Floats
) -> tuple[Floats, JointSkewTheta, Floats]:
    """Values (B, n), derivatives (B, n) by parameter, the path's exponent left at zero, and d loss / d ln N (B, n)."""
    p, q, g = np.exp(named.log_p), np.exp(named.log_q), np.exp(named.log_g)
    u = at.x - named.n0 - path
    left, right, level = np.exp(-p * u), np.exp(q * u), np.exp(named.log_scale - g * at.c)
    shape = (q * left + p * right) / (p + q)
    reducible = level * shape
    slope = level * p * q * (right - left) / (p + q)
    derivatives = JointSkewTheta(
        floor=np.ones_like(u),
        log_scale=reducible,
        log_g=-g * at.c * reducible,
        n0=-slope,
        exponent=np.zeros_like(u),
        log_p=p * level * (-q * u * left + right - shape) / (p + q),
        log_q=q * level * (left + p * u * right - shape) / (p + q),
    )
    return named.floor + reducible, derivatives, slope


_NONE, _FREE = float("nan"), float("inf")
_EXPONENT = (float(np.log(0.4)), 0.7)
_FLOOR = (0.6, 0.4)

ADDITIVE = SurfaceForm(
    name=EstimatorName.ADDITIVE,
    parameters=AdditiveTheta,
    value=_additive_value,
    jacobian=_additive_jacobian,
    prior_mean=(_FLOOR[0], _NONE, _EXPONENT[0], _NONE, _EXPONENT[0]),
    prior_sd=(_FLOOR[1], _FREE, _EXPONENT[1], _FREE, _EXPONENT[1]),
)
"""E + A/N^α + B/D^β (Hoffmann et al. 2022, section 3.3)."""

SKALING = SurfaceForm(
    name=EstimatorName.SKALING,
    parameters=SkalingTheta,
    value=_skaling_value,
    jacobian=_skaling_jacobian,
    prior_mean=(_FLOOR[0], _NONE, _EXPONENT[0], _NONE, _EXPONENT[0], 0.0),
    prior_sd=(_FLOOR[1], _FREE, _EXPONENT[1], _FREE, _EXPONENT[1], 0.7),
)
"""E + (A/N^α + B/D^β)^γ (Videau 2026)."""

JOINT_SKEW = SurfaceForm(
    name=EstimatorName.JOINT_SKEW,
    parameters=JointSkewTheta,
    value=_joint_skew_value,
    jacobian=_joint_skew_jacobian,
    prior_mean=(_FLOOR[0], _NONE, float(np.log(0.13)), _NONE, 0.5, *_EXPONENT[:1] * 2),
    prior_sd=(_FLOOR[1], _FREE, 0.6, _FREE, 0.1, *_EXPONENT[1:] * 2),
    path=_joint_skew_path,
)
"""E + K (C/C0)^−g [q e^(−p u) + p e^(q u)] / (p + q), u = ln N − n0 − a ln(C/C0): the additive form is the special case
p = α, q = β, a = β/(α+β), g = αβ/(α+β). Published a, with the head counted, lie between 0.40 and 0.56."""

JOINT_SKEW_BENT = SurfaceForm(
    name=EstimatorName.JOINT_SKEW_BENT,
    parameters=JointSkewBentTheta,
    value=_joint_skew_bent_value,
    jacobian=_joint_skew_bent_jacobian,
    prior_mean=(*JOINT_SKEW.prior_mean, 0.0),
    prior_sd=(*JOINT_SKEW.prior_sd, 0.07),
    path=_joint_skew_bent_path,
)
"""The joint-skew form whose path may bend: u = ln N − n0 − a (1 − e^(−κ c))/κ with c = ln(C/C0). The exponent of N* is
a e^(−κ c): it falls with compute for κ > 0, and κ = 0 is the power law. The prior on κ is centred on the power law and
lets the exponent change by a sixth of itself for each factor ten of compute."""
