"""The noise of a table by source, what each source does to an answer, and its degrees of freedom."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from analysis.records import LackOfFit
from analysis.table.table import RunTable

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


NORMAL = 1.96
"""Standard errors to each side of a 95 % interval of a normal variable."""
LEAST_FREEDOM = 5.0
"""Satterthwaite's figure is itself an estimate from few budgets; below five it would only widen intervals."""


@dataclass(frozen=True, eq=False)
class Hat:
    """A fit's hat matrix H, d fitted / d loss of n runs, as the product of two thin ones."""

    left: Floats
    """d fitted / d parameters, shape (n, P)."""
    right: Floats
    """d parameters / d loss, shape (P, n)."""

    @cached_property
    def trace(self) -> float:
        """Degrees of freedom that the fit takes."""
        return float((self.left * self.right.T).sum())

    @cached_property
    def squares_left(self) -> float:
        """Sum of the squares of I − H."""
        squares = ((self.left.T @ self.left) * (self.right @ self.right.T)).sum()
        return len(self.left) - 2 * self.trace + float(squares)

    def left_over(self, columns: Floats) -> Floats:
        """(I − H) times columns (n, G)."""
        return np.asarray(columns - self.left @ (self.right @ columns))


@dataclass(frozen=True)
class NoiseSources:
    """Variance of the losses by source; the covariance of two runs is the sum over the sources that they share.

    Shape legend: J sources, the first that of a run on its own; n runs.
    """

    names: tuple[str, ...]
    """run, then of size, trunk, budget (an offset), tilt (a slope in ln N within a budget) those that the table has."""
    variances: Floats
    """By source, shape (J,)."""
    factors: tuple[Floats, ...]
    """Which runs share a source, each (n, groups), of every source but the first."""
    inverse: Floats
    """From quadratic forms of the residuals to variances, shape (J, J)."""
    spread: Floats
    """Half the covariance of these quadratic forms, shape (J, J)."""

    def propagate(self, influence: Floats) -> Floats:
        """Covariance (J, P, P) of estimates with influence (P, n) on the losses, for unit variance of each source."""
        shared = [influence, *(influence @ factor for factor in self.factors)]
        return np.stack([block @ block.T for block in shared])


def shared_factors(table: RunTable, budgets: bool = True) -> dict[str, Floats]:
    """What runs share, as matrices (n, groups): a size, a trunk, and with `budgets` a budget and its tilt."""
    factors: dict[str, Floats] = {}
    for name, labels in (("size", table.size), ("trunk", table.trunk)):
        if (np.unique(labels, return_counts=True)[1] > 1).sum() >= 3:
            shared = indicator(labels)
            if not any(np.array_equal(shared, other) for other in factors.values()):
                factors[name] = shared
    budget = indicator(table.budget)
    if budgets and budget.shape[1] >= 3:
        factors["budget"] = budget
        log_n = np.log(table.params)
        centred = log_n - (budget @ ((budget.T @ log_n) / budget.sum(axis=0)))
        factors["tilt"] = budget * (centred / max(float(centred.std()), 1e-12))[:, None]
    return factors


def indicator(labels: Labels) -> Floats:
    """Which rows (n,) carry which label, (n, K) for the K labels in their order."""
    return np.asarray(labels[:, None] == np.unique(labels)[None], dtype=float)


def split_noise(residuals: Floats, hat: Hat, factors: Mapping[str, Floats], floor: float = 0.0) -> NoiseSources:
    """Split residuals (n,) of a fit into what every run has on its own and what the `factors` share, by name.

    By matching quadratic forms: E[r'Q_i r] = Σ_j v_j tr(Q_i M Q_j M) with M = I − H and Q_j = Z_j Z_j' (Rao's MINQUE
    from an identity prior), for v ≥ 0; Z of a run on its own is the identity. What budgets share is replaced by its
    expectation given that it is positive: estimated from a handful of budgets, a zero does not mean that none is
    shared. `floor` is the least standard deviation of a run on its own, such as that between seeds.
    """
    from scipy.optimize import nnls

    names, matrices = ("run", *factors), tuple(factors.values())
    made = [hat.left_over(matrix) for matrix in matrices]
    observed = np.array([float((part**2).sum()) for part in (residuals, *(m.T @ residuals for m in matrices))])
    cross = _form_covariance(matrices, made, hat, np.eye(1, len(names))[0])
    scale = np.sqrt(np.diag(cross))
    inverse = np.linalg.pinv(cross / np.outer(scale, scale), rcond=1e-6) / np.outer(scale, scale)
    least = nnls(cross / np.outer(scale, scale), observed / scale)[0] / scale
    least[0] = max(least[0], floor**2)
    variances = least.copy()
    free = inverse @ observed
    for j, name in enumerate(names):
        if name in ("budget", "tilt"):
            without = np.where(np.arange(len(least)) == j, 0, least)
            spread = _form_covariance(matrices, made, hat, without)
            error = np.sqrt(max(2 * inverse[j] @ spread @ inverse[j], 1e-300))
            expected = free[j] + error * _hazard(float(free[j] / error))
            variances[j] = max(expected, least[j])
    return NoiseSources(names, variances, matrices, inverse, _form_covariance(matrices, made, hat, variances))


