"""The minimum of a budget's curve near its lowest loss, by three definitions, with its error: a hold-out's truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.akima import akima_minimum
from analysis.fitting.approach3 import fit_approach3
from analysis.fitting.polynomials import Fit, Points, minimum_fit, residual_sigma, solve
from analysis.records import LawError
from analysis.refusals import Refusal
from analysis.table.table import RunTable

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

FACTOR = 5.0
"""Runs count whose N is within this factor of that with the lowest loss."""
ABOVE = 0.06
"""Runs count whose loss is at most this share above the lowest."""
FEWEST = 5
"""Sizes that count at least, whatever their distance; a budget with fewer has no truth."""
PARABOLA = 7
"""Sizes of the local parabola at most: those nearest the lowest loss."""
WORST = 0.35
"""A minimum whose ln N is not known to this standard error (95 %: a factor of two) tests nothing."""
OWN = 4.0
"""Degrees of freedom that the pooled noise of a table counts for beside a budget's own."""


@dataclass(frozen=True)
class LocalMinimum:
    """The minimum of a budget's curve: the median over its definitions."""

    log_params: float
    """ln N*."""
    loss: float
    """L*, in the table's unit."""
    log_params_error: float
    """Standard error of ln N*: noise and the spread between the definitions, in quadrature."""
    loss_error: float
    """Standard error of L*, likewise."""


@dataclass(frozen=True)
class Local:
    """The runs of a budget near its lowest loss, and the minima through them."""

    points: Points
    """These runs."""
    minima: tuple[Fit, ...]
    """One a definition that has one."""
    sigma: float
    """Residual standard deviation of their cubic; NaN without degrees of freedom."""
    freedom: int
    """Its degrees of freedom."""


def local_minima(table: RunTable) -> list[LocalMinimum | None]:
    """One a budget; None where fewer than two definitions have a minimum among the runs, or it is hardly known."""
    losses, log_params = levelled(table), np.log(table.params)
    rows = [table.budget == budget for budget in range(len(table.budgets))]
    found = minima_of([(log_params[own], losses[own]) for own in rows])
    return [one if isinstance(one, LocalMinimum) else None for one in found]


def minima_of(curves: Sequence[tuple[Floats, Floats]]) -> list[LocalMinimum | str]:
    """One a curve, of which ln N and losses (n,) are given: its minimum, or in words why it has none to test a law."""
    near = [local_fit(log_params, losses) for log_params, losses in curves]
    pooled = _pooled([fit for fit in near if fit is not None])
    return [f"fewer than {FEWEST} sizes" if fit is None else _summed_up(fit, pooled) for fit in near]


def levelled(table: RunTable) -> Floats:
    """The losses (n,) as they would be at exactly each run's budget, its size kept: by approach 3's surface."""
    nominal = table.budgets[table.budget]
    if float(np.abs(np.log(nominal / table.flops)).max()) < 1e-4:
        return table.loss
    try:
        with np.errstate(all="ignore"):
            _, _, scale, _, power = fit_approach3(table).parameters[0]
    except LawError:
        return table.loss
    there = scale / (table.tokens * nominal / table.flops) ** power
    return np.asarray(table.loss + there - scale / table.tokens**power)


def local_fit(log_params: Floats, losses: Floats) -> Local | None:
    """The runs near the lowest loss of one budget, arrays (n,), and their minima; None of fewer than five sizes."""
    order = np.argsort(log_params, kind="stable")
    u, losses = log_params[order], losses[order]
    sizes = np.unique(np.round(u, 6))
    if len(sizes) < FEWEST:
        return None
    lowest = u[np.argmin(losses)]
    inside = (np.abs(u - lowest) <= np.log(FACTOR)) & (losses <= (1 + ABOVE) * losses.min())
    inside |= _nearest(u, lowest, FEWEST)
    few = inside & _nearest(u, lowest, PARABOLA)
    centre = float(u[inside].mean())
    points = Points(u[inside] - centre, losses[inside], centre)
    found = [_polynomial(points, few[inside], 2), _polynomial(points, np.ones(inside.sum(), dtype=bool), 3)]
    spline = akima_minimum(points)
    minima = [fit for fit in found if fit is not None] + ([] if isinstance(spline, Refusal) else [spline])
    freedom = max(int(inside.sum()) - 4, 0)
    return Local(points, tuple(minima), residual_sigma(points.u, points.losses, 3) if freedom else np.nan, freedom)


def _nearest(u: Floats, lowest: float, count: int) -> NDArray[np.bool_]:
    """Which runs (n,) are of the sizes nearest to one, ln N all."""
    sizes = np.unique(np.round(u, 6))
    nearest = sizes[np.argsort(np.abs(sizes - lowest), kind="stable")[:count]]
    return np.isin(np.round(u, 6), nearest)


def _polynomial(points: Points, rows: NDArray[np.bool_], degree: int) -> Fit | None:
    """The minimum of a polynomial through some of the points; None where it has none between them."""
    u = points.u[rows]
    coefficients, powers = solve(u, points.losses[rows], degree)
    roots = np.roots((coefficients[1:] * np.arange(1, degree + 1))[::-1])
    second = np.polynomial.Polynomial(coefficients).deriv(2)
    real = [float(root.real) for root in roots if abs(root.imag) < 1e-9 and second(root.real) > 0]
    if not real or not u.min() < real[0] < u.max():
        return None
    spread = np.zeros((degree + 1, len(rows)))
    spread[:, rows] = powers
    return minimum_fit(coefficients, spread, real[0])


def _pooled(fits: Sequence[Local]) -> float:
    """The noise near the minima: the median of the budgets' own, each counted by its degrees of freedom."""
    known = sorted((fit.sigma, fit.freedom) for fit in fits if fit.freedom)
    if not known:
        return 0.0
    share = np.cumsum([freedom for _, freedom in known])
    return known[int(np.searchsorted(share, share[-1] / 2))][0]


def _summed_up(fit: Local, pooled: float) -> LocalMinimum | str:
    """The median of the definitions, its error from the noise and from their spread; or why there is none."""
    if len(fit.minima) < 2:
        return "a minimum by fewer than two of parabola, cubic and spline"
    own = fit.sigma**2 * fit.freedom if fit.freedom else 0.0
    sigma = float(np.sqrt((own + OWN * pooled**2) / (fit.freedom + OWN)))

    def both(value: Callable[[Fit], float], influence: Callable[[Fit], Floats]) -> tuple[float, float]:
        values = [value(found) for found in fit.minima]
        noise = sigma * float(np.median([np.linalg.norm(influence(found)) for found in fit.minima]))
        return float(np.median(values)), float(np.hypot(noise, np.std(values, ddof=1)))

    size, size_error = both(lambda found: found.log_params, lambda found: found.log_params_influence)
    loss, loss_error = both(lambda found: found.loss, lambda found: found.loss_influence)
    if size_error > WORST:
        return "a minimum whose N is not known to a factor of two"
    return LocalMinimum(fit.points.centre + size, loss, size_error, loss_error)
