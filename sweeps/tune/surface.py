"""The loss around its best settings in all cells at once: one valley whose bottom follows power laws of N and D. Pure.

A cell's loss is its lowest one plus a regret, which is quadratic in the logarithms of the settings near the bottom and
grows linearly far from it. The curvature is common to all cells, and the bottom is linear in ln N and ln D: so every
trial of every cell counts for every rule, and a few trials of each are enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, least_squares
from scipy.stats import t as student

Array = NDArray[np.float64]

KNEE: Final = 0.3
"""Regret from which the loss grows linearly with the distance rather than with its square, nats per token."""
MISFIT: Final = 0.5
"""Share of a trial's regret by which the surface may be wrong there."""
NOISE: Final = 0.012
"""Standard deviation between seeds that is assumed, nats per token; what the trials show replaces it."""
NEAR: Final = 0.15
"""Regret within which trials show the noise, nats per token."""
EXPONENT_SD: Final = 0.15
"""How far an exponent may lie from the usual one, as a standard deviation."""
CURVATURE_SD: Final = 0.7
"""How far a curvature may lie from the usual one, as a standard deviation of its logarithm."""
COUPLING_SD: Final = 0.4
"""How strongly two settings may depend on each other, as a standard deviation of a correlation."""
PASSES: Final = 4
"""Fits, each with the misfit and the noise that the last one showed."""
CONFIDENCE: Final = 0.95
"""Level of the intervals."""


@dataclass(frozen=True)
class Trials:
    """Trained trials as arrays, a row each."""

    cell: NDArray[np.int64]
    """Index of the cell."""
    at: Array
    """1, ln N and ln D over the reference."""
    settings: Array
    """Logarithms of the settings that are searched."""
    loss: Array
    """Loss, nats per token; infinite where the run diverged."""


@dataclass(frozen=True)
class Prior:
    """What is assumed before any trial."""

    rule: Array
    """For each setting the start's logarithm at the reference, and the usual exponents of N and D."""
    spans: Array
    """How far the search reaches to each side, in logarithms."""
    curvature: Array
    """Usual second derivative of the loss by each setting's logarithm, nats per token."""


@dataclass(frozen=True)
class Surface:
    """A fitted surface."""

    rule: Array
    """For each setting the logarithm of the best value at the reference, and its exponents of N and D."""
    half: Array
    """Half-widths of their 95 % intervals."""
    lowest: Array
    """Lowest loss of each cell, nats per token."""
    noise: float
    """Standard deviation of a trial about the surface, nats per token."""

    def best(self, at: Array) -> Array:
        """Logarithms of the best settings at rows of 1, ln N and ln D."""
        found: Array = at @ self.rule.T
        return found


def fit_surface(trials: Trials, prior: Prior, cells: int) -> Surface:
    """The surface of the greatest posterior density, with the intervals of its rules by its curvature there."""
    finite = _finite(trials, cells)
    lowest = np.array([finite[trials.cell == cell].min(initial=np.inf) for cell in range(cells)])
    lowest[~np.isfinite(lowest)] = finite.max()
    noise = NOISE
    starts = [_start(prior, lowest), _start(prior, lowest, _by_best(trials, finite, prior))]
    spread = np.hypot(noise, MISFIT * (finite - lowest[trials.cell]))
    for _ in range(PASSES):
        fits = [_solve(x, trials, finite, spread, prior, cells) for x in starts]
        found = min(fits, key=lambda fit: float(fit.cost))
        starts = [found.x]
        regret = np.maximum(finite - found.x[:cells][trials.cell], 0.0)
        near = regret < NEAR
        if near.sum() > cells:
            rest = finite[near] - _modelled(found.x, trials, prior, cells)[near]
            noise = float(np.clip(np.sqrt(np.mean(rest**2) * near.sum() / (near.sum() - cells)), NOISE / 2, NEAR))
        spread = np.hypot(noise, MISFIT * regret)
    return _surface(found.x, found.jac, len(finite), prior, cells, noise)