def _form_covariance(matrices: Sequence[Floats], made: Sequence[Floats], hat: Hat, variances: Floats) -> Floats:
    """tr(Q_i S Q_j S) with S = M V M, the covariance of the residuals; (J, J). M M is M but for the weak priors.

    `made` are the M Z_j. S is v_0 M and the square of a thin matrix, so that nothing of shape (n, n) is needed.
    """
    own, shared = float(variances[0]), [v**0.5 * m for v, m in zip(variances[1:], made, strict=True) if v > 0]
    thin = np.hstack([np.zeros((len(hat.left), 0)), *shared])
    products = [own * part + thin @ (thin.T @ matrix) for matrix, part in zip(matrices, made, strict=True)]
    out = np.empty((len(matrices) + 1, len(matrices) + 1))
    squares = own**2 * hat.squares_left + 2 * own * float((thin * hat.left_over(thin)).sum())
    out[0, 0] = squares + float(((thin.T @ thin) ** 2).sum())
    for j, product in enumerate(products, start=1):
        out[0, j] = out[j, 0] = float((product**2).sum())
        for i, left in enumerate(matrices[:j], start=1):
            out[i, j] = out[j, i] = float(((left.T @ product) ** 2).sum())
    return out


def _hazard(z: float) -> float:
    """φ(z)/Φ(z): how far the mean of a normal variable known to be positive lies above its estimate, in errors."""
    from scipy.special import log_ndtr

    return float(np.exp(-0.5 * z * z - float(log_ndtr(z))) / np.sqrt(2 * np.pi))


def degrees_of_freedom(
    by_source: Floats, other: Floats, noise_variances: Floats, inverse: Floats, spread: Floats
) -> Floats:
    """Satterthwaite's degrees of freedom (T,) of variances Σ_j v_j a_j + other.

    `by_source` a is (T, J), `other` (T,) a part known without error.
    """
    total = by_source @ noise_variances + other
    weights = by_source @ inverse
    variance = 2 * np.einsum("ti,ij,tj->t", weights, spread, weights)
    return np.asarray(np.clip(2 * total**2 / np.maximum(variance, 1e-300), LEAST_FREEDOM, 1e6))


def lack_of_fit(squares: float, freedom: float, pure_squares: float, pure_freedom: float) -> LackOfFit | None:
    """F test of a surface's residual squares against those of per-budget cubics (or of seeds).

    None where either has no degrees of freedom, or the cubics leave no scatter.
    """
    from scipy.special import fdtrc

    extra = freedom - pure_freedom
    if extra < 1 or pure_freedom < 1 or pure_squares <= 0:
        return None
    f = max((squares - pure_squares) / extra, 0.0) / (pure_squares / pure_freedom)
    p = float(fdtrc(extra, pure_freedom, f))
    return LackOfFit(float(f), p, float(extra), float(pure_freedom))


def student(freedom: float | Floats, level: float = 0.95) -> Floats:
    """Two-sided quantile of Student's t, of the shape of `freedom`."""
    from scipy.special import stdtrit

    return np.asarray(stdtrit(np.maximum(freedom, 1.0), 0.5 + level / 2))


def seed_sigma(table: RunTable) -> tuple[float | None, int, dict[int, tuple[float, int]]]:
    """Standard deviation between runs of one cell and its degrees of freedom: pooled, and by budget index."""
    squares: dict[int, float] = {}
    freedom: dict[int, int] = {}
    for cell in np.flatnonzero(np.bincount(table.repeat) > 1):
        rows = table.repeat == cell
        budget = int(table.budget[rows][0])
        losses = table.loss[rows]
        squares[budget] = squares.get(budget, 0.0) + float(((losses - losses.mean()) ** 2).sum())
        freedom[budget] = freedom.get(budget, 0) + len(losses) - 1
    total = sum(freedom.values())
    by_budget = {b: (float(np.sqrt(squares[b] / freedom[b])), freedom[b]) for b in squares}
    return (float(np.sqrt(sum(squares.values()) / total)) if total else None), total, by_budget


def sigma_interval(freedom: int, level: float = 0.95) -> tuple[float, float]:
    """The interval of σ over its estimate from ν = `freedom` degrees of freedom: ν s²/σ² is χ² with ν of them."""
    from scipy.special import chdtri

    tails = (1 - level) / 2, (1 + level) / 2
    low, high = (math.sqrt(freedom / float(chdtri(freedom, tail))) for tail in tails)
    return low, high


def pooled(values: Sequence[tuple[float, int]]) -> tuple[float, int]:
    """Pool (standard deviation, degrees of freedom) pairs; NaN and 0 where there are none."""
    freedom = sum(count for _, count in values)
    if freedom == 0:
        return float("nan"), 0
    return float(np.sqrt(sum(sigma**2 * count for sigma, count in values) / freedom)), freedom
