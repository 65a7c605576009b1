"""Surfaces L(N, D): least-squares fits of the forms, their errors and optima."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.fitting import robust
from analysis.fitting.cost import TokenCost
from analysis.fitting.forms import (
    ADDITIVE,
    JOINT_SKEW,
    JOINT_SKEW_BENT,
    SKALING,
    Design,
    Form,
    SurfaceForm,
)
from analysis.fitting.interval import Hat
from analysis.fitting.parameters import AdditiveTheta, JointSkewBentTheta, JointSkewTheta, SkalingTheta, columns
from analysis.fitting.refused import RefusedError
from analysis.fitting.solver import minimise
from analysis.fitting.starts import additive_start, bent_starts, joint_skew_starts, skaling_starts
from analysis.names import EstimatorName
from analysis.records import LackOfFit, Surface
from analysis.refusals import FitRunsOff, NoFiniteFit

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

_REWEIGHTINGS = 8
"""Fits with weights from the last one's residuals: half of them by absolute deviations, half by the biweight."""
_CHUNK = 250
"""Weightings solved together: few enough that their arrays stay in the processor's cache."""


@dataclass(frozen=True)
class Origin:
    """Origins of the centred logarithms."""

    n: float
    """ln N."""
    d: float
    """ln D."""
    c: float
    """ln C."""

    def design(self, params: Floats, tokens: Floats, flops: Floats) -> Design:
        """Centre runs of shape (n,)."""
        return Design(np.log(params) - self.n, np.log(tokens) - self.d, np.log(flops) - self.c)

    @classmethod
    def of(cls, params: Floats, tokens: Floats, flops: Floats) -> Origin:
        """The geometric means of a set of runs."""
        return cls(*(float(np.log(column).mean()) for column in (params, tokens, flops)))


@dataclass(frozen=True)
class LeastSquares:
    """½ Σ w r² + ½ Σ λ (θ − μ)² for B weightings at once; a `solver.Problem`.

    The Hessian is Gauss-Newton's: residuals are small against the curvature of every form here.
    """

    form: Form
    """What is fitted."""
    design: Design
    """Where the losses were measured, arrays (n,)."""
    losses: Floats
    """Shape (n,) or (B, n)."""
    weights: Floats
    """Shape (B, n), or (1, n) for all."""
    prior_mean: Floats
    """μ, shape (P,)."""
    prior_precision: Floats
    """λ, shape (P,): noise variance over prior variance."""

    def objective(self, theta: Floats, rows: Rows) -> Floats:
        """(b, P) parameters → (b,) objectives; see `solver.Problem`."""
        residual = self._losses(rows) - self.form.value(theta, self.design)
        squares = (self._weights(rows) * residual * residual).sum(axis=1)
        return np.asarray(0.5 * squares + 0.5 * ((theta - self.prior_mean) ** 2 @ self.prior_precision))

    def derivatives(self, theta: Floats, rows: Rows) -> tuple[Floats, Floats, Floats]:
        """(b, P) parameters → gradient (b, P), Hessian and metric (b, P, P) each; see `solver.Problem`."""
        value, jacobian = self.form.jacobian(theta, self.design)
        weighted = jacobian * self._weights(rows)[..., None]
        residual = self._losses(rows) - value
        gradient = -np.matmul(residual[:, None, :], weighted)[:, 0] + self.prior_precision * (theta - self.prior_mean)
        hessian = np.matmul(weighted.transpose(0, 2, 1), jacobian) + np.diag(self.prior_precision)
        return gradient, hessian, hessian

    def _losses(self, rows: Rows) -> Floats:
        return self.losses if self.losses.ndim == 1 else self.losses[rows]

    def _weights(self, rows: Rows) -> Floats:
        return self.weights if len(self.weights) == 1 else self.weights[rows]


@dataclass(frozen=True)
class SurfaceFit:
    """A fitted form with what later errors need. Shape legend: P parameters, n runs."""

    form: SurfaceForm
    """The form."""
    theta: Floats
    """Shape (P,)."""
    origin: Origin
    """Origins of its centred logarithms."""
    influence: Floats
    """dθ/d loss, shape (P, n)."""
    prior_covariance: Floats
    """Share of the priors in the covariance of θ, shape (P, P)."""
    hat: Hat
    """d fitted / d loss."""
    residuals: Floats
    """Pseudo-residuals: outliers drawn in, shape (n,)."""
    weights: Floats
    """Of each run, in (0, 1], shape (n,)."""

    @property
    def freedom(self) -> float:
        """Residual degrees of freedom, priors counted by their share."""
        return len(self.residuals) - self.hat.trace


