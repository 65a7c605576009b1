"""Fit the drifting valley to a table: parameters and scales in turn, from two starts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from analysis.fitting.surface import Origin
from analysis.fitting.valley.evidence import TAILS, Linearised, Solved, linearise, tail_weights
from analysis.fitting.valley.form import ValleyTheta
from analysis.fitting.valley.hyper import MEDIAN, Scales
from analysis.fitting.valley.model import Prediction, ValleyModel
from analysis.fitting.valley.prior import EXPONENT, additive_prior, prior
from analysis.table.table import RunTable

Floats = NDArray[np.float64]

_ROUNDS, _STEPS, _FIRST_STEPS = 6, 8, 15
"""Rounds of fitting parameters and scales in turn, and steps of Newton's in each and in the first."""
_SETTLED = 0.03
"""The rounds end where no scale moved by more than this in ln."""
_CONVERGED = 1e-7
"""Newton's steps end where the objective, half a χ², falls by less than this."""
_APART = 0.3
"""Two fits are of one maximum where no scale differs by more than this in ln."""
_REACH = 3.0
"""A scale moves by at most this in ln in one round."""
_MISFITS = ((1.0, MEDIAN.misfit), (0.3, 0.15))
"""The two starts: the noise as a share of the residuals' scatter, and the misfit. Scatter near the floor may be taken
for noise or for the shape of single budgets, and the evidence has a maximum for either."""
_TILTS = ((0.3, 0.3), (0.5, 0.25), (0.25, 0.5))
"""p and q of the starts."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """The most probable parameters and scales."""

    linearised: Linearised
    """The model about the parameters."""
    scales: Floats
    """Shape (S,)."""
    solved: Solved
    """The parameters, their covariance and the evidence."""


def fit_valley(table: RunTable, origin: Origin) -> tuple[Fitted, ...]:
    """Fit the valley to a table's runs: one fit for each maximum of the evidence, the most probable first.

    Raises LinAlgError where a fit runs off to infinity.
    """
    model = ValleyModel.of(table, origin)
    within = _noise_within_cells(table)
    start = _start(model)
    found: list[Fitted] = []
    for share, misfit in _MISFITS:
        beta = found[-1].solved.beta if found else start
        fitted = _from(model, beta, share, misfit, within)
        if all(float(np.abs(fitted.scales - other.scales).max()) > _APART for other in found):
            found.append(fitted)
    return tuple(sorted(found, key=lambda fitted: -fitted.solved.log_evidence))


def _from(model: ValleyModel, beta: Floats, share: float, misfit: float, within: tuple[Floats, Floats]) -> Fitted:
    """Fit from parameters (P,) and a first guess of noise and misfit."""
    scatter = float(np.median(np.abs(model.loss - model.losses(beta)))) * 1.48
    if not np.isfinite(scatter):
        raise np.linalg.LinAlgError("the losses overflow")
    least, unit = 1e-7 * float(np.abs(model.loss).mean()), _log_unit(model)
    scales = np.asarray(
        Scales(*np.log(MEDIAN))._replace(noise=np.log(max(share * scatter, least)), misfit=np.log(misfit))
    )
    repeated = np.ones(len(model.loss))
    for turn in range(_ROUNDS):
        beta = _newton(model, beta, scales, repeated, _STEPS if turn else _FIRST_STEPS)
        linear = linearise(model, beta, scales, repeated)
        moved = minimize(
            lambda at, linear=linear: _negative(linear.solve(at), unit),
            scales,
            jac=True,
            method="L-BFGS-B",
            bounds=[(at - _REACH, at + _REACH) for at in scales],
            options={"maxiter": 30, "ftol": 3e-6},
        ).x
        moved[0] = max(moved[0], np.log(max(least, _noise_of_repeats(within))))
        settled = float(np.abs(moved - scales).max()) < _SETTLED
        scales = moved
        repeated = _left_in_means(model.repeats, within, float(np.exp(scales[0])))
        if settled:
            break
    beta = _newton(model, beta, scales, repeated, _STEPS)
    linear = linearise(model, beta, scales, repeated)
    return Fitted(linear, scales, linear.solve(scales))


def _log_unit(model: ValleyModel) -> float:
    """What the losses' unit adds to ln of the evidence: the density of all losses but the one that sets the level.

    The minimiser stops by a share of the value, which must not depend on whether losses are in nats or bits.
    """
    return (1 - len(model.loss)) * float(np.log(np.abs(model.loss).mean()))


def _negative(solved: Solved, unit: float) -> tuple[float, Floats]:
    found = unit - solved.log_evidence
    return (found, -solved.gradient) if np.isfinite(found) else (1e10, 0 * solved.gradient)


def _newton(model: ValleyModel, beta: Floats, scales: Floats, repeated: Floats, steps: int) -> Floats:
    """The most probable parameters for given scales, by damped Gauss-Newton steps on the t likelihood."""
    damping = 1e-3
    for _ in range(steps):
        target = _Target.at(model, beta, scales, repeated)
        normal, slope = target.normal(beta)
        now = target.objective(beta, target.prediction.loss)
        for _ in range(8):
            damped = normal + damping * np.diag(np.diag(normal))
            trial = beta + np.linalg.solve(damped, slope)
            value = target.objective(trial, model.losses(trial))
            if value <= now:
                break
            damping *= 8
        else:
            return beta
        beta, damping = trial, max(damping * 0.1, 1e-9)
        if now - value < _CONVERGED:
            break
    return beta


@dataclass(frozen=True, eq=False)
class _Target:
    """What the parameters minimise, variances and prior as they are at one vector of them."""

    model: ValleyModel
    """The model."""
    prediction: Prediction
    """What it says at the parameters."""
    variance: Floats
    """Of the cells' losses, shape (n,)."""
    mean: Floats
    """Of the parameters a priori, shape (P,)."""
    precision: Floats
    """Of the parameters a priori, shape (P,)."""
    additive: float
    """Precision of the distance from an additive valley a priori."""

    @classmethod
    def at(cls, model: ValleyModel, beta: Floats, scales: Floats, repeated: Floats) -> _Target:
        prediction, named = model.predict(beta), Scales(*scales)
        variance = np.add(*model.variances(named, prediction.height, repeated))
        expected = prior(model, named, ValleyTheta(*beta[model.blocks["fixed"]]))
        additive = additive_prior(model, named)[0]
        return cls(model, prediction, variance, expected.mean, expected.precision, additive)

    def objective(self, beta: Floats, losses: Floats) -> float:
        squares = (self.model.loss - losses) ** 2 / self.variance
        apart = self.precision @ (beta - self.mean) ** 2 + self.additive * self.model.off_additive(beta) ** 2
        return 0.5 * float((TAILS + 1) * np.log1p(squares / TAILS).sum() + apart)

    def normal(self, beta: Floats) -> tuple[Floats, Floats]:
        """Gauss-Newton's matrix (P, P) and the downhill slope (P,) at the parameters of the prediction."""
        residual = self.model.loss - self.prediction.loss
        weights = tail_weights(residual, self.variance) / self.variance
        off, row, rows = self.prediction.off, self.prediction.off_row, self.prediction.rows
        normal, slope = rows.normal(weights, residual)
        slope = slope - self.precision * (beta - self.mean) - self.additive * off * row
        return normal + np.diag(self.precision) + self.additive * np.outer(row, row), slope


