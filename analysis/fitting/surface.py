"""Surfaces L(N, D): least-squares fits of the forms, their errors and optima."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.fitting import robust
from analysis.fitting.cost import TokenCost
from analysis.fitting.forms import ADDITIVE, FORMS, JOINT_SKEW, JOINT_SKEW_BENT, SKALING, Design, Form, bent
from analysis.fitting.solver import minimise
from analysis.records import LawError, Surface

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

_REWEIGHTINGS = 8
_CHUNK = 250


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
    design: Design
    losses: Floats
    """Shape (n,) or (B, n)."""
    weights: Floats
    """Shape (B, n), or (1, n) for all."""
    prior_mean: Floats
    """μ, shape (P,)."""
    prior_precision: Floats
    """λ, shape (P,): noise variance over prior variance."""

    def objective(self, theta: Floats, rows: Rows) -> Floats:
        """See `solver.Problem`."""
        residual = self._losses(rows) - self.form.value(theta, self.design)
        squares = (self._weights(rows) * residual * residual).sum(axis=1)
        return np.asarray(0.5 * squares + 0.5 * ((theta - self.prior_mean) ** 2 @ self.prior_precision))

    def derivatives(self, theta: Floats, rows: Rows) -> tuple[Floats, Floats, Floats]:
        """See `solver.Problem`."""
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
    """A fitted form with what later errors need."""

    form: Form
    theta: Floats
    """Shape (P,)."""
    origin: Origin
    influence: Floats
    """dθ/d loss, shape (P, n)."""
    prior_covariance: Floats
    """Share of the priors in the covariance of θ, shape (P, P)."""
    hat: Floats
    """d fitted / d loss, shape (n, n)."""
    residuals: Floats
    """Pseudo-residuals: outliers drawn in, shape (n,)."""
    weights: Floats
    """Of each run, in (0, 1], shape (n,)."""

    @property
    def freedom(self) -> float:
        """Residual degrees of freedom, priors counted by their share."""
        return len(self.residuals) - float(np.trace(self.hat))


def priors(form: Form, losses: Floats, sigma: float) -> tuple[Floats, Floats]:
    """Mean and precision (in units of the noise variance) of a form's weak priors, shape (P,) each."""
    mean, sd = np.array(form.prior_mean), np.array(form.prior_sd)
    lowest = float(losses.min())
    mean[0], sd[0] = mean[0] * lowest, sd[0] * lowest
    return np.nan_to_num(mean), (sigma / sd) ** 2


