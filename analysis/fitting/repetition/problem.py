"""The losses of all runs on one joint-skew surface L(N', D'), for many worths of repetition at once."""

# n runs, G worths, P = 7 parameters of the surface, and 2 more by which the path of best sizes deviates.

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.cost import TokenCost
from analysis.fitting.forms import JOINT_SKEW, Design
from analysis.fitting.repetition.published import Worth
from analysis.fitting.repetition.runs import Filled, Path, Runs, counted, design_of
from analysis.fitting.solver import Rows
from analysis.fitting.surface import priors
from analysis.fitting.valley.posterior import Valley

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

PARAMETERS = len(JOINT_SKEW.prior_mean)
"""Of the surface."""
_STEP = 1e-3
"""Of a deviation, for derivatives."""


@dataclass(frozen=True, eq=False)
class Problem:
    """½ Σ of whitened squared residuals and priors for G worths; a `solver.Problem`.

    Its parameters are those of the surface and two standard normal numbers, the deviation of the path.
    """

    runs: Runs
    """The runs."""
    worth: Worth
    """R* by worth."""
    path: Path
    """Which sizes tokens fill."""
    valley: Valley
    """Whose origins count."""
    cost: TokenCost
    """FLOPs of a token."""
    cell: Floats
    """Which runs are of which cell, shape (n, K)."""
    shrink: Floats
    """Share of its cell's mean that is taken off a run, shape (n,)."""
    mean: Floats
    """Of the prior, shape (P + 2,)."""
    precision: Floats
    """Of the prior in units of the noise variance, shape (P + 2,)."""

    @classmethod
    def of(
        cls, runs: Runs, worth: Worth, path: Path, valley: Valley, cost: TokenCost, *, share: float, sigma: float
    ) -> Problem:
        """`share` is the variance that runs of a cell have in common, over that of one run, sigma²."""
        mean, precision = priors(JOINT_SKEW, runs.loss, sigma)
        cell = np.asarray(runs.cell[:, None] == np.unique(runs.cell)[None], dtype=float)
        shrink = 1 - 1 / np.sqrt(1 + share * (cell @ cell.sum(axis=0)))
        mean, precision = np.append(mean, [0.0, 0.0]), np.append(precision, [sigma**2] * 2)
        return cls(runs, worth, path, valley, cost, cell, shrink, mean, precision)

    def design(self, deviation: Floats, rows: Rows) -> Design:
        """Where the runs (g, n) count as lying for deviations (g, 2) of the path."""
        filled = Filled(*(self.path.at(tokens, deviation) for tokens in (self.runs.log_unique, self.runs.log_tokens)))
        worth = Worth(self.worth.tokens[rows], self.worth.params[rows])
        return design_of(*counted(self.runs, filled, worth), self.valley, self.cost)

    def whitened(self, values: Floats) -> Floats:
        """Runs on axis 1 without the part that their cell shares."""
        means = np.tensordot(self.cell / self.cell.sum(axis=0), values, axes=(0, 1))
        taken = np.moveaxis(np.tensordot(self.cell * self.shrink[:, None], means, axes=(1, 0)), 0, 1)
        return np.asarray(values - taken)

    def residuals(self, theta: Floats, rows: Rows) -> Floats:
        """Losses less the surface's (g, n)."""
        fitted = JOINT_SKEW.value(theta[:, :PARAMETERS], self.design(theta[:, PARAMETERS:], rows))
        return np.asarray(self.runs.loss - fitted)

    def objective(self, theta: Floats, rows: Rows) -> Floats:
        """(g, P + 2) parameters → (g,) objectives."""
        squares = (self.whitened(self.residuals(theta, rows)) ** 2).sum(axis=1)
        return np.asarray(0.5 * squares + 0.5 * ((theta - self.mean) ** 2 @ self.precision))

    def derivatives(self, theta: Floats, rows: Rows) -> tuple[Floats, Floats, Floats]:
        """(g, P + 2) parameters → gradient (g, P + 2), Hessian and metric (g, P + 2, P + 2) each."""
        value, jacobian = JOINT_SKEW.jacobian(theta[:, :PARAMETERS], self.design(theta[:, PARAMETERS:], rows))
        here, steps = self.runs.loss - value, _STEP * np.eye(theta.shape[1])[PARAMETERS:]
        moved = [(here - self.residuals(theta + step, rows)) / _STEP for step in steps]
        rise = self.whitened(np.concatenate([jacobian, np.stack(moved, axis=2)], axis=2))
        residual = self.whitened(here)
        gradient = -np.einsum("gn,gnp->gp", residual, rise) + self.precision * (theta - self.mean)
        hessian = np.matmul(rise.transpose(0, 2, 1), rise) + np.diag(self.precision)
        return gradient, hessian, hessian