def priors(form: Form, losses: Floats, sigma: float) -> tuple[Floats, Floats]:
    """Mean and precision (in units of the noise variance) of a form's weak priors, shape (P,) each."""
    mean, sd = np.array(form.prior_mean), np.array(form.prior_sd)
    lowest = float(losses.min())
    mean[0], sd[0] = mean[0] * lowest, sd[0] * lowest
    return np.nan_to_num(mean), (sigma / sd) ** 2


def fit_form(
    form: SurfaceForm, design: Design, origin: Origin, losses: Floats, starts: Floats, sigma: float
) -> SurfaceFit:
    """Fit one form from starts (S, P) by least squares with outliers weighed down (Tukey's biweight).

    `losses` is (n,); `sigma`, in the loss's unit, is the noise that the priors weigh against. Raises RefusedError
    where no start has a finite objective or the fit runs off to infinity.
    """
    mean, precision = priors(form, losses, sigma)
    parameters = starts.shape[1]
    weights = np.ones((1, len(losses)))
    theta = starts
    for step in range(_REWEIGHTINGS):
        problem = LeastSquares(form, design, losses, weights, mean, precision)
        last = step == _REWEIGHTINGS - 1
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            theta, objectives = minimise(
                problem, theta, iterations=60 if last else 10, tolerance=1e-12 if last else 1e-5
            )
        if not np.isfinite(objectives).any():
            raise RefusedError(NoFiniteFit(form.name))
        theta = theta[[int(np.nanargmin(objectives))]]
        residual = losses - form.value(theta, design)[0]
        # Least absolute deviations first: the biweight needs a start that outliers have not drawn along.
        weigh = robust.absolute_weights if step < _REWEIGHTINGS // 2 else robust.biweight
        weights = np.maximum(weigh(residual, parameters), 1e-6)[None]
    jacobian = form.jacobian(theta, design)[1][0]
    if not np.isfinite(jacobian).all():
        raise RefusedError(FitRunsOff(form.name))
    inverse = _inverse(jacobian.T @ jacobian + np.diag(precision))
    influence = inverse @ jacobian.T
    prior = inverse * precision
    prior_sd = np.where(precision > 0, sigma / np.sqrt(np.where(precision > 0, precision, 1)), 0)
    return SurfaceFit(
        form=form,
        theta=theta[0],
        origin=origin,
        influence=influence,
        prior_covariance=(prior * prior_sd**2) @ prior.T,
        hat=Hat(jacobian, influence),
        residuals=robust.pseudo_residuals(residual, parameters),
        weights=weights[0],
    )


def bootstrap(fit: SurfaceFit, design: Design, losses: Floats, weights: Floats, sigma: float) -> tuple[Floats, Floats]:
    """Refit a form for each weighting (B, n) from its fit, by least squares: parameters (B, P), objectives (B,)."""
    mean, precision = priors(fit.form, losses, sigma)
    thetas, objectives = [], []
    for at in range(0, len(weights), _CHUNK):
        chunk = weights[at : at + _CHUNK]
        problem = LeastSquares(fit.form, design, losses, chunk, mean, precision)
        with np.errstate(over="ignore", invalid="ignore"):
            found = minimise(problem, np.repeat(fit.theta[None], len(chunk), axis=0), iterations=60, tolerance=1e-10)
        thetas.append(found[0])
        objectives.append(found[1])
    return np.concatenate(thetas), np.concatenate(objectives)


def _inverse(normal: Floats) -> Floats:
    """Inverse of a normal matrix, scaled to a unit diagonal first."""
    scale = 1 / np.sqrt(np.maximum(np.diag(normal), 1e-300))
    return np.asarray(
        np.linalg.pinv(normal * np.outer(scale, scale), rcond=1e-14, hermitian=True) * np.outer(scale, scale)
    )


def fit_all(design: Design, origin: Origin, losses: Floats, sigma: float) -> dict[EstimatorName, SurfaceFit]:
    """Fit the four forms by least squares to losses (n,); by name. Raises RefusedError as `fit_form` does."""
    additive = fit_form(ADDITIVE, design, origin, losses, additive_start(design, losses), sigma)
    starts = {SKALING: skaling_starts(additive.theta), JOINT_SKEW: joint_skew_starts(additive.theta, design, losses)}
    others = {form: fit_form(form, design, origin, losses, start, sigma) for form, start in starts.items()}
    path = bent_starts(others[JOINT_SKEW].theta)
    others[JOINT_SKEW_BENT] = fit_form(JOINT_SKEW_BENT, design, origin, losses, path, sigma)
    return {ADDITIVE.name: additive, **{form.name: fit for form, fit in others.items()}}