def fit_form(form: Form, design: Design, origin: Origin, losses: Floats, starts: Floats, sigma: float) -> SurfaceFit:
    """Fit one form from starts (S, P) by least squares with outliers weighed down (Tukey's biweight).

    `sigma` is the noise that the priors weigh against.
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
            raise LawError(f"the {form.name} surface has no finite fit to these losses")
        theta = theta[[int(np.nanargmin(objectives))]]
        residual = losses - form.value(theta, design)[0]
        # Least absolute deviations first: the biweight needs a start that outliers have not drawn along.
        weigh = robust.absolute_weights if step < _REWEIGHTINGS // 2 else robust.biweight
        weights = np.maximum(weigh(residual, parameters), 1e-6)[None]
    jacobian = form.jacobian(theta, design)[1][0]
    if not np.isfinite(jacobian).all():
        raise LawError(f"the {form.name} surface's fit runs off to infinity")
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
        hat=jacobian @ influence,
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


def additive_start(design: Design, losses: Floats, grid: int = 13) -> Floats:
    """Variable projection on a grid of (α, β), as a start of shape (1, 5): for each pair E, A, B are linear."""
    exponents = np.geomspace(0.05, 1.6, grid)
    size_terms, data_terms = np.exp(-np.outer(exponents, design.x)), np.exp(-np.outer(exponents, design.y))
    pairs = np.array([(i, j) for i in range(grid) for j in range(grid)])
    basis = np.stack([np.ones((len(pairs), len(losses))), size_terms[pairs[:, 0]], data_terms[pairs[:, 1]]], axis=2)
    normal = np.matmul(basis.transpose(0, 2, 1), basis)
    normal = normal + 1e-12 * np.einsum("bpp->b", normal)[:, None, None] * np.eye(3)
    linear = np.linalg.solve(normal, (basis.transpose(0, 2, 1) @ losses)[..., None])[..., 0]
    squares = ((losses - np.matmul(basis, linear[..., None])[..., 0]) ** 2).sum(axis=1)
    squares[(linear[:, 1] <= 0) | (linear[:, 2] <= 0)] = np.inf
    if not np.isfinite(squares).any():
        spread = float(np.ptp(losses))
        return np.array([[losses.min() - spread, np.log(spread), np.log(0.35), np.log(spread), np.log(0.35)]])
    best = int(np.argmin(squares))
    (i, j), (floor, a, b) = pairs[best], linear[best]
    return np.array([[floor, np.log(a), np.log(exponents[i]), np.log(b), np.log(exponents[j])]])


def skaling_starts(additive: Floats) -> Floats:
    """Starts (3, 6) around an additive fit (5,): γ of 0.6, 1 and 1.6 with the terms rescaled."""
    starts = []
    for gamma in (0.6, 1.0, 1.6):
        shift = np.array([0, 0, -np.log(gamma), 0, -np.log(gamma)])
        scaled = additive * np.array([1, 1 / gamma, 1, 1 / gamma, 1]) + shift
        starts.append([*scaled, np.log(gamma)])
    return np.array(starts)


def joint_skew_starts(additive: Floats, design: Design, losses: Floats) -> Floats:
    """Starts (S, 7): the additive fit as the special case it is, and a grid of shapes around its valley."""
    _, a, log_alpha, b, log_beta = additive
    alpha, beta = np.exp(log_alpha), np.exp(log_beta)
    # In the centred logs D's origin differs from C's and N's by a constant: y = c − x + offset.
    offset = float((design.y + design.x - design.c).mean())
    exponent = beta / (alpha + beta)
    n0 = (log_alpha - log_beta + a - b + beta * offset) / (alpha + beta)
    scale = np.logaddexp(a - alpha * n0, b - beta * (offset - n0))
    starts = [[additive[0], scale, np.log(alpha * beta / (alpha + beta)), n0, exponent, log_alpha, log_beta]]
    for g in (0.08, 0.2):
        for p, q in ((0.25, 0.5), (0.5, 0.25), (0.35, 0.35)):
            valley = np.array([0.0, 0.0, np.log(g), n0, np.clip(exponent, 0.3, 0.7), np.log(p), np.log(q)])
            shape = JOINT_SKEW.value(valley[None], design)[0]
            if not np.isfinite(shape).all():
                continue
            basis = np.column_stack([np.ones_like(shape), shape])
            floor, level = np.linalg.lstsq(basis, losses, rcond=None)[0]
            if level > 0:
                valley[:2] = floor, np.log(level)
                starts.append(list(valley))
    return np.array(starts)


def bent_starts(joint_skew: Floats) -> Floats:
    """Starts (3, 8): a joint-skew fit (7,) with a straight path and with one bent to either side."""
    return np.column_stack([np.repeat(joint_skew[None], 3, axis=0), [0.0, 0.1, -0.1]])


def fit_all(design: Design, origin: Origin, losses: Floats, sigma: float) -> dict[str, SurfaceFit]:
    """Fit the four forms by least squares in the loss; by name."""
    additive = fit_form(ADDITIVE, design, origin, losses, additive_start(design, losses), sigma)
    starts = {SKALING: skaling_starts(additive.theta), JOINT_SKEW: joint_skew_starts(additive.theta, design, losses)}
    others = {form: fit_form(form, design, origin, losses, start, sigma) for form, start in starts.items()}
    path = bent_starts(others[JOINT_SKEW].theta)
    others[JOINT_SKEW_BENT] = fit_form(JOINT_SKEW_BENT, design, origin, losses, path, sigma)
    return {ADDITIVE.name: additive, **{form.name: fit for form, fit in others.items()}}


def optimum(form: Form, theta: Floats, origin: Origin, log_c: Floats, cost: TokenCost) -> tuple[Floats, Floats]:
    """The compute-optimal ln N and loss at ln C of shape (T,) for parameters (B, P); both (B, T)."""
    c = log_c[None] - origin.c
    if form is JOINT_SKEW:
        x = theta[:, 3, None] + theta[:, 4, None] * c
    elif form is JOINT_SKEW_BENT:
        x = theta[:, 3, None] + theta[:, 4, None] * bent(theta[:, 7, None], c)[0]
    else:
        x = _balanced_size(theta, origin, log_c[None], cost)
    log_n = x + origin.n
    y = log_c[None] - log_n - cost.log_k(log_n) - origin.d
    flat = Design(x.ravel(), y.ravel(), np.broadcast_to(c, x.shape).ravel())
    repeated = np.repeat(theta, x.shape[1], axis=0)
    losses = form.value(repeated, Design(flat.x[:, None], flat.y[:, None], flat.c[:, None]))
    return log_n, losses.reshape(x.shape)


def _balanced_size(theta: Floats, origin: Origin, log_c: Floats, cost: TokenCost) -> Floats:
    """Where α A/N^α = β (d ln F/d ln N) B/D^β along D = C/F(N), by Newton; exact in one step where k is constant."""
    alpha, beta = np.exp(theta[:, 2, None]), np.exp(theta[:, 4, None])
    x = np.zeros(np.broadcast_shapes(alpha.shape, log_c.shape))
    for _ in range(50):
        log_n = x + origin.n
        slope = cost.slope(log_n)
        y = log_c - log_n - cost.log_k(log_n) - origin.d
        balance = theta[:, 2, None] + theta[:, 1, None] - alpha * x
        balance = balance - (theta[:, 4, None] + theta[:, 3, None] - beta * y) - np.log(slope)
        step = np.clip(balance / (alpha + beta * slope), -5, 5)
        x = x + step
        if float(np.abs(step).max()) < 1e-11:
            break
    return x


def loss_at(form: Form, theta: Floats, origin: Origin, params: Floats, tokens: Floats, flops: Floats) -> Floats:
    """Losses (B, n) of parameters (B, P) at runs of shape (n,)."""
    return form.value(theta, origin.design(params, tokens, flops))


def to_record(fit: SurfaceFit, lack_of_fit: dict[str, float] | None) -> Surface:
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
    """Parameters by symbol: A and B without the centring, K and N0 at C0."""
    theta, origin = fit.theta, fit.origin
    if fit.form in (JOINT_SKEW, JOINT_SKEW_BENT):
        keys = ("E", "K", "g", "N0", "a", "p", "q", "kappa")[: len(theta)]
        values = (
            theta[0],
            np.exp(theta[1]),
            np.exp(theta[2]),
            np.exp(theta[3] + origin.n),
            theta[4],
            *np.exp(theta[5:7]),
            *theta[7:],
        )
        return {**{key: float(value) for key, value in zip(keys, values, strict=True)}, "C0": float(np.exp(origin.c))}
    alpha, beta = float(np.exp(theta[2])), float(np.exp(theta[4]))
    parameters = {
        "E": float(theta[0]),
        "A": float(np.exp(theta[1] + alpha * origin.n)),
        "B": float(np.exp(theta[3] + beta * origin.d)),
        "alpha": alpha,
        "beta": beta,
    }
    if fit.form is SKALING:
        parameters["gamma"] = float(np.exp(theta[5]))
    return parameters


__all__ = ["FORMS", "Origin", "SurfaceFit", "fit_all", "loss_at", "optimum", "to_record"]
