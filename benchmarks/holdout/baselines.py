"""Four simple ways to forecast N* and L* from earlier budgets, each with the interval that it usually comes with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.approach3 import bootstrap_approach3, fit_approach3
from analysis.fitting.local_minima import FEWEST, levelled, local_minima
from analysis.fitting.polynomials import solve
from analysis.records import LawError
from analysis.table.table import RunTable
from benchmarks.holdout.lines import NOTHING, Forecast, frontier, line

Floats = NDArray[np.float64]
Predictor = Callable[[float], tuple[Forecast, Forecast]]
"""From training FLOPs to ln N* and L*."""

DRAWS = 200
"""Resamplings of the runs for approach 3's interval."""


def parabolas(table: RunTable) -> Predictor:
    """A parabola through each budget's runs, lines through their minima."""
    losses = levelled(table)
    found = []
    for budget, flops in enumerate(table.budgets):
        rows = table.budget == budget
        u = np.log(table.params[rows])
        if _sizes(u) < FEWEST:
            continue
        (c, b, a), _ = solve(u - u.mean(), losses[rows], 2)
        if a > 0 and u.min() < u.mean() - b / (2 * a) < u.max():
            found.append((np.log(flops), u.mean() - b / (2 * a), c - b * b / (4 * a)))
    return _through(found)


def approach_3(table: RunTable) -> Predictor:
    """Chinchilla's approach 3: the surface's optimum in closed form, and the percentiles of resampled runs."""
    try:
        with np.errstate(all="ignore"):
            own = fit_approach3(table).parameters
            drawn = bootstrap_approach3(table, DRAWS).parameters
    except LawError:
        return lambda _: (NOTHING, NOTHING)
    k = float(np.median(table.flops / (table.params * table.tokens)))

    def predict(flops: float) -> tuple[Forecast, Forecast]:
        with np.errstate(all="ignore"):
            pairs = zip(closed_form(own, flops / k), closed_form(drawn, flops / k), strict=True)
            found = [_percentiles(float(value[0]), draws) for value, draws in pairs]
        return found[0], found[1]

    return predict


def least_losses(table: RunTable) -> Predictor:
    """Lines through the size with the least loss of each budget, and through that loss."""
    losses = levelled(table)
    found = []
    for budget, flops in enumerate(table.budgets):
        rows = np.flatnonzero(table.budget == budget)
        if _sizes(np.log(table.params[rows])) >= FEWEST:
            best = rows[np.argmin(losses[rows])]
            found.append((np.log(flops), np.log(table.params[best]), losses[best]))
    return _through(found)


def local(table: RunTable) -> Predictor:
    """Lines through the minima found near each budget's lowest loss, as the truth is."""
    pairs = zip(table.budgets, local_minima(table), strict=True)
    return _through([(np.log(flops), at.log_params, at.loss) for flops, at in pairs if at is not None])


BASELINES: Mapping[str, Callable[[RunTable], Predictor]] = MappingProxyType(
    {"parabola + line": parabolas, "approach 3": approach_3, "least losses": least_losses, "local minima": local}
)
"""By the name that tables call them."""


def closed_form(parameters: Floats, product: float) -> tuple[Floats, Floats]:
    """ln N* and L* (B,) of additive surfaces E, A, B, α, β (B, 5) where N D is given."""
    floor, a, b, alpha, beta = parameters.T
    log_n = (np.log(alpha * a / (beta * b)) + beta * np.log(product)) / (alpha + beta)
    log_d = np.log(product) - log_n
    return log_n, floor + a * np.exp(-alpha * log_n) + b * np.exp(-beta * log_d)


def _percentiles(value: float, draws: Floats) -> Forecast:
    finite = draws[np.isfinite(draws)]
    if not np.isfinite(value):
        return NOTHING
    if len(finite) < len(draws) / 2:
        return Forecast(value, np.nan, np.nan)
    low, high = np.percentile(finite, [2.5, 97.5])
    return Forecast(value, min(float(low), value), max(float(high), value))


def _through(found: list[tuple[float, float, float]]) -> Predictor:
    """Lines through ln C, ln N* and L* of some budgets."""
    if len(found) < 2:
        return lambda _: (NOTHING, NOTHING)
    log_c, log_n, loss = np.array(found).T
    return lambda flops: (line(log_c, log_n, float(np.log(flops))), frontier(log_c, loss, float(np.log(flops))))


def _sizes(log_params: Floats) -> int:
    return len(np.unique(np.round(log_params, 6)))
