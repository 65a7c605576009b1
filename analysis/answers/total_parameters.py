"""Whether parameters that a token does not use count: one law over models with different numbers of experts."""

# Shape legend: n cells (runs of one model and budget), B fits at once, 6 parameters a, b, e, α, β, s.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.answers.counts import Counts
from analysis.fitting.interval import student
from analysis.fitting.solver import minimise
from analysis.fitting.starts import additive_start
from analysis.fitting.surface import Origin
from analysis.records import Interval, LawError
from analysis.table.table import RunTable

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

ROUTED = ("experts", "active")
"""Axes along which a model has more parameters, while a token uses as many."""
FREEDOM_MIN = 4
"""Fewest cells beyond the six parameters."""
LEAST_RATIO = 1.05
"""Least ratio of all parameters at which there is a second coordinate at all."""
_STARTS = (0.0, 0.5, 1.0)
"""Weights from which the fit begins."""


@dataclass(frozen=True)
class TotalParameters:
    """A law in active parameters N with all parameters as the second coordinate.

    L = E + A / (N · r^s)^α + B / D^β, with r a model's total parameters over those of the baseline's model of the same
    N: the effective size of Clark et al. 2022 (2202.01169) without its interaction, in the surface of Hoffmann et al.
    2022.
    """

    baseline: str
    """The value of the axis to whose models' parameters r refers."""
    weight: float
    """s: 0 where active parameters alone count, 1 where every parameter does."""
    interval: Interval
    """95 % interval of s, by the scatter of the cells about the law."""
    cells: int
    """Cells that were fitted: the mean of the seeds of a model at a budget."""
    largest_ratio: float
    """Largest r among them."""
    scatter: float
    """Standard deviation of ln L about the law."""
    parameters: dict[str, float]
    """E, A, B, α and β by their symbols."""


def total_parameters(baseline: str, models: Sequence[tuple[RunTable, Counts]]) -> TotalParameters:
    """Fit one law to the runs of several values of an axis; the first are those of the value `baseline`.

    Raises LawError where the runs have no such ratio, are too few, or do not tell.
    """
    base = models[0][1]
    cells = np.concatenate([_cells(table, counts, base) for table, counts in models])
    log_ratio, log_loss = cells[:, 3], np.log(cells[:, 2])
    if float(np.ptp(log_ratio)) < np.log(LEAST_RATIO):
        raise LawError("models of one N have as many parameters in all: there is no second coordinate")
    if len(cells) < 6 + FREEDOM_MIN:
        raise LawError(f"{len(cells)} cells; a law of six parameters needs at least {6 + FREEDOM_MIN}")
    params, tokens = np.exp(cells[:, 0]), np.exp(cells[:, 1])
    origin = Origin.of(params, tokens, params * tokens)
    design = origin.design(params, tokens, params * tokens)
    problem = _Pooled(design.x, design.y, log_ratio, log_loss)
    floor, a, log_alpha, b, log_beta = additive_start(design, cells[:, 2], 19)[0]
    first = [a, b, np.log(max(floor, 1e-3 * float(cells[:, 2].min()))), np.exp(log_alpha), np.exp(log_beta)]
    with np.errstate(over="ignore", invalid="ignore"):
        thetas, objectives = minimise(problem, np.array([[*first, weight] for weight in _STARTS]))
    theta = thetas[int(np.nanargmin(objectives))][None]
    residual, jacobian = (part[0] for part in problem.linear(theta))
    freedom = len(cells) - 6
    variance = float(residual @ residual) / freedom
    covariance = variance * np.linalg.pinv(jacobian.T @ jacobian, hermitian=True)
    half = float(student(freedom)) * float(np.sqrt(covariance[5, 5]))
    a, b, e, alpha, beta, weight = map(float, theta[0])
    if not (np.isfinite([weight, half]).all() and alpha > 0 and half > 0):
        raise LawError("the runs do not tell whether parameters that a token does not use count")
    return TotalParameters(
        baseline=baseline,
        weight=weight,
        interval=Interval(weight - half, weight + half),
        cells=len(cells),
        largest_ratio=float(np.exp(log_ratio.max())),
        scatter=float(np.sqrt(variance)),
        parameters={
            "E": float(np.exp(e)),
            "A": float(np.exp(a + alpha * origin.n)),
            "B": float(np.exp(b + beta * origin.d)),
            "alpha": alpha,
            "beta": beta,
        },
    )


def _cells(table: RunTable, counts: Counts, base: Counts) -> Floats:
    """ln N, ln D, mean loss and ln r of each cell, (n, 4): seeds of one cell share what no law explains."""
    rows = []
    for cell in np.unique(table.repeat):
        at = table.repeat == cell
        params = float(table.params[at].mean())
        ratio = counts.at(params)["params_total"] / base.at(params)["params_total"]
        rows.append((np.log(params), np.log(table.tokens[at]).mean(), table.loss[at].mean(), np.log(ratio)))
    return np.array(rows)


@dataclass(frozen=True)
class _Pooled:
    """½ Σ (ln L − ln law)², a `solver.Problem` whose Hessian is Gauss-Newton's."""

    x: Floats
    """Centred ln N, shape (n,)."""
    y: Floats
    """Centred ln D, shape (n,)."""
    log_ratio: Floats
    """ln r, shape (n,)."""
    log_loss: Floats
    """ln L, shape (n,)."""

    def objective(self, theta: Floats, rows: Rows) -> Floats:
        """(b, 6) parameters → (b,) objectives; see `solver.Problem`."""
        return np.asarray(0.5 * (self.linear(theta)[0] ** 2).sum(axis=1))

    def derivatives(self, theta: Floats, rows: Rows) -> tuple[Floats, Floats, Floats]:
        """(b, 6) parameters → gradient, Hessian and metric; see `solver.Problem`."""
        residual, jacobian = self.linear(theta)
        hessian = np.matmul(jacobian.transpose(0, 2, 1), jacobian)
        return -np.matmul(residual[:, None, :], jacobian)[:, 0], hessian, hessian

    def linear(self, theta: Floats) -> tuple[Floats, Floats]:
        """(b, 6) parameters → residuals (b, n), and the derivatives of ln law (b, n, 6)."""
        a, b, e, alpha, beta, weight = theta.T[..., None]
        size = self.x + weight * self.log_ratio
        one, two, three = np.exp(a - alpha * size), np.exp(b - beta * self.y), np.exp(e + 0 * size)
        total = one + two + three
        p1, p2 = one / total, two / total
        by = (p1, p2, three / total, -p1 * size, -p2 * self.y, -p1 * alpha * self.log_ratio)
        return self.log_loss - np.log(total), np.stack(by, axis=2)