def _finite(trials: Trials, cells: int) -> Array:
    """The losses, those of diverged trials above all others of their cell."""
    loss = trials.loss.copy()
    known = loss[np.isfinite(loss)]
    top = known.max() if known.size else 0.0
    for cell in range(cells):
        own = loss[(trials.cell == cell) & np.isfinite(loss)]
        loss[(trials.cell == cell) & ~np.isfinite(loss)] = (own.max() if own.size else top) + KNEE
    return loss


def _start(prior: Prior, lowest: Array, rule: Array | None = None) -> Array:
    """Where a fit begins: lowest losses, logarithms of curvatures, couplings of 0, and a rule."""
    count = len(prior.spans)
    couplings = np.zeros(count * (count - 1) // 2)
    return np.concatenate(
        [lowest, np.zeros(count), couplings, (prior.rule if rule is None else rule).ravel()],
    )


def _by_best(trials: Trials, finite: Array, prior: Prior) -> Array:
    """The start's rule moved to the best trial of each cell, on average."""
    rows = [int(np.flatnonzero(trials.cell == c)[np.argmin(finite[trials.cell == c])]) for c in np.unique(trials.cell)]
    moved = prior.rule.copy()
    moved[:, 0] += (trials.settings[rows] - trials.at[rows] @ prior.rule.T).mean(axis=0)
    return moved


def _parts(x: Array, prior: Prior, cells: int) -> tuple[Array, Array, Array, Array]:
    """Lowest losses, logarithms of curvatures over the usual, couplings, and the rule, of a vector of parameters."""
    count = len(prior.spans)
    ends = np.cumsum([cells, count, count * (count - 1) // 2])
    lowest, curvature, couplings, rule = np.split(x, ends)
    return lowest, curvature, couplings, rule.reshape(count, 3)


def _root(curvature: Array, couplings: Array, prior: Prior) -> Array:
    """Lower triangular root of the common curvature."""
    count = len(prior.spans)
    root = np.eye(count)
    root[np.tril_indices(count, -1)] = couplings
    root /= np.linalg.norm(root, axis=1, keepdims=True)
    scaled: Array = np.sqrt(prior.curvature * np.exp(curvature))[:, None] * root
    return scaled


def _modelled(x: Array, trials: Trials, prior: Prior, cells: int) -> Array:
    """Losses by the surface."""
    lowest, curvature, couplings, rule = _parts(x, prior, cells)
    away = (trials.settings - trials.at @ rule.T) @ _root(curvature, couplings, prior)
    square = 0.5 * (away**2).sum(axis=1)
    regret: Array = KNEE * (np.sqrt(1 + 2 * square / KNEE) - 1)
    return lowest[trials.cell] + regret


def _solve(x: Array, trials: Trials, finite: Array, spread: Array, prior: Prior, cells: int) -> OptimizeResult:
    """Least squares of the losses and of the prior."""
    sd = np.column_stack([prior.spans / 1.5, *[np.full(len(prior.spans), EXPONENT_SD)] * 2])

    def residuals(x: Array) -> Array:
        _, curvature, couplings, rule = _parts(x, prior, cells)
        return np.concatenate(
            [
                (finite - _modelled(x, trials, prior, cells)) / spread,
                curvature / CURVATURE_SD,
                couplings / COUPLING_SD,
                ((rule - prior.rule) / sd).ravel(),
            ]
        )

    return least_squares(residuals, x, method="lm", max_nfev=20_000)


def _surface(x: Array, jacobian: Array, count: int, prior: Prior, cells: int, noise: float) -> Surface:
    lowest, _, _, rule = _parts(x, prior, cells)
    covariance = np.linalg.pinv(jacobian.T @ jacobian)
    freedom = max(3, count - cells - len(prior.spans))
    half = student.ppf((1 + CONFIDENCE) / 2, freedom) * np.sqrt(np.diag(covariance)[-rule.size :])
    return Surface(rule, half.reshape(rule.shape), lowest, noise)
