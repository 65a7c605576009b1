"""What the drifting valley knows: N*, L* and the losses of runs, over all scales that the runs allow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.interval import NORMAL
from analysis.fitting.refused import RefusedError
from analysis.fitting.surface import Origin
from analysis.fitting.threads import one_thread
from analysis.fitting.valley.evidence import Solved
from analysis.fitting.valley.fit import Fitted, fit_valley
from analysis.fitting.valley.form import FIXED, STEEPEST, ValleyForm
from analysis.fitting.valley.hyper import Scales
from analysis.fitting.valley.mixture import half_width
from analysis.fitting.valley.prior import unseen_drift
from analysis.names import EstimatorName
from analysis.refusals import FitRunsOff
from analysis.table.table import RunTable

Floats = NDArray[np.float64]

DRAWS = 64
"""Draws of the scales, in pairs about the most probable ones."""
_STEP = 0.1
"""Step in ln of a scale with which the evidence's curvature is taken."""
_LEAST_CURVATURE = 0.3
"""Curvature below which a scale would be drawn from a wider distribution than its prior."""
_HEAVIEST = 0.95
"""A draw weighs no more than this quantile of all: few draws cannot tell a tail."""


@dataclass(frozen=True, eq=False)
class DrawnScales:
    """The scales drawn about one maximum of the evidence."""

    mode: Fitted
    """The fit there."""
    scales: Floats
    """Shape (D', S)."""


@dataclass(frozen=True, eq=False)
class Valley:
    """The fitted valley. Shape legend: D draws of the scales, P parameters of the form, T budgets."""

    form: ValleyForm
    """The valley as a surface."""
    origin: Origin
    """Origins of the centred logarithms."""
    weights: Floats
    """Weight of each draw, shape (D,)."""
    means: Floats
    """Parameters of the form by draw, shape (D, P)."""
    covariances: Floats
    """Their covariances, shape (D, P, P)."""
    mode: Fitted
    """The most probable fit, with the effects of single budgets and sizes."""
    drawn: tuple[DrawnScales, ...]
    """The draws by maximum of the evidence, in the order of `weights`."""

    @property
    def best(self) -> Scales:
        """The most probable scales."""
        return Scales(*self.mode.scales)

    @property
    def mean(self) -> Floats:
        """Mean parameters over the draws, shape (P,)."""
        return np.asarray(self.weights @ self.means)


