"""The minimum of one budget's curve by parabola and cubic, or the refusal that its points call for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.polynomials import Fit, Points, minimum_fit, residual_sigma, solve
from analysis.names import EstimatorName
from analysis.refusals import BendsBack, CurvatureNotEstablished, EdgeMinimum, FarFromLowest, NoCubicMinimum, Refusal

Floats = NDArray[np.float64]

FEWEST_SIZES = 5
"""A parabola through fewer sizes leaves too little to test its fit."""
NEAR = 0.35
"""A fitted minimum this near in ln N to the lowest loss is never far from it."""
DEEP = 0.05
"""Share of a curve's depth by which the lowest loss must lie below the fitted minimum's run to speak against it."""
EDGE_LEVEL = 0.05
"""Two-sided level of the test that a curve bends upwards and of the test for a bend the other way."""


def parabola_minimum(points: Points) -> Fit | Refusal:
    """The parabola's minimum, refused where it is flat, at the edge, not a parabola, or far from the lowest loss."""
    u, losses = points.u, points.losses
    coefficients, powers = solve(u, losses, 2)
    flat = _no_curvature(points, coefficients, powers)
    if flat:
        return flat
    minimum = float(-coefficients[1] / (2 * coefficients[2]))
    return (
        at_edge(points, minimum, EstimatorName.PARABOLA)
        or _bends_back(points)
        or _far_from_lowest(points, minimum, EstimatorName.PARABOLA)
        or minimum_fit(coefficients, powers, minimum)
    )


def cubic_minimum(points: Points) -> Fit | Refusal:
    """The cubic's minimum, refused where it has none, at the edge, or far from the lowest loss."""
    u, losses = points.u, points.losses
    coefficients, powers = solve(u, losses, 3)
    flat = _no_curvature(points, *solve(u, losses, 2))
    if flat:
        return flat
    _, b1, b2, b3 = coefficients
    discriminant = b2 * b2 - 3 * b1 * b3
    if discriminant <= 0:
        return NoCubicMinimum()
    # The root with positive second derivative, in the form that stays exact as b3 → 0.
    minimum = float(-b1 / (b2 + np.sqrt(discriminant))) if b2 > 0 else float((-b2 + np.sqrt(discriminant)) / (3 * b3))
    return (
        at_edge(points, minimum, EstimatorName.CUBIC)
        or _far_from_lowest(points, minimum, EstimatorName.CUBIC)
        or minimum_fit(coefficients, powers, minimum)
    )


def near_minimum(points: Points) -> Fit | None:
    """A parabola through the five sizes nearest the lowest loss; None where its minimum is not among them."""
    u, losses = points.u, points.losses
    at = np.unique(np.round(u, 6))
    lowest = u[np.argmin(losses)]
    nearest = at[np.argsort(np.abs(at - lowest), kind="stable")[:FEWEST_SIZES]]
    rows = np.isin(np.round(u, 6), nearest)
    coefficients, powers = solve(u[rows], losses[rows], 2)
    minimum = float(-coefficients[1] / (2 * coefficients[2])) if coefficients[2] > 0 else float("nan")
    if not nearest.min() < minimum < nearest.max():
        return None
    if _far_from_lowest(points, minimum, EstimatorName.PARABOLA_NEAR_MINIMUM, 0.7):
        return None
    spread = np.zeros((3, len(u)))
    spread[:, rows] = powers
    return minimum_fit(coefficients, spread, minimum, "points near the minimum only")


def at_edge(points: Points, minimum: float, name: EstimatorName) -> EdgeMinimum | None:
    """The refusal of a minimum, at a centred ln N, that lies outside the sizes; None inside."""
    if points.u.min() < minimum < points.u.max():
        return None
    return EdgeMinimum(name, points.params(minimum), "smallest" if minimum <= points.u.min() else "largest")


def _no_curvature(points: Points, coefficients: Floats, powers: Floats) -> Refusal | None:
    """The parabola must open upwards beyond doubt: the t interval of its second coefficient above zero."""
    from scipy.special import stdtrit

    u, losses = points.u, points.losses
    freedom = len(u) - 3
    # A cubic's residual does not count skew as noise; the parabola's does where there are too few runs for a cubic.
    sigma = residual_sigma(u, losses, 3) if len(u) > 5 else residual_sigma(u, losses, 2)
    error = sigma * float(np.linalg.norm(powers[2]))
    quantile = float(stdtrit(max(freedom - (len(u) > 5), 1), 1 - EDGE_LEVEL / 2))
    if coefficients[2] > quantile * error and coefficients[2] > 0:
        return None
    return CurvatureNotEstablished(float(coefficients[2]), quantile * error)


def _bends_back(points: Points) -> Refusal | None:
    """Not a parabola: the cubic is clearly better and its bend changes sign inside the sizes."""
    from scipy.special import fdtrc

    u, losses = points.u, points.losses
    freedom = len(u) - 4
    (_, _, b2, b3), _ = solve(u, losses, 3)
    if freedom < 1 or b3 == 0:
        return None
    inflection = -b2 / (3 * b3)
    if not u.min() < inflection < u.max():
        return None
    squares = [max(len(u) - degree - 1, 1) * residual_sigma(u, losses, degree) ** 2 for degree in (2, 3)]
    gain = (squares[0] - squares[1]) * freedom / max(squares[1], 1e-300)
    p = float(fdtrc(1, freedom, max(gain, 0.0)))
    deep = abs(inflection) < 0.5 * float(np.abs(u).max())
    if p >= (2 * EDGE_LEVEL if deep else EDGE_LEVEL):
        return None
    residuals = (float(np.sqrt(squares[0] / (len(u) - 3))), float(np.sqrt(squares[1] / freedom)))
    return BendsBack(points.params(inflection), p, *residuals)


def _far_from_lowest(points: Points, minimum: float, name: EstimatorName, spacings: float = 1.5) -> Refusal | None:
    """Not a parabola: the fitted minimum lies more than `spacings` spacings of the sizes from the lowest loss.

    The gap is held against the curve's depth, not its residual: a broken branch inflates the residual with the damage.
    """
    at, group = np.unique(np.round(points.u, 6), return_inverse=True)
    means = np.bincount(group, points.losses) / np.bincount(group)
    lowest, nearest = int(np.argmin(means)), int(np.argmin(np.abs(at - minimum)))
    reach = max(spacings * float(np.median(np.diff(at))), NEAR)
    gap = float(means[nearest] - means[lowest])
    if abs(minimum - at[lowest]) <= reach or gap <= DEEP * float(np.ptp(means)):
        return None
    return FarFromLowest(name, points.params(minimum), points.params(float(at[lowest])), gap)
