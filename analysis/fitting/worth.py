"""What repetition is worth in a table's own runs: R*_D and R*_N of Muennighoff et al. 2023, and how well known.

Each run of N parameters, D tokens and U different ones counts as one of N' parameters and D' fresh tokens (equations 5
and 6 of the paper), and the losses of all runs, repeated or not, lie on one surface L(N', D'): joint-skew, fitted anew
at every point of a grid of (ln R*_D, ln R*_N). Runs of one budget and size share what the surface cannot say of their
cell, as a random effect, so that runs with the same N and D and fewer different tokens are compared with each other.
Intervals are those of the profile likelihood. Shape legend: n runs, G grid points, P parameters of the surface.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.cost import TokenCost
from analysis.fitting.forms import ADDITIVE, JOINT_SKEW, Design
from analysis.fitting.refused import RefusedError
from analysis.fitting.repetition import EXCESS_PARAMETERS_WORTH, PUBLISHED, REPEATED_TOKENS_WORTH, Worth, diminished
from analysis.fitting.solver import Rows, minimise
from analysis.fitting.starts import additive_start, joint_skew_starts
from analysis.fitting.surface import fit_form, priors
from analysis.fitting.valley.posterior import Valley
from analysis.table.repeats import repeats
from analysis.table.table import RunTable

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

LEAST_PASSES = 1.5
"""A run teaches something about repetition from so many passes over its tokens on."""
FEWEST = 4
"""Fewest runs that do."""
TOKENS_RANGE = (0.1, 1000.0)
"""R*_D that are looked at: from a repeated token that is worth nothing to one that is as good as new."""
PARAMS_RANGE = (0.1, 300.0)
"""R*_N that are looked at."""
WEAK = float(np.log(4))
"""Standard deviation of ln R* about the published values where another quantity than it is estimated, and in draws."""
LEVEL = 0.95
"""Coverage of the intervals."""


@dataclass(frozen=True)
class OwnWorth:
    """One R*, as a table's own runs give it."""

    value: float
    """The most likely one."""
    low: float | None
    """Lower end of its 95 % interval; None where the runs do not bound it from below."""
    high: float | None
    """Upper end; None where the runs do not bound it from above."""

    @property
    def known(self) -> bool:
        """Whether the runs bound it at all."""
        return self.low is not None or self.high is not None


@dataclass(frozen=True, eq=False)
class FittedWorth:
    """What a table's own runs say of the worth of repetition."""

    tokens: OwnWorth
    """R*_D."""
    params: OwnWorth
    """R*_N."""
    runs: int
    """Runs that repeat tokens."""
    epochs: float
    """Most passes of a run over its tokens."""
    grid: Floats
    """ln R*_D and ln R*_N of each point, shape (G, 2)."""
    weights: Floats
    """Probability of each point, shape (G,): the likelihood times a weak prior about the published values."""
    spacing: Floats
    """Between neighbouring points, shape (2,)."""

    @property
    def best(self) -> Worth:
        """The most likely worth."""
        return Worth(np.array([[self.tokens.value]]), np.array([[self.params.value]]))

    def drawn(self, count: int, generator: np.random.Generator) -> Worth:
        """Draws of what the worth may be."""
        chosen = generator.choice(len(self.weights), size=count, p=self.weights)
        logs = self.grid[chosen] + self.spacing * generator.uniform(-0.5, 0.5, (count, 2))
        return Worth(np.exp(logs[:, :1]), np.exp(logs[:, 1:]))


@dataclass(frozen=True, eq=False)
class Runs:
    """All runs of a table, those set aside behind its own; arrays of shape (n,)."""

    log_params: Floats
    """ln N."""
    log_tokens: Floats
    """ln D."""
    log_unique: Floats
    """ln U."""
    loss: Floats
    """Final loss."""
    cell: Labels
    """Index of budget and size."""

    @classmethod
    def of(cls, table: RunTable) -> Runs:
        """The runs of a table some of which repeat tokens."""
        assert table.unique is not None
        parts = [(table.params, table.tokens, table.unique, table.loss, table.budget, table.size)]
        if table.aside is not None:
            aside = table.aside
            parts.append((aside.params, aside.tokens, aside.unique, aside.loss, aside.budget, aside.size))
        params, tokens, unique, loss, budget, size = (np.concatenate(column) for column in zip(*parts, strict=True))
        cell = np.unique(np.stack([budget, size]), axis=1, return_inverse=True)[1].ravel()
        unique = np.where(repeats(tokens, unique), unique, tokens)
        return cls(np.log(params), np.log(tokens), np.log(unique), loss, cell)

    def select(self, rows: NDArray[np.bool_]) -> Runs:
        """The runs of a mask (n,)."""
        columns = (self.log_params, self.log_tokens, self.log_unique, self.loss, self.cell)
        return Runs(*(column[rows] for column in columns))

    @property
    def passes(self) -> Floats:
        """D/U, shape (n,)."""
        return np.exp(self.log_tokens - self.log_unique)


