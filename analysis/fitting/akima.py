"""The minimum of one budget's curve by an Akima spline (Akima 1970), which follows its points wherever they go."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.minima import FEWEST_SIZES, at_edge
from analysis.fitting.polynomials import Fit, Points
from analysis.names import EstimatorName
from analysis.refusals import OutermostSize, Refusal, TooFewSplineSizes

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

MERGE = 0.03
"""Sizes closer than this in ln N are one point of the Akima spline."""


def akima_minimum(points: Points) -> Fit | Refusal:
    """Minimum of the Akima spline through the mean loss of each size, influence by differences; refused at the edge."""
    u, losses = points.u, points.losses
    group = _merged(u)
    counts = np.bincount(group)
    sizes, means = np.bincount(group, u) / counts, np.bincount(group, losses) / counts
    if len(sizes) < FEWEST_SIZES:
        return TooFewSplineSizes(len(sizes), MERGE)
    step = 1e-5 * float(np.ptp(losses))
    minima, values = akima_minima(sizes, np.vstack([means, means + step * np.eye(len(sizes))]))
    edge = at_edge(points, float(minima[0]), EstimatorName.AKIMA)
    if edge or minima[0] in (sizes[0], sizes[-1]):
        return edge or OutermostSize()
    return Fit(
        log_params=float(minima[0]),
        loss=float(values[0]),
        log_params_influence=(((minima[1:] - minima[0]) / step) / counts)[group],
        loss_influence=(((values[1:] - values[0]) / step) / counts)[group],
    )


def _merged(u: Floats) -> Labels:
    """Labels (n,) of ascending u: a size joins the group whose smallest is within `MERGE` of it."""
    group, first = np.zeros(len(u), dtype=np.int64), 0
    for i in range(1, len(u)):
        if u[i] - u[first] > MERGE:
            first = i
        group[i] = group[i - 1] + (first == i)
    return group


def akima_minima(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Lowest points (B,) and values (B,) of Akima splines (Akima 1970) through x (m,), ascending, and y (B, m)."""
    h = np.diff(x)
    slopes = np.diff(y, axis=1) / h
    first, last = 2 * slopes[:, 0] - slopes[:, 1], 2 * slopes[:, -1] - slopes[:, -2]
    padded = np.column_stack([2 * first - slopes[:, 0], first, slopes, last, 2 * last - slopes[:, -1]])
    change = np.abs(np.diff(padded, axis=1))
    left, right = change[:, 2:], change[:, :-2]
    total = left + right
    tangent = np.where(
        total > 1e-12 * max(float(change.max()), 1e-300),
        (left * padded[:, 1:-2] + right * padded[:, 2:-1]) / np.where(total > 0, total, 1),
        0.5 * (padded[:, 1:-2] + padded[:, 2:-1]),
    )
    # On each interval y = c0 + c1 s + c2 s² + c3 s³ with s from its left end; its turns are roots of a quadratic.
    c1 = tangent[:, :-1]
    c2 = (3 * slopes - 2 * tangent[:, :-1] - tangent[:, 1:]) / h
    c3 = (tangent[:, :-1] + tangent[:, 1:] - 2 * slopes) / h**2
    root = np.sqrt(np.maximum(c2 * c2 - 3 * c1 * c3, 0))
    denominator = c2 + root
    turn = np.where(np.abs(denominator) > 0, -c1 / np.where(denominator == 0, 1, denominator), 0)
    turn = np.clip(turn, 0, h)
    values = y[:, :-1] + turn * (c1 + turn * (c2 + turn * c3))
    at = np.concatenate([x[:-1] + turn, np.broadcast_to(x[-1:], (len(y), 1))], axis=1)
    values = np.concatenate([values, y[:, -1:]], axis=1)
    best = np.argmin(values, axis=1)[:, None]
    return np.take_along_axis(at, best, 1)[:, 0], np.take_along_axis(values, best, 1)[:, 0]
