"""Batched damped Newton: many starts, or many bootstrap weightings, of one small fit at once.

Shape legend: B fits at once, P parameters.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


class Problem(Protocol):
    """B objectives over the same parameters; `rows` (b,) are the indices of those asked for."""

    def objective(self, theta: Floats, rows: Rows) -> Floats:
        """(b, P) parameters → (b,) objectives."""

    def derivatives(self, theta: Floats, rows: Rows) -> tuple[Floats, Floats, Floats]:
        """(b, P) parameters → gradient (b, P), Hessian (b, P, P), positive metric for the damping (b, P, P)."""


def minimise(
    problem: Problem, start: Floats, *, iterations: int = 200, tolerance: float = 1e-13
) -> tuple[Floats, Floats]:
    """Minimise B objectives from starts of shape (B, P); return the minima (B, P) and objectives (B,).

    Each step solves (H + λ M) s = −g; λ falls tenfold on success and rises eightfold on failure. A row stops when the
    predicted decrease is below `tolerance` of its objective, or when no step of any length decreases it.
    """
    theta = np.array(start, dtype=float)
    rows = np.arange(len(theta))
    best = problem.objective(theta, rows)
    damping = np.full(len(theta), 1e-2)
    gradient = np.empty_like(theta)
    hessian = np.empty((*theta.shape, theta.shape[1]))
    metric = np.empty_like(hessian)
    stale = np.ones(len(theta), dtype=bool)
    for _ in range(iterations):
        fresh = rows[stale[rows]]
        if len(fresh):
            gradient[fresh], hessian[fresh], metric[fresh] = problem.derivatives(theta[fresh], fresh)
            stale[fresh] = False
        step = _damped_step(gradient[rows], hessian[rows], metric[rows], damping[rows])
        trial = theta[rows] + step
        with np.errstate(over="ignore", invalid="ignore"):
            value = problem.objective(trial, rows)
        better = value < best[rows]
        won = rows[better]
        gain = np.where(better, best[rows] - value, 0)
        predicted = -(step * gradient[rows]).sum(axis=1)
        theta[won], best[won] = trial[better], value[better]
        stale[won] = True
        damping[won] = np.maximum(damping[won] * 0.1, 1e-14)
        damping[rows[~better]] *= 8
        small = predicted <= tolerance * (np.abs(best[rows]) + 1e-300)
        stuck = ~better & (damping[rows] > 1e8)
        # A step that rounding, not the model of the objective, decides is the last.
        rounding = better & (gain <= 4e-16 * np.abs(best[rows]))
        rows = rows[~(small & (better | (damping[rows] > 1e-6)) | stuck | rounding)]
        if len(rows) == 0:
            break
    return theta, best


def _damped_step(gradient: Floats, hessian: Floats, metric: Floats, damping: Floats) -> Floats:
    """Solve (H + λ M) s = −g in coordinates where M has a unit diagonal; fall back to M where H is indefinite."""
    diagonal = np.einsum("bpp->bp", metric)
    scale = 1 / np.sqrt(np.maximum(diagonal, 1e-30 * diagonal.max(axis=1, keepdims=True) + 1e-300))
    outer = scale[:, :, None] * scale[:, None, :]
    unit = np.eye(gradient.shape[1])
    scaled_metric = metric * outer + 1e-12 * unit
    matrix = hessian * outer + damping[:, None, None] * (scaled_metric + unit) + 1e-15 * unit
    step = -_solve(matrix, gradient * scale)
    uphill = ~((step * gradient * scale).sum(axis=1) < 0)
    if uphill.any():
        fallback = (1 + damping[uphill, None, None]) * scaled_metric[uphill] + 1e-9 * unit
        step[uphill] = -_solve(fallback, (gradient * scale)[uphill])
    return np.asarray(step * scale)


def _solve(matrix: Floats, vector: Floats) -> Floats:
    """Batched solve; a singular matrix gives a row of NaN instead of an exception."""
    try:
        return np.asarray(np.linalg.solve(matrix, vector[..., None])[..., 0])
    except np.linalg.LinAlgError:
        out = np.full_like(vector, np.nan)
        for row in range(len(matrix)):
            try:
                out[row] = np.linalg.solve(matrix[row], vector[row])
            except np.linalg.LinAlgError:
                continue
        return out
