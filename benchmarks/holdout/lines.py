"""Power laws through the minima of budgets, with Student's t interval: what the simple baselines forecast by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import stdtrit

Floats = NDArray[np.float64]

SLOWEST, FASTEST = 0.01, 1.0
"""Exponents g of E + K C^−g that are looked for; a best one at an end is no fit."""


@dataclass(frozen=True)
class Forecast:
    """An estimate with its 95 % interval; NaN ends where there is none."""

    estimate: float
    """ln N* or L*."""
    low: float
    """Lower end."""
    high: float
    """Upper end."""


NOTHING = Forecast(np.nan, np.nan, np.nan)
"""No answer."""


def line(log_c: Floats, values: Floats, at: float) -> Forecast:
    """The straight line through values at ln C, arrays (n,), at another ln C: least squares, interval of its mean."""
    if len(log_c) < 2:
        return NOTHING
    middle = float(log_c.mean())
    design = np.column_stack([np.ones_like(log_c), log_c - middle])
    coefficients = np.asarray(np.linalg.lstsq(design, values, rcond=None)[0], dtype=float)
    return _student(design, values - design @ coefficients, np.array([1.0, at - middle]), coefficients)


def frontier(log_c: Floats, losses: Floats, at: float) -> Forecast:
    """E + K C^−g through losses at ln C, arrays (n,), at another ln C; where that fails, a line of ln L."""
    return _saturating(log_c, losses, at) or _falling(log_c, losses, at)


def _falling(log_c: Floats, losses: Floats, at: float) -> Forecast:
    found = line(log_c, np.log(losses), at)
    return Forecast(*(float(np.exp(value)) for value in (found.estimate, found.low, found.high)))


def _saturating(log_c: Floats, losses: Floats, at: float) -> Forecast | None:
    """None of fewer than four losses, or where the best floor or exponent makes no sense."""
    if len(log_c) < 4:
        return None
    x = log_c - float(log_c.mean())

    def solved(g: float) -> tuple[Floats, Floats]:
        design = np.column_stack([np.ones_like(x), np.exp(-g * x)])
        coefficients = np.linalg.lstsq(design, losses, rcond=None)[0]
        return coefficients, losses - design @ coefficients

    def squares(log_g: float) -> float:
        return float((solved(np.exp(log_g))[1] ** 2).sum())

    ends = (np.log(SLOWEST), np.log(FASTEST))
    g = float(np.exp(minimize_scalar(squares, bounds=ends, method="bounded", options={"xatol": 1e-8}).x))
    (floor, scale), residuals = solved(g)
    if not (0 < floor < losses.min() and scale > 0 and 1.01 * SLOWEST < g < 0.99 * FASTEST):
        return None

    def gradient(z: Floats) -> Floats:
        return np.column_stack([np.ones_like(z), np.exp(-g * z), -scale * z * np.exp(-g * z)])

    there = np.array([at - float(log_c.mean())])
    moved = np.array([floor, scale, 0.0])  # g's column is zero in the value itself: its effect is in `scale`'s
    return _student(gradient(x), residuals, gradient(there)[0], moved)


def _student(design: Floats, residuals: Floats, at: Floats, coefficients: Floats) -> Forecast:
    """The value at a row (P,) of a design (n, P) and its delta-method interval; without an end of no freedom."""
    estimate = float(at @ coefficients)
    freedom = design.shape[0] - design.shape[1]
    if freedom < 1:
        return Forecast(estimate, np.nan, np.nan)
    variance = float((residuals**2).sum()) / freedom
    scale = np.linalg.norm(design, axis=0)
    error = np.sqrt(variance) * float(np.linalg.norm(np.linalg.pinv(design / scale).T @ (at / scale)))
    half = float(stdtrit(freedom, 0.975)) * error
    return Forecast(estimate, estimate - half, estimate + half)