def _start(model: ValleyModel) -> Floats:
    """Parameters from the lowest loss of each budget, (P,): the best of a few valleys laid through them."""
    labels = np.unique(np.round(model.c, 1), return_inverse=True)[1]
    lowest = np.array(
        [np.flatnonzero(labels == label)[np.argmin(model.loss[labels == label])] for label in np.unique(labels)]
    )
    c, loss = model.c[lowest], model.loss[lowest]
    apart = c - c.mean()
    fall = float(apart @ loss / max(apart @ apart, 1e-9))  # zero where all budgets are nearly one
    level = float(loss.mean() - fall * c.mean())
    slope = max(-fall, 1e-3 * float(np.abs(loss).mean()))
    exponent, flattening = EXPONENT[0], (1 + MEDIAN.irreducible) * slope / level
    n0 = float(np.median(model.x[lowest] - exponent * c))
    best = np.zeros(model.parameters)
    least = np.inf
    for p, q in _TILTS:
        beta = np.zeros(model.parameters)
        theta = ValleyTheta(level, np.log(slope), flattening, 0.0, 0.0, n0, exponent, np.log(p), np.log(q))
        beta[model.blocks["fixed"]] = theta
        off = float(np.median(np.abs(model.loss - model.losses(beta))))
        if off < least:
            best, least = beta, off
    return best


LEAST_FREEDOM = 3
"""Degrees of freedom that repeats are lent on top of their own: they say what share of the noise is between seeds."""
_MEDIAN_SQUARE = 0.455
"""Median of the square of a standard normal variable."""
LENT_SHARE = 0.5
"""That share before there are any."""


def _noise_within_cells(table: RunTable) -> tuple[Floats, Floats]:
    """Each repeated run's squared deviation from its cell's mean, times n/(n − 1), and its degrees of freedom."""
    cell = np.unique(table.repeat, return_inverse=True)[1]
    counts = np.bincount(cell)
    mean = np.bincount(cell, table.loss) / counts
    repeated = counts[cell] > 1
    n = counts[cell][repeated]
    return (table.loss - mean[cell])[repeated] ** 2 * n / (n - 1), (n - 1) / n


def _left_in_means(repeats: Floats, within: tuple[Floats, Floats], sigma: float) -> Floats:
    """Share of the noise that is left in the mean of each cell's repeats, (n,): 1 − ρ + ρ/n.

    ρ, the share of the noise that is between seeds, starts as if `LEAST_FREEDOM` degrees of freedom had shown a half;
    a single deviation counts by nine times the noise at most.
    """
    squares, freedom = within
    found = float(np.minimum(squares, 9 * sigma**2) @ freedom)
    share = (LEAST_FREEDOM * LENT_SHARE * sigma**2 + found) / (LEAST_FREEDOM + float(freedom.sum())) / sigma**2
    rho = min(share, 1.0)
    return np.asarray(1 - rho + rho / repeats)


def _noise_of_repeats(within: tuple[Floats, Floats]) -> float:
    """The least noise that repeats allow: from their median deviation, which no single pair sets.

    Nothing below three degrees of freedom, and from there on a growing share of the variance.
    """
    squares, freedom = within
    total = float(freedom.sum())
    if total < LEAST_FREEDOM - 1e-9:
        return 0.0
    return float(np.sqrt(np.median(squares) / _MEDIAN_SQUARE * (total - LEAST_FREEDOM + 1) / (total + 1)))