def optimum(form: SurfaceForm, theta: Floats, origin: Origin, log_c: Floats, cost: TokenCost) -> tuple[Floats, Floats]:
    """The compute-optimal ln N and loss at ln C of shape (T,) for parameters (B, P); both (B, T)."""
    c = log_c[None] - origin.c
    x = form.path(theta, c) if form.path else _balanced_size(theta, origin, log_c[None], cost)
    log_n = x + origin.n
    y = log_c[None] - log_n - cost.log_k(log_n) - origin.d
    flat = Design(x.ravel(), y.ravel(), np.broadcast_to(c, x.shape).ravel())
    repeated = np.repeat(theta, x.shape[1], axis=0)
    losses = form.value(repeated, Design(flat.x[:, None], flat.y[:, None], flat.c[:, None]))
    return log_n, losses.reshape(x.shape)


def _balanced_size(theta: Floats, origin: Origin, log_c: Floats, cost: TokenCost) -> Floats:
    """Where α A/N^α = β (d ln F/d ln N) B/D^β along D = C/F(N), by Newton; exact in one step where k is constant."""
    named = AdditiveTheta(*list(columns(theta))[: len(AdditiveTheta._fields)])
    alpha, beta = np.exp(named.log_alpha), np.exp(named.log_beta)
    x = np.zeros(np.broadcast_shapes(alpha.shape, log_c.shape))
    for _ in range(50):
        log_n = x + origin.n
        slope = cost.slope(log_n)
        y = log_c - log_n - cost.log_k(log_n) - origin.d
        balance = named.log_alpha + named.log_a - alpha * x
        balance = balance - (named.log_beta + named.log_b - beta * y) - np.log(slope)
        step = np.clip(balance / (alpha + beta * slope), -5, 5)
        x = x + step
        if float(np.abs(step).max()) < 1e-11:
            break
    return x


def loss_at(form: Form, theta: Floats, origin: Origin, params: Floats, tokens: Floats, flops: Floats) -> Floats:
    """Losses (B, n) of parameters (B, P) at runs of shape (n,)."""
    return form.value(theta, origin.design(params, tokens, flops))


def to_record(fit: SurfaceFit, lack_of_fit: LackOfFit | None) -> Surface:
    """The record of a least-squares fit, its parameters in the units of the source's formula."""
    squares = float((fit.residuals**2).sum())
    return Surface(
        name=fit.form.name,
        parameters=natural_parameters(fit),
        objective=0.5 * squares,
        loss_function="half the sum of squares of the loss, with weak priors on E and the exponents",
        lack_of_fit=lack_of_fit,
        residual=float(np.sqrt(squares / max(fit.freedom, 1e-9))),
    )


def natural_parameters(fit: SurfaceFit) -> dict[str, float]:
    """Parameters by the source's symbols: A and B without the centring, K and N0 at C0 = e^origin."""
    named, origin = fit.form.parameters(*map(float, fit.theta)), fit.origin
    if isinstance(named, (JointSkewTheta, JointSkewBentTheta)):
        return {
            "E": named.floor,
            "K": float(np.exp(named.log_scale)),
            "g": float(np.exp(named.log_g)),
            "N0": float(np.exp(named.n0 + origin.n)),
            "a": named.exponent,
            "p": float(np.exp(named.log_p)),
            "q": float(np.exp(named.log_q)),
            **({"kappa": named.kappa} if isinstance(named, JointSkewBentTheta) else {}),
            "C0": float(np.exp(origin.c)),
        }
    assert isinstance(named, (AdditiveTheta, SkalingTheta))
    alpha, beta = float(np.exp(named.log_alpha)), float(np.exp(named.log_beta))
    return {
        "E": named.floor,
        "A": float(np.exp(named.log_a + alpha * origin.n)),
        "B": float(np.exp(named.log_b + beta * origin.d)),
        "alpha": alpha,
        "beta": beta,
        **({"gamma": float(np.exp(named.log_gamma))} if isinstance(named, SkalingTheta) else {}),
    }