@dataclass(frozen=True, eq=False)
class Filled:
    """ln of the sizes that a run's tokens fill, for which these tokens are compute-optimal; arrays of shape (n,)."""

    unique: Floats
    """By the different tokens U."""
    tokens: Floats
    """By all D, if they were fresh."""

    @classmethod
    def of(cls, runs: Runs, valley: Valley, cost: TokenCost) -> Filled:
        """By a valley's mean path."""
        c = np.linspace(-25, 25, 2001)
        log_n = valley.form.path(valley.mean[None], c)[0] + valley.origin.n
        log_d = np.maximum.accumulate(c + valley.origin.c - log_n - cost.log_k(log_n))
        return cls(*(np.interp(tokens, log_d, log_n) for tokens in (runs.log_unique, runs.log_tokens)))


def counted(runs: Runs, filled: Filled, worth: Worth) -> tuple[Floats, Floats]:
    """ln N' and ln D', (G, n) each, for worths (G, 1).

    Of a model larger than its D could fill if they were fresh, only what repetition adds to that excess is discounted:
    what a run on fresh tokens loses by its size is in the law already.
    """
    params, already = (diminished(runs.log_params, at, worth.params)[0] for at in (filled.unique, filled.tokens))
    return runs.log_params + params - already, diminished(runs.log_tokens, runs.log_unique, worth.tokens)[0]


def design_of(log_params: Floats, log_tokens: Floats, valley: Valley, cost: TokenCost) -> Design:
    """Models of ln N and ln D (G, n) in a valley's centred logarithms."""
    origin, log_c = valley.origin, log_params + cost.log_k(log_params) + log_tokens
    return Design(log_params - origin.n, log_tokens - origin.d, log_c - origin.c)


@dataclass(frozen=True, eq=False)
class _Problem:
    """½ Σ of whitened squared residuals and priors at each point of a grid; a `solver.Problem`."""

    design: Design
    """Arrays (G, n)."""
    losses: Floats
    """Shape (n,)."""
    cell: Floats
    """Which runs are of which cell, shape (n, K)."""
    shrink: Floats
    """Share of its cell's mean that is taken off a run, shape (n,)."""
    mean: Floats
    """Of the prior, shape (P,)."""
    precision: Floats
    """Of the prior in units of the noise variance, shape (P,)."""

    def _at(self, rows: Rows) -> Design:
        return Design(self.design.x[rows], self.design.y[rows], self.design.c[rows])

    def whitened(self, values: Floats) -> Floats:
        """Runs on axis 1 without the part that their cell shares."""
        means = np.tensordot(self.cell / self.cell.sum(axis=0), values, axes=(0, 1))
        taken = np.moveaxis(np.tensordot(self.cell * self.shrink[:, None], means, axes=(1, 0)), 0, 1)
        return np.asarray(values - taken)

    def residuals(self, theta: Floats, rows: Rows) -> Floats:
        """Losses less the surface's (g, n)."""
        return np.asarray(self.losses - JOINT_SKEW.value(theta, self._at(rows)))

    def objective(self, theta: Floats, rows: Rows) -> Floats:
        """(g, P) parameters → (g,) objectives."""
        squares = (self.whitened(self.residuals(theta, rows)) ** 2).sum(axis=1)
        return np.asarray(0.5 * squares + 0.5 * ((theta - self.mean) ** 2 @ self.precision))

    def derivatives(self, theta: Floats, rows: Rows) -> tuple[Floats, Floats, Floats]:
        """(g, P) parameters → gradient (g, P), Hessian and metric (g, P, P) each."""
        value, jacobian = JOINT_SKEW.jacobian(theta, self._at(rows))
        residual, rise = self.whitened(self.losses - value), self.whitened(jacobian)
        gradient = -np.einsum("gn,gnp->gp", residual, rise) + self.precision * (theta - self.mean)
        hessian = np.matmul(rise.transpose(0, 2, 1), rise) + np.diag(self.precision)
        return gradient, hessian, hessian


