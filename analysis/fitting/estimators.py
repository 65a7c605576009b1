"""Estimators in one form: parameters θ with a joint covariance, and θ → (N*, L*) at any budget.

An estimator's kind defines what θ means: a surface L(N, D), or power laws through the minima of the curves.
Shape legend: B parameter vectors, P parameters, T budgets, K curves, n runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from analysis.fitting import forms, surface
from analysis.fitting.cost import TokenCost
from analysis.fitting.forms import Design, Form, SurfaceForm, bent
from analysis.fitting.isoflop import CurveFit
from analysis.fitting.parameters import FrontierTheta, LineTheta, columns
from analysis.fitting.solver import minimise
from analysis.fitting.surface import LeastSquares, Origin
from analysis.names import EstimatorName
from analysis.refusals import Refusal, TooFewMinima

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

FEWEST_BUDGETS = 3
"""Two minima lie on a line whatever the truth."""


@dataclass(frozen=True)
class SurfaceKind:
    """An estimator that is a surface L(N, D)."""

    name: EstimatorName
    """The estimator."""
    form: SurfaceForm = field(compare=False)
    """The surface's form; two estimators may fit one form."""

    def optima(self, theta: Floats, origin: Origin, log_c: Floats, cost: TokenCost) -> tuple[Floats, Floats]:
        """ln N* and L* at ln C (T,) for parameters (B, P); both (B, T)."""
        return surface.optimum(self.form, theta, origin, log_c, cost)


@dataclass(frozen=True)
class LineKind:
    """An estimator that goes through the minima of the curves."""

    name: EstimatorName
    """The estimator of the minima."""

    def optima(self, theta: Floats, origin: Origin, log_c: Floats, cost: TokenCost) -> tuple[Floats, Floats]:
        """As `SurfaceKind.optima`; the power laws need no cost of a token."""
        line = LineTheta(*columns(theta))
        c = log_c[None] - origin.c
        log_n = line.n0 + line.exponent * c + origin.n
        return log_n, line.middle - np.exp(line.log_slope) * bent(line.flattening, c)[0]


Kind = SurfaceKind | LineKind

ADDITIVE = SurfaceKind(EstimatorName.ADDITIVE, forms.ADDITIVE)
SKALING = SurfaceKind(EstimatorName.SKALING, forms.SKALING)
JOINT_SKEW = SurfaceKind(EstimatorName.JOINT_SKEW, forms.JOINT_SKEW)
JOINT_SKEW_BENT = SurfaceKind(EstimatorName.JOINT_SKEW_BENT, forms.JOINT_SKEW_BENT)
APPROACH_3 = SurfaceKind(EstimatorName.ADDITIVE_HUBER, forms.ADDITIVE)
PARABOLA = LineKind(EstimatorName.PARABOLA)
CUBIC = LineKind(EstimatorName.CUBIC)
AKIMA = LineKind(EstimatorName.AKIMA)

LEAST_SQUARES: Mapping[EstimatorName, SurfaceKind] = {
    kind.name: kind for kind in (ADDITIVE, SKALING, JOINT_SKEW, JOINT_SKEW_BENT)
}
"""The surfaces that least squares fit, by name."""
LINES = (PARABOLA, CUBIC, AKIMA)
"""The estimators that go through minima."""


@dataclass(frozen=True)
class Estimator:
    """One estimator's parameters and what the noise does to them."""

    kind: Kind
    """What its parameters mean."""
    theta: Floats
    """Shape (P,)."""
    influence: Floats
    """dθ/d loss, shape (P, n)."""
    prior_covariance: Floats
    """The priors' share of the covariance, shape (P, P)."""
    inflation: float = 1.0
    """Factor on its standard errors, from lack of fit."""
    note: str = ""
    """Why its errors are inflated, or whose method it is."""


