"""Chinchilla's approach 3 exactly: the additive surface by Huber loss on ln L, many bootstrap weightings at once.

Hoffmann et al. 2022, section 3.3, as reproduced by Besiroglu et al. 2024: minimise
Σ_i w_i Huber_δ(ln L_i − LSE(a − α ln N_i, b − β ln D_i, e)) with A = e^a, B = e^b, E = e^e; a sum, natural logarithms.

Shape legend: B weightings, n runs; parameters (a, b, e, α, β), sizes and tokens centred while solving.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.forms import Design
from analysis.fitting.solver import minimise
from analysis.fitting.starts import additive_start
from analysis.fitting.surface import Origin
from analysis.names import EstimatorName
from analysis.records import LawError, Surface
from analysis.table.table import RunTable

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

DELTA = 1e-3
"""Huber's δ of Hoffmann et al. 2022."""
CHUNK = 250
"""Weightings solved together: few enough that their arrays stay in the processor's cache."""


@dataclass(frozen=True)
class HuberLog:
    """B weighted objectives as a `solver.Problem`, with the exact gradient and Hessian."""

    x: Floats
    """Centred ln N, shape (n,)."""
    y: Floats
    """Centred ln D, shape (n,)."""
    log_loss: Floats
    """ln L, shape (n,)."""
    weights: Floats
    """Weights of the runs, shape (B, n), or (1, n) for all."""
    delta: float
    """Huber's δ, of the log loss."""

    def objective(self, theta: Floats, rows: Rows) -> Floats:
        """(b, P) parameters → (b,) weighted sums of Huber losses; see `solver.Problem`."""
        size = np.abs(self.log_loss - np.log(self._terms(theta)[3]))
        clipped = np.minimum(size, self.delta)
        return np.asarray(np.einsum("bn,bn->b", self._weights(rows), clipped * (size - 0.5 * clipped)))

    def derivatives(self, theta: Floats, rows: Rows) -> tuple[Floats, Floats, Floats]:
        """Gradient, Hessian and metric; with p the shares of the three terms of the log-sum-exp and ψ Huber's score,

        ∇f = Σ p_k g_k, ∇²f = Σ p_k g_k g_k' − ∇f∇f', H = Σ w 1[|r| ≤ δ] ∇f∇f' − Σ w ψ ∇²f.
        """
        one, two, three, total = self._terms(theta)
        residual = self.log_loss - np.log(total)
        p1, p2, p3 = one / total, two / total, three / total
        weights = self._weights(rows)
        score = np.clip(residual, -self.delta, self.delta)
        slope = weights * score
        inside = weights * (np.abs(residual) <= self.delta)
        robust = weights * (self.delta / np.maximum(np.abs(residual), self.delta))
        gradient = -self._first(slope * p1, slope * p2, slope * p3)
        hessian = self._second(inside + slope, p1, p2, p3) - self._diagonal(slope * p1, slope * p2, slope * p3)
        return gradient, hessian, self._second(robust, p1, p2, p3)

    def _terms(self, theta: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        one = np.exp(theta[:, 0, None] - theta[:, 3, None] * self.x)
        two = np.exp(theta[:, 1, None] - theta[:, 4, None] * self.y)
        three = np.exp(theta[:, 2, None])
        return one, two, three, one + two + three

    def _weights(self, rows: Rows) -> Floats:
        return np.broadcast_to(self.weights, (len(rows), len(self.x))) if len(self.weights) == 1 else self.weights[rows]

    def _first(self, c1: Floats, c2: Floats, c3: Floats) -> Floats:
        """Σ_n of c_k g_k, shape (B, 5)."""
        return np.stack([c1.sum(1), c2.sum(1), c3.sum(1), -(c1 @ self.x), -(c2 @ self.y)], axis=1)

    def _diagonal(self, c1: Floats, c2: Floats, c3: Floats) -> Floats:
        """Σ_n of c_k g_k g_k', shape (B, 5, 5)."""
        out = np.zeros((len(c1), 5, 5))
        one, two = c1 @ _powers(self.x), c2 @ _powers(self.y)
        for at, moments in (((0, 3), one), ((1, 4), two)):
            out[:, at[0], at[0]] = moments[:, 0]
            out[:, at[0], at[1]] = out[:, at[1], at[0]] = -moments[:, 1]
            out[:, at[1], at[1]] = moments[:, 2]
        out[:, 2, 2] = c3.sum(1)
        return out

    def _second(self, c: Floats, p1: Floats, p2: Floats, p3: Floats) -> Floats:
        """Σ_n of c ∇f∇f', shape (B, 5, 5), by moments of x and y."""
        c1, c2 = c * p1, c * p2
        out = self._diagonal(c1 * p1, c2 * p2, c * p3 * p3)
        both = (c1 * p2) @ np.column_stack([np.ones_like(self.x), self.x, self.y, self.x * self.y])
        first, second = (c1 * p3) @ _powers(self.x), (c2 * p3) @ _powers(self.y)
        entries = {
            (0, 1): both[:, 0],
            (1, 3): -both[:, 1],
            (0, 4): -both[:, 2],
            (3, 4): both[:, 3],
            (0, 2): first[:, 0],
            (2, 3): -first[:, 1],
            (1, 2): second[:, 0],
            (2, 4): -second[:, 1],
        }
        for (i, j), values in entries.items():
            out[:, i, j] = out[:, j, i] = values
        return out


def _powers(x: Floats) -> Floats:
    return np.column_stack([np.ones_like(x), x, x * x])


@dataclass(frozen=True)
class Approach3:
    """Fits of the additive surface, one a row."""

    parameters: Floats
    """E, A, B, α, β in natural units, shape (B, 5)."""
    objectives: Floats
    """Minimised sums, shape (B,)."""
    delta: float
    """Huber's δ."""

    @property
    def exponents(self) -> Floats:
        """a of N* ∝ C^a where C = k N D: β / (α + β), shape (B,)."""
        alpha, beta = self.parameters[:, 3], self.parameters[:, 4]
        return np.asarray(beta / (alpha + beta))

    def record(self) -> Surface:
        """The first fit as a record."""
        symbols = ("E", "A", "B", "alpha", "beta")
        return Surface(
            name=EstimatorName.ADDITIVE_HUBER,
            parameters=dict(zip(symbols, map(float, self.parameters[0]), strict=True)),
            objective=float(self.objectives[0]),
            loss_function=f"sum of Huber losses of the natural log of the loss, δ = {self.delta:g}",
            lack_of_fit=None,
            residual=float("nan"),
        )


def fit_approach3(table: RunTable, delta: float = DELTA) -> Approach3:
    """Fit approach 3 to a table. Raises LawError for losses that are not positive or fewer than six runs."""
    return _solve(table, np.ones((1, len(table))), delta, None)


def bootstrap_approach3(table: RunTable, draws: int = 4000, *, seed: int = 42, delta: float = DELTA) -> Approach3:
    """Refit to the runs drawn with replacement, `draws` times, as weightings of one batched solve.

    Raises LawError as `fit_approach3` does.
    """
    generator = np.random.default_rng(seed)
    picks = generator.integers(0, len(table), (draws, len(table)))
    weights = np.zeros((draws, len(table)))
    np.add.at(weights, (np.arange(draws)[:, None], picks), 1.0)
    return reweigh_approach3(table, weights, delta)


def reweigh_approach3(table: RunTable, weights: Floats, delta: float = DELTA) -> Approach3:
    """Fit once for each row of weights (B, n). Raises LawError as `fit_approach3` does."""
    return _solve(table, np.asarray(weights, dtype=float), delta, fit_approach3(table, delta))


def _solve(table: RunTable, weights: Floats, delta: float, start: Approach3 | None) -> Approach3:
    if len(table) < 6:
        raise LawError(f"{len(table)} runs; a surface of five parameters needs at least six")
    if not delta > 0:
        raise LawError(f"Huber's δ must be positive, not {delta}")
    origin = Origin.of(table.params, table.tokens, table.flops)
    design = origin.design(table.params, table.tokens, table.flops)
    log_loss = np.log(table.loss)
    theta = _start(design, table.loss) if start is None else _centred(start.parameters[0], origin)[None]
    if start is None:
        # δ falls step by step: far from the optimum a small δ is least absolute deviations, whose Hessian is empty.
        for step in [d for d in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9) if d > delta]:
            theta = minimise(HuberLog(design.x, design.y, log_loss, weights, step), theta)[0]
        theta = theta[:1]
    chunks = [weights[at : at + CHUNK] for at in range(0, len(weights), CHUNK)]

    def solve(chunk: Floats) -> tuple[Floats, Floats]:
        problem = HuberLog(design.x, design.y, log_loss, chunk, delta)
        return minimise(problem, np.repeat(theta, len(chunk), axis=0))

    with ThreadPoolExecutor(max_workers=2) as pool:
        solved = list(pool.map(solve, chunks)) if len(chunks) > 1 else [solve(chunks[0])]
    thetas, objectives = (np.concatenate(parts) for parts in zip(*solved, strict=True))
    return Approach3(_natural(thetas, origin), objectives, delta)