@dataclass(frozen=True, eq=False)
class _Grid:
    """Points (ln R*_D, ln R*_N), and what the runs say of each."""

    tokens: Floats
    """ln R*_D, ascending, shape (A,)."""
    params: Floats
    """ln R*_N, ascending, shape (B,)."""

    @property
    def points(self) -> Floats:
        """Shape (A B, 2)."""
        return np.stack(np.meshgrid(self.tokens, self.params, indexing="ij"), axis=-1).reshape(-1, 2)

    @property
    def worth(self) -> Worth:
        """The same as a worth."""
        return Worth(np.exp(self.points[:, :1]), np.exp(self.points[:, 1:]))

    def around(self, deviance: Floats, reach: float) -> _Grid:
        """A finer grid of the points whose deviance (A B,) from the best is below `reach`, and one step beyond them."""
        near = deviance.reshape(len(self.tokens), len(self.params)) < reach
        return _Grid(_finer(self.tokens, near.any(axis=1), _FINE[0]), _finer(self.params, near.any(axis=0), _FINE[1]))


_COARSE, _FINE = (23, 11), (25, 17)
"""Points of the grid by R*_D and R*_N: of the whole range, and of what is near the best."""
_NEAR = 16.0
"""Deviance from the best up to which the finer grid reaches: four standard errors."""
_OUTLYING = 8.0
"""Runs farther off than this many robust standard deviations say nothing of repetition."""


def _finer(places: Floats, near: NDArray[np.bool_], count: int) -> Floats:
    at = np.flatnonzero(near)
    return np.linspace(places[max(at[0] - 1, 0)], places[min(at[-1] + 1, len(places) - 1)], count)


def fit_worth(table: RunTable, valley: Valley, cost: TokenCost) -> FittedWorth | None:
    """What a table's own runs say of repetition; None where they say nothing: too few repeat, or by too little.

    `valley` is that of the runs on fresh tokens: it gives the size that so many different tokens can fill.
    """
    runs = Runs.of(table)
    if (runs.passes >= LEAST_PASSES).sum() < FEWEST:
        return None
    try:
        fit = _Fit.of(runs, valley, cost)
    except (RefusedError, np.linalg.LinAlgError):
        return None
    squares = fit.squares
    freedom = max(len(fit.runs.loss) - len(JOINT_SKEW.prior_mean) - 2, 1)
    deviance = freedom * (squares / squares.min() - 1)
    log_prior = -0.5 * ((fit.grid.points - _PUBLISHED) / WEAK) ** 2
    found = [_own(fit.grid, deviance, log_prior, axis, freedom) for axis in (0, 1)]
    if not found[0].known:
        return None
    logs = -0.5 * (freedom + 1) * np.log1p(deviance / freedom) + log_prior.sum(axis=1)
    weights = np.exp(logs - logs.max())
    grid = fit.grid
    return FittedWorth(
        *found,
        runs=int(repeats(runs.passes, np.ones(len(runs.loss))).sum()),
        epochs=float(runs.passes.max()),
        grid=grid.points,
        weights=weights / weights.sum(),
        spacing=np.array([grid.tokens[1] - grid.tokens[0], grid.params[1] - grid.params[0]]),
    )


_PUBLISHED = np.log([REPEATED_TOKENS_WORTH, EXCESS_PARAMETERS_WORTH])


def _own(grid: _Grid, deviance: Floats, log_prior: Floats, axis: int, freedom: int) -> OwnWorth:
    """One R* by its profile: the other at its most likely, held weakly to what was published."""
    from scipy.interpolate import CubicSpline
    from scipy.special import fdtri

    held = (deviance - 2 * log_prior[:, 1 - axis]).reshape(len(grid.tokens), len(grid.params))
    profile, places = held.min(axis=1 - axis), (grid.tokens, grid.params)[axis]
    fine = np.linspace(places[0], places[-1], 2001)
    along = CubicSpline(places, profile)(fine)
    inside = np.flatnonzero(along - along.min() <= fdtri(1, freedom, LEVEL))
    ends = np.log((TOKENS_RANGE, PARAMS_RANGE)[axis])
    low, high = float(fine[inside[0]]), float(fine[inside[-1]])
    margin = 1e-9
    return OwnWorth(
        float(np.exp(fine[int(along.argmin())])),
        None if low <= ends[0] + margin else float(np.exp(low)),
        None if high >= ends[1] - margin else float(np.exp(high)),
    )