@dataclass(frozen=True)
class FittedEstimator:
    """One estimator as a law keeps it: without the influence of each run."""

    kind: Kind
    """What its parameters mean."""
    theta: tuple[float, ...]
    """Its parameters, in the order of its named tuple."""
    inflation: float = 1.0
    """See `Estimator`."""
    note: str = ""
    """See `Estimator`."""

    @classmethod
    def of(cls, estimator: Estimator) -> FittedEstimator:
        """Without the influences."""
        theta = tuple(map(float, estimator.theta))
        return cls(estimator.kind, theta, float(estimator.inflation), estimator.note)

    @property
    def name(self) -> EstimatorName:
        """Which estimator."""
        return self.kind.name


def _frontier_value(theta: Floats, at: Design) -> Floats:
    named = FrontierTheta(*columns(theta))
    return np.asarray(named.middle - np.exp(named.log_slope) * bent(named.flattening, at.c)[0])


def _frontier_jacobian(theta: Floats, at: Design) -> tuple[Floats, Floats]:
    named = FrontierTheta(*columns(theta))
    slope = np.exp(named.log_slope)
    h, bend = bent(named.flattening, at.c)
    derivatives = FrontierTheta(middle=np.ones_like(h), log_slope=-slope * h, flattening=-slope * bend)
    return named.middle - slope * h, np.stack(derivatives, axis=2)


FRONTIER = Form(
    parameters=FrontierTheta,
    value=_frontier_value,
    jacobian=_frontier_jacobian,
    prior_mean=(float("nan"), float("nan"), 0.0),
    prior_sd=(float("inf"), float("inf"), 0.15),
)
"""L*(C) = L0 − s (1 − e^(−g c))/g through the minima of the curves, c = ln(C/C0): the local form of E + K C^−g.

s is the slope at C0 and g how fast it flattens. For g > 0 it is the power law with the floor E = L0 − s/g; g = 0 is a
straight line in ln C, g < 0 a frontier that still steepens. Published frontiers have g of 0.05 to 0.2, our sweeps below
1e13 FLOPs about 0, as in the middle of a sigmoid: a form with a floor is too high there at any budget beyond
(docs/experiments/demo.md). The prior is centred on the straight line and as wide as both."""


def line_estimator(
    kind: LineKind, curves: Sequence[CurveFit], origin: Origin, runs: int, sigma: float
) -> Estimator | Refusal:
    """Power laws through the minima (K,) of one estimator, parameters as in `LineTheta`.

    ln N* is a line in ln C, weighted by the minima's variances; L* is `FRONTIER` with its weak prior. `runs` is n, the
    length of the table that the curves' rows point into; `sigma` the noise, in the loss's unit.
    """
    minima = [(curve, curve.fits[kind.name]) for curve in curves if kind.name in curve.fits]
    if len(minima) < FEWEST_BUDGETS:
        return TooFewMinima(kind.name, len(minima), len(curves), FEWEST_BUDGETS)
    c = np.log([curve.flops for curve, _ in minima]) - origin.c
    sizes = np.array([curve.centre + fit.log_params - origin.n for curve, fit in minima])
    losses = np.array([fit.loss for _, fit in minima])
    size_influence, loss_influence = np.zeros((2, len(minima), runs))
    for index, (curve, fit) in enumerate(minima):
        size_influence[index, curve.rows] = fit.log_params_influence
        loss_influence[index, curve.rows] = fit.loss_influence
    line, line_influence, birge = _weighted_line(c, sizes, np.linalg.norm(size_influence, axis=1), sigma)
    frontier, frontier_influence, prior = _frontier(c, losses, np.linalg.norm(loss_influence, axis=1), sigma)
    covariance = np.zeros((len(LineTheta._fields), len(LineTheta._fields)))
    covariance[-len(prior) :, -len(prior) :] = prior
    return Estimator(
        kind=kind,
        theta=np.concatenate([line, frontier]),
        influence=np.vstack([line_influence @ size_influence, frontier_influence @ loss_influence]),
        prior_covariance=covariance,
        inflation=birge,
        note="its minima scatter about the power law more than their errors allow" if birge > 1.5 else "",
    )