def _start(design: Design, losses: Floats) -> Floats:
    """The least-squares grid's best pair of exponents, in this module's parameters."""
    floor, a, log_alpha, b, log_beta = additive_start(design, losses, 19)[0]
    return np.array([[a, b, np.log(max(floor, 1e-3 * float(losses.min()))), np.exp(log_alpha), np.exp(log_beta)]])


def _natural(theta: Floats, origin: Origin) -> Floats:
    a, b, e, alpha, beta = theta.T
    return np.stack([np.exp(e), np.exp(a + alpha * origin.n), np.exp(b + beta * origin.d), alpha, beta], axis=1)


def _centred(parameters: Floats, origin: Origin) -> Floats:
    floor, a, b, alpha, beta = parameters
    return np.array(
        [np.log(a) - alpha * origin.n, np.log(b) - beta * origin.d, np.log(max(floor, 1e-300)), alpha, beta]
    )


def as_additive(fit: Approach3, table: RunTable, origin: Origin) -> tuple[Floats, Floats]:
    """The first fit in the additive form's parameters (5,), and its influence (5, n) by reweighted least squares."""
    theta = _centred(fit.parameters[0], origin)
    design = origin.design(table.params, table.tokens, table.flops)
    problem = HuberLog(design.x, design.y, np.log(table.loss), np.ones((1, len(table))), fit.delta)
    one, two, three, total = (term[0] for term in problem._terms(theta[None]))
    shares = np.broadcast_to(three / total, one.shape)
    jacobian = np.stack([one / total, two / total, shares, -design.x * one / total, -design.y * two / total], axis=1)
    residual = np.log(table.loss) - np.log(total)
    scale = max(float(np.median(np.abs(residual))), fit.delta)
    weights = np.minimum(1.0, scale / np.maximum(np.abs(residual), 1e-300))
    weighted = jacobian * weights[:, None]
    if not np.isfinite(weighted).all():
        return np.full(5, np.nan), np.full((5, len(table)), np.nan)
    influence = np.linalg.pinv(weighted.T @ jacobian) @ (weighted / table.loss[:, None]).T
    floor, alpha, beta = np.exp(theta[2]), theta[3], theta[4]
    a, b, e, da, db = influence
    additive = np.array([floor, theta[0], np.log(max(alpha, 1e-6)), theta[1], np.log(max(beta, 1e-6))])
    return additive, np.stack([floor * e, a, da / alpha, b, db / beta])
