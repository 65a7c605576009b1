"""Power laws N*(C), D*(C) and L*(C) with exponent intervals, by estimator and for the headline."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.fitting import interval
from analysis.fitting.cost import TokenCost
from analysis.fitting.estimators import FittedEstimator, LineKind, blocks, optima_with_gradient
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
    laws = _pair(
        EstimatorName.HEADLINE, optima(parts.valley, ends).log_params, ends, mean_exponent(parts.valley, *ends)[1], cost
    )
    for state, block in zip(states, blocks(states), strict=True):
        log_n, _, gradient, _ = optima_with_gradient(state.kind, np.asarray(state.theta), parts.origin, ends, cost)
        laws += _pair(
            state.name, log_n, ends, _half(parts.uncertainty, block, np.diff(gradient, axis=0)[0] / width), cost
        )
        laws.append(_loss_law(state, block, parts, ends, cost))
    return tuple(laws)


def _half(uncertainty: Uncertainty, block: slice, gradient: Floats) -> float:
    """Half-width of an interval from a gradient (P_m,) in the parameters of one estimator, which lie at `block`."""
    whole = np.zeros((1, len(uncertainty.total)))
    whole[0, block] = gradient
    variance, freedom = uncertainty.variance(whole)
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


def _loss_law(state: FittedEstimator, block: slice, parts: Parts, ends: Floats, cost: TokenCost) -> PowerLaw:
    """L* = E + coefficient · C^exponent of a surface or of a frontier through minima."""
    kind, theta = state.kind, np.asarray(state.theta)
    gradient = np.zeros(len(theta))
    if isinstance(kind, LineKind):
        gradient[LineTheta._fields.index("flattening")] = 1.0
        half = _half(parts.uncertainty, block, gradient)
        return _frontier_law(kind, LineTheta(*state.theta), parts.origin.c, half)
    step = 1e-5 * np.maximum(np.abs(theta), 0.1)
    moved = np.vstack([theta[None], theta + np.diag(step), theta - np.diag(step)])
    losses = kind.optima(moved, parts.origin, ends, cost)[1]
    floor = kind.form.parameters._fields.index("floor")
    reducible = np.log(np.maximum(losses - moved[:, floor, None], 1e-300))
    slopes = (reducible[:, 1] - reducible[:, 0]) / (ends[1] - ends[0])
    gradient = (slopes[1 : len(theta) + 1] - slopes[len(theta) + 1 :]) / (2 * step)
    half = _half(parts.uncertainty, block, gradient)
    return _law("loss", kind.name, reducible[0], ends, half, float(theta[floor]))


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