def _weighted_line(c: Floats, values: Floats, errors: Floats, sigma: float) -> tuple[Floats, Floats, float]:
    """Line through (K,) points weighted by inverse variance: (2,), its influence (2, K), and the Birge ratio."""
    errors = np.maximum(errors, 0.3 * float(np.median(errors)))
    basis = np.column_stack([np.ones_like(c), c])
    normal = np.linalg.pinv((basis / errors[:, None] ** 2).T @ basis)
    influence = normal @ (basis / errors[:, None] ** 2).T
    line = influence @ values
    chi_square = float((((values - basis @ line) / (sigma * errors)) ** 2).sum())
    return line, influence, float(np.sqrt(max(1.0, chi_square / max(len(c) - 2, 1))))


def _frontier(c: Floats, losses: Floats, errors: Floats, sigma: float) -> tuple[Floats, Floats, Floats]:
    """L*(C) through (K,) minima: parameters (3,), influence (3, K), share of the priors (3, 3)."""
    errors = np.maximum(errors, 0.3 * float(np.median(errors)))
    mean, precision = surface.priors(FRONTIER, losses, sigma)
    design = Design(c, c, c)
    problem = LeastSquares(FRONTIER, design, losses, errors[None] ** -2, mean, precision)
    start = _frontier_start(c, losses, errors**-2, mean, precision)
    theta = minimise(problem, start, iterations=60, tolerance=1e-9)[0][0]
    jacobian = FRONTIER.jacobian(theta[None], design)[1][0]
    weighted = (jacobian / errors[:, None] ** 2).T
    inverse = np.linalg.pinv(weighted @ jacobian + np.diag(precision), hermitian=True)
    prior = inverse * precision
    prior_sd = np.where(precision > 0, sigma / np.sqrt(np.where(precision > 0, precision, 1)), 0)
    return theta, inverse @ weighted, (prior * prior_sd**2) @ prior.T


def _frontier_start(c: Floats, losses: Floats, weights: Floats, mean: Floats, precision: Floats) -> Floats:
    """(1, 3): the best of a grid of g, for each of which L0 and s are linear."""
    centre, weight = FrontierTheta(*mean).flattening, FrontierTheta(*precision).flattening
    g = centre + np.linspace(-1, 1, 101)
    basis = np.stack([np.ones((len(g), len(c))), -bent(g[:, None], c[None])[0]], axis=1) * np.sqrt(weights)
    target = losses * np.sqrt(weights)
    middle, slope = np.linalg.solve(basis @ basis.transpose(0, 2, 1), (basis @ target)[..., None])[..., 0].T
    left = target - middle[:, None] * basis[:, 0] - slope[:, None] * basis[:, 1]
    cost = (left**2).sum(axis=1) + weight * (g - centre) ** 2
    best = int(np.argmin(np.where(slope > 0, cost, np.inf)))
    return np.array([[middle[best], np.log(max(slope[best], 1e-3 * float(losses.mean()))), g[best]]])


def blocks(estimators: Sequence[Estimator | FittedEstimator]) -> list[slice]:
    """Where the parameters of each estimator are among those of all, in their order."""
    ends = np.cumsum([0, *(len(one.theta) for one in estimators)]).tolist()
    return [slice(start, stop) for start, stop in pairwise(ends)]


def optima_with_gradient(
    kind: Kind, theta: Floats, origin: Origin, log_c: Floats, cost: TokenCost
) -> tuple[Floats, Floats, Floats, Floats]:
    """ln N* and L* at ln C (T,), both (T,), and their gradients in θ (P,), both (T, P), by central differences."""
    step = 1e-5 * np.maximum(np.abs(theta), 0.1)
    moved = np.vstack([theta[None], theta + np.diag(step), theta - np.diag(step)])
    log_n, losses = kind.optima(moved, origin, log_c, cost)
    p = len(theta)
    gradients = [((values[1 : p + 1] - values[p + 1 :]) / (2 * step[:, None])).T for values in (log_n, losses)]
    return log_n[0], losses[0], gradients[0], gradients[1]
