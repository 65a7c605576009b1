"""Power laws N*(C), D*(C) and L*(C) with exponent intervals, by estimator and for the headline."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.fitting import interval
from analysis.fitting.cost import TokenCost
from analysis.fitting.estimators import FittedEstimator, LineKind, optima_with_gradient
from analysis.fitting.parameters import LineTheta
from analysis.fitting.parts import Parts
from analysis.fitting.refused import RefusedError
from analysis.fitting.uncertainty import Uncertainty
from analysis.fitting.valley.posterior import mean_exponent, optima
from analysis.names import EstimatorName
from analysis.records import Interval, PowerLaw
from analysis.refusals import TooFewCurves

Floats = NDArray[np.float64]

FEWEST_MINIMA = 2
"""Budgets with a minimum that a law needs: one alone does not show how N* changes with compute."""
_STRAIGHT = 1e-6
"""A frontier straighter than this is written with this exponent: a straight line in ln C is not a power law."""


def power_laws(states: Sequence[FittedEstimator], parts: Parts, cost: TokenCost) -> tuple[PowerLaw, ...]:
    """y = coefficient · C^exponent between the smallest and the largest budget, for the headline and each estimator.

    Exact where an estimator is a power law; the mean slope over the fitted budgets where F(N) is not a multiple of N.
    Nothing without estimators. Raises RefusedError where too few budgets have a minimum, or where there is no headline.
    """
    if not states:
        return ()
    minima = sum(bool(curve.minima) for curve in parts.curves)
    if minima < FEWEST_MINIMA:
        raise RefusedError(TooFewCurves(minima, len(parts.curves), FEWEST_MINIMA))
    if parts.valley is None:
        raise RefusedError(parts.refusals[EstimatorName.HEADLINE])
    budgets = [curve.flops for curve in parts.curves]
    ends = np.log([min(budgets), max(budgets)])
    width = float(ends[1] - ends[0])
    answers = [optima_with_gradient(s.kind, np.asarray(s.theta), parts.origin, ends, cost) for s in states]
    gradients = _stacked([(answer[2][1:] - answer[2][:1]) / width for answer in answers])
    laws = _pair(
        EstimatorName.HEADLINE, optima(parts.valley, ends).log_params, ends, mean_exponent(parts.valley, *ends)[1], cost
    )
    for index, (state, answer) in enumerate(zip(states, answers, strict=True)):
        laws += _pair(state.name, answer[0], ends, _half(parts.uncertainty, gradients[index]), cost)
        laws.append(_loss_law(states, index, parts, ends, cost))
    return tuple(laws)


def _stacked(gradients: Sequence[Floats]) -> Floats:
    """Gradients (1, P_m) of M estimators in their own parameters → (M, P) in all parameters."""
    starts = np.cumsum([0, *[gradient.shape[1] for gradient in gradients]])
    full = np.zeros((len(gradients), starts[-1]))
    for m, gradient in enumerate(gradients):
        full[m, starts[m] : starts[m + 1]] = gradient[0]
    return full


def _half(uncertainty: Uncertainty, gradient: Floats) -> float:
    """Half-width of an interval from a gradient (P,)."""
    variance, freedom = uncertainty.variance(gradient[None])
    return float(interval.student(freedom)[0] * np.sqrt(max(variance[0], 0)))


def _pair(name: EstimatorName, log_n: Floats, ends: Floats, half: float, cost: TokenCost) -> list[PowerLaw]:
    """N* and D* = C/F(N*) as power laws through the two ends."""
    log_d = ends - log_n - cost.log_k(log_n)
    elasticity = float(np.mean(cost.slope(log_n)))
    return [_law("params", name, log_n, ends, half), _law("tokens", name, log_d, ends, half * elasticity)]


def _law(quantity: str, name: EstimatorName, values: Floats, ends: Floats, half: float, floor: float = 0.0) -> PowerLaw:
    exponent = float((values[1] - values[0]) / (ends[1] - ends[0]))
    return PowerLaw(
        quantity=quantity,
        estimator=name,
        coefficient=float(np.exp(values[0] - exponent * ends[0])),
        exponent=exponent,
        exponent_interval=Interval(exponent - half, exponent + half) if np.isfinite(half) else None,
        floor=floor,
    )


def _loss_law(states: Sequence[FittedEstimator], index: int, parts: Parts, ends: Floats, cost: TokenCost) -> PowerLaw:
    """L* = E + coefficient · C^exponent of a surface or of a frontier through minima."""
    kind, theta = states[index].kind, np.asarray(states[index].theta)
    start = sum(len(state.theta) for state in states[:index])
    gradient = np.zeros(sum(len(state.theta) for state in states))
    if isinstance(kind, LineKind):
        gradient[start + LineTheta._fields.index("flattening")] = 1.0
        return _frontier_law(kind, LineTheta(*states[index].theta), parts.origin.c, _half(parts.uncertainty, gradient))
    step = 1e-5 * np.maximum(np.abs(theta), 0.1)
    moved = np.vstack([theta[None], theta + np.diag(step), theta - np.diag(step)])
    losses = kind.optima(moved, parts.origin, ends, cost)[1]
    floor = kind.form.parameters._fields.index("floor")
    reducible = np.log(np.maximum(losses - moved[:, floor, None], 1e-300))
    slopes = (reducible[:, 1] - reducible[:, 0]) / (ends[1] - ends[0])
    gradient[start : start + len(theta)] = (slopes[1 : len(theta) + 1] - slopes[len(theta) + 1 :]) / (2 * step)
    return _law("loss", kind.name, reducible[0], ends, _half(parts.uncertainty, gradient), float(theta[floor]))


def _frontier_law(kind: LineKind, line: LineTheta, origin: float, half: float) -> PowerLaw:
    """FRONTIER's L0 − s (1 − e^(−g c))/g as floor + coefficient · C^−g; with g < 0 the coefficient is negative."""
    slope = float(np.exp(line.log_slope))
    g = float(line.flattening) if abs(line.flattening) > _STRAIGHT else _STRAIGHT
    return PowerLaw(
        quantity="loss",
        estimator=kind.name,
        coefficient=slope / g * float(np.exp(g * origin)),
        exponent=-g,
        exponent_interval=Interval(-g - half, -g + half) if np.isfinite(half) else None,
        floor=float(line.middle) - slope / g,
    )