def learn(table: RunTable, origin: Origin) -> Valley:
    """Fit a table and draw the scales that its runs allow, about every maximum of the evidence.

    Raises RefusedError where the fit runs off to infinity.
    """
    try:
        modes = fit_valley(table, origin)
    except np.linalg.LinAlgError as error:
        raise RefusedError(FitRunsOff(EstimatorName.HEADLINE)) from error
    if not (np.isfinite(modes[0].solved.log_evidence) and modes[0].linearised.theta.log_slope < STEEPEST):
        raise RefusedError(FitRunsOff(EstimatorName.HEADLINE))
    drawn = [_draw_scales(mode, DRAWS // len(modes)) for mode in modes]
    logs = np.array([log for _, found in drawn for _, log in found])
    weights = np.exp(np.maximum(logs - logs.max(), -700))
    weights = np.minimum(weights, np.quantile(weights, _HEAVIEST))
    known = [
        _of_form(mode, one, solved)
        for mode, (scales, found) in zip(modes, drawn, strict=True)
        for one, (solved, _) in zip(scales, found, strict=True)
    ]
    return Valley(
        form=modes[0].linearised.model.form,
        origin=origin,
        weights=weights / weights.sum(),
        means=np.array([mean for mean, _ in known]),
        covariances=np.array([covariance for _, covariance in known]),
        mode=modes[0],
        drawn=tuple(DrawnScales(mode, scales) for mode, (scales, _) in zip(modes, drawn, strict=True)),
    )


def _of_form(mode: Fitted, scales: Floats, solved: Solved) -> tuple[Floats, Floats]:
    """Mean (P,) and covariance (P, P) of the form's parameters for given scales, with the steps beyond the budgets."""
    walk, blocks = mode.linearised.model.form.walk, mode.linearised.model.blocks
    named = Scales(*scales)
    every = len(walk.knots)
    known = np.r_[: blocks["path"].stop, blocks["floor"]]
    place = np.r_[: blocks["path"].stop, FIXED + every : FIXED + every + walk.inside]
    mean, covariance = np.zeros(FIXED + 2 * every), np.zeros((FIXED + 2 * every, FIXED + 2 * every))
    mean[place], covariance[np.ix_(place, place)] = solved.beta[known], solved.covariance[np.ix_(known, known)]
    for start, drift, unseen in (
        (FIXED, named.exponent_drift, 0.0),
        (FIXED + every, named.slope_drift, unseen_drift(mode.linearised.model)),
    ):
        free = start + np.arange(walk.inside, every)
        covariance[free, free] = np.exp(2 * (drift + named.misfit)) + unseen**2
    return mean, covariance


def _draw_scales(mode: Fitted, draws: int) -> tuple[Floats, list[tuple[Solved, float]]]:
    """Scales drawn (D, S); for each the parameters, and ln of the evidence over the density that it was drawn from."""
    centre, solve = mode.scales, mode.linearised.solve
    steps = _STEP * np.eye(len(centre))
    curvature = np.array([solve(centre - step).gradient - solve(centre + step).gradient for step in steps]) / (
        2 * _STEP
    )
    values, vectors = np.linalg.eigh((curvature + curvature.T) / 2)
    values = np.maximum(values, _LEAST_CURVATURE)
    half = np.random.default_rng(0).standard_normal((draws // 2, len(centre)))
    drawn = np.vstack([half, -half])
    # By the symmetric root: eigenvectors have no sign of their own, and the draws must not either.
    scales = centre + drawn @ (vectors / np.sqrt(values) @ vectors.T)
    log_density = 0.5 * float(np.log(values).sum()) - 0.5 * (drawn**2).sum(axis=1)
    found = [solve(one, slopes=False) for one in scales]
    return scales, [(one, one.log_evidence - log) for one, log in zip(found, log_density.tolist(), strict=True)]


@dataclass(frozen=True, eq=False)
class Optima:
    """N* and L* at T budgets, each with the half-width of its 95 % interval; all (T,)."""

    log_params: Floats
    """ln N*."""
    log_params_half: Floats
    """Half-width of ln N*."""
    loss: Floats
    """L*."""
    loss_half: Floats
    """Half-width of L*."""


PARAMS_FLOOR, LOSS_FLOOR = 0.008, 2e-4
"""Least standard error of ln N* and, relative, of L*: how far apart the definitions of one curve's minimum are."""


def optima(valley: Valley, log_c: Floats) -> Optima:
    """N* and L* at ln C (T,)."""
    c = log_c - valley.origin.c
    path = valley.form.path(valley.means, c)
    floor = valley.form.floor(valley.means, c)
    variances, rows = np.empty((2, *path.shape)), valley.form.walk.rows(c)
    for draw, (theta, covariance) in enumerate(zip(valley.means, valley.covariances, strict=True)):
        for at, gradient in enumerate(valley.form.gradients(theta, c, rows)):
            variances[at, draw] = ((gradient @ covariance) * gradient).sum(axis=1)
    log_params, size_half = half_width(valley.weights, path + valley.origin.n, variances[0])
    loss, loss_half = half_width(valley.weights, floor, variances[1])
    return Optima(
        log_params,
        np.hypot(size_half, NORMAL * PARAMS_FLOOR),
        loss,
        np.hypot(loss_half, NORMAL * LOSS_FLOOR * np.abs(loss)),
    )


def mean_exponent(valley: Valley, low: float, high: float) -> tuple[float, float]:
    """The mean exponent of N* between two ln C, and the half-width of its 95 % interval."""
    ends = np.array([low, high]) - valley.origin.c
    path = valley.form.path(valley.means, ends)
    gradient = np.diff(valley.form.gradients(valley.mean, ends)[0], axis=0)[0] / (high - low)
    slopes = (path[:, 1:] - path[:, :1]) / (high - low)
    variances = np.einsum("p,dpq,q->d", gradient, valley.covariances, gradient)[:, None]
    middle, half = half_width(valley.weights, slopes, variances)
    return float(middle[0]), float(half[0])


def draw(valley: Valley, count: int, generator: np.random.Generator) -> Floats:
    """Parameters (B, P) of the form drawn from what the runs allow: scales by their weights, then the rest."""
    chosen = np.sort(generator.choice(len(valley.weights), size=count, p=valley.weights))
    drawn = np.empty((count, valley.means.shape[1]))
    with one_thread():
        for one in np.unique(chosen):
            at = chosen == one
            mean, covariance = valley.means[one], valley.covariances[one]
            drawn[at] = generator.multivariate_normal(mean, covariance, int(at.sum()), method="eigh")
    return drawn
