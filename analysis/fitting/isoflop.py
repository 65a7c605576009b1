"""One budget's IsoFLOP curve: its minimum in ln N by every estimator, or why there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.akima import akima_minimum
from analysis.fitting.cost import TokenCost
from analysis.fitting.interval import student
from analysis.fitting.minima import FEWEST_SIZES, cubic_minimum, near_minimum, parabola_minimum
from analysis.fitting.polynomials import Fit, Points, residual_sigma, solve
from analysis.names import EstimatorName
from analysis.records import Curve, Minimum
from analysis.refusals import Reason, Refusal, TooFewSizes

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

FEWEST_FREEDOM = 2
"""Least degrees of freedom of the noise with which a minimum's error is given: from a single one the noise may come out
as a hundredth of itself by chance."""
ESTIMATES: Mapping[EstimatorName, Callable[[Points], Fit | Refusal]] = {
    EstimatorName.PARABOLA: parabola_minimum,
    EstimatorName.CUBIC: cubic_minimum,
    EstimatorName.AKIMA: akima_minimum,
}
"""How each estimator finds the minimum of a curve."""


@dataclass(frozen=True)
class CurveFit:
    """One budget's runs, ascending in N, and what each estimator made of them."""

    flops: float
    """The budget C, training FLOPs."""
    params: Floats
    """N of each run, shape (runs,)."""
    tokens: Floats
    """D of each run, shape (runs,)."""
    losses: Floats
    """As measured, shape (runs,)."""
    levelled: Floats
    """As they would be at exactly the budget, shape (runs,); these are fitted."""
    rows: Labels
    """Which runs of the table these are, shape (runs,)."""
    fits: Mapping[EstimatorName, Fit]
    """By estimator that answered."""
    refusals: Mapping[EstimatorName, Refusal]
    """By estimator that did not."""
    residual: float
    """Residual standard deviation of the cubic."""

    @property
    def centre(self) -> float:
        """ln N of the geometric mean size."""
        return float(np.log(self.params).mean())

    @property
    def enough(self) -> bool:
        """Whether there were sizes enough to try."""
        refusal = self.refusals.get(EstimatorName.PARABOLA)
        return refusal is None or refusal.reason is not Reason.TOO_FEW_SIZES

    def record(self, cost: TokenCost, sigma: float, seed_sigma: float | None = None, *, freedom: int = 0) -> Curve:
        """The curve as callers see it, errors from a noise of `sigma`, known with so many degrees of freedom."""
        multiple = float(student(freedom)) if freedom >= FEWEST_FREEDOM else float("nan")
        u = np.log(self.params) - self.centre
        sizes = len(np.unique(np.round(u, 6)))
        return Curve(
            flops=self.flops,
            params=tuple(map(float, self.params)),
            tokens=tuple(map(float, self.tokens)),
            losses=tuple(map(float, self.losses)),
            minima=tuple(self._minimum(name, fit, sigma, multiple, cost) for name, fit in self.fits.items()),
            refusals=self.refusals,
            parabola=_coefficients(u, self.levelled, 2) if sizes > 2 else (),
            cubic=_coefficients(u, self.levelled, 3) if sizes > 3 else (),
            centre=float(np.exp(self.centre)),
            residual=self.residual,
            seed_sigma=seed_sigma,
        )

    def _minimum(self, name: EstimatorName, fit: Fit, sigma: float, multiple: float, cost: TokenCost) -> Minimum:
        """A minimum whose intervals reach so many standard errors."""
        params = float(np.exp(self.centre + fit.log_params))
        size_error = float(sigma * np.linalg.norm(fit.log_params_influence))
        loss_error = float(sigma * np.linalg.norm(fit.loss_influence))
        return Minimum(
            estimator=name,
            params=params,
            tokens=float(cost.tokens(self.flops, params)),
            loss=fit.loss,
            log_params_se=size_error,
            loss_se=loss_error,
            log_params_half=multiple * size_error,
            loss_half=multiple * loss_error,
            note=fit.note,
        )


def fit_budget(
    flops: float,
    params: Floats,
    tokens: Floats,
    losses: Floats,
    rows: Labels | None = None,
    shift: Floats | None = None,
) -> CurveFit:
    """Fit one budget's runs, arrays of shape (runs,), by every estimator, with the influence of each run.

    `flops` is the budget; `rows` say which runs of a table these are, by default their own positions; `shift` is what
    each loss would change by if the run had met the budget exactly.
    """
    order = np.argsort(params, kind="stable")
    measured = np.asarray(losses, dtype=float)[order]
    losses = measured if shift is None else measured + shift[order]
    params, tokens = (np.asarray(column, dtype=float)[order] for column in (params, tokens))
    rows = order if rows is None else rows[order]
    u = np.log(params) - float(np.log(params).mean())
    sizes = len(np.unique(np.round(u, 6)))
    if sizes < FEWEST_SIZES:
        refused = dict.fromkeys(ESTIMATES, TooFewSizes(float(flops), sizes, FEWEST_SIZES))
        return CurveFit(float(flops), params, tokens, measured, losses, rows, {}, refused, float("nan"))
    points = Points(u, losses, float(np.log(params).mean()))
    fits: dict[EstimatorName, Fit] = {}
    refusals: dict[EstimatorName, Refusal] = {}
    for name, estimate in ESTIMATES.items():
        found = estimate(points)
        if isinstance(found, Refusal):
            refusals[name] = found
        else:
            fits[name] = found
    parabola = refusals.get(EstimatorName.PARABOLA)
    if parabola is not None and parabola.reason is Reason.NO_PARABOLA:
        near = near_minimum(points)
        if near is not None:
            fits[EstimatorName.PARABOLA_NEAR_MINIMUM] = near
    residual = residual_sigma(u, losses, 3)
    return CurveFit(float(flops), params, tokens, measured, losses, rows, fits, refusals, residual)


def _coefficients(u: Floats, losses: Floats, degree: int) -> tuple[float, ...]:
    return tuple(float(value) for value in solve(u, losses, degree)[0])