@dataclass(frozen=True, eq=False)
class _Fit:
    """The surface fitted at every point of a grid."""

    runs: Runs
    """The runs that it is fitted to."""
    grid: _Grid
    """The points."""
    squares: Floats
    """Whitened squared residuals and priors at each, shape (G,)."""
    theta: Floats
    """Parameters at each, shape (G, P)."""

    @classmethod
    def of(cls, runs: Runs, valley: Valley, cost: TokenCost) -> _Fit:
        """Fit on the whole range, learn how much runs of a cell share, then fit nearer the best."""
        filled = Filled.of(runs, valley, cost)
        whole = _Grid(np.linspace(*np.log(TOKENS_RANGE), _COARSE[0]), np.linspace(*np.log(PARAMS_RANGE), _COARSE[1]))
        start, sigma = _start(design_of(*counted(runs, filled, PUBLISHED), valley, cost), valley, runs.loss)
        share = 0.0
        theta = np.repeat(start, len(whole.points), axis=0)
        for turn in range(2):
            problem = _problem(runs, design_of(*counted(runs, filled, whole.worth), valley, cost), share, sigma)
            theta, objective = minimise(problem, theta, iterations=40, tolerance=1e-7)
            best = int(np.nanargmin(objective))
            residual = problem.residuals(theta[[best]], np.array([best]))[0]
            if turn == 0:
                scale = 1.4826 * float(np.median(np.abs(residual - np.median(residual))))
                kept = np.abs(residual) <= _OUTLYING * max(scale, sigma)
                runs, residual = runs.select(kept), residual[kept]
                filled = Filled.of(runs, valley, cost)
                share = _share(residual, runs.cell)
        deviance = len(runs.loss) * (2 * objective / (2 * objective[best]) - 1)
        near = whole.around(np.nan_to_num(deviance, nan=np.inf), _NEAR)
        nearest = np.abs(near.points[:, None] - whole.points[None]).sum(axis=2).argmin(axis=1)
        problem = _problem(runs, design_of(*counted(runs, filled, near.worth), valley, cost), share, sigma)
        theta, objective = minimise(problem, theta[nearest], iterations=60, tolerance=1e-9)
        return cls(runs, near, 2 * objective, theta)


def _start(design: Design, valley: Valley, losses: Floats) -> tuple[Floats, float]:
    """Parameters (1, P) with repetition at its published worth, and the scatter about them. Raises RefusedError."""
    at = Design(*(column[0] for column in (design.x, design.y, design.c)))
    rough = 0.01 * float(np.ptp(losses))
    additive = fit_form(ADDITIVE, at, valley.origin, losses, additive_start(at, losses), rough)
    fit = fit_form(JOINT_SKEW, at, valley.origin, losses, joint_skew_starts(additive.theta, at, losses), rough)
    sigma = float(np.sqrt((fit.residuals**2).sum() / max(fit.freedom, 1)))
    return fit.theta[None], max(sigma, 1e-6 * float(np.abs(losses).mean()))


def _problem(runs: Runs, design: Design, share: float, sigma: float) -> _Problem:
    mean, precision = priors(JOINT_SKEW, runs.loss, sigma)
    cell = np.asarray(runs.cell[:, None] == np.unique(runs.cell)[None], dtype=float)
    counts = cell @ cell.sum(axis=0)
    return _Problem(design, runs.loss, cell, 1 - 1 / np.sqrt(1 + share * counts), mean, precision)


def _share(residual: Floats, cell: Labels) -> float:
    """Variance between cells over that of runs of one cell, by analysis of variance; residuals and cells (n,)."""
    _, at, counts = np.unique(cell, return_inverse=True, return_counts=True)
    means = np.bincount(at, residual) / counts
    within, between = float(((residual - means[at]) ** 2).sum()), float(counts @ means**2)
    freedom = len(residual) - len(counts)
    if freedom < 1 or within <= 0:
        return 0.0
    within /= freedom
    return max(0.0, (between / len(counts) - within) / (within * float(counts.mean())))
