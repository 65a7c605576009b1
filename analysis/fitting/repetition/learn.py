"""What repetition is worth in a table's own runs: R*_D and R*_N of Muennighoff et al. 2023, and how well known.

Each run of N parameters, D tokens and U different ones counts as one of N' parameters and D' fresh tokens (equations 5
and 6 of the paper), and the losses of all runs, repeated or not, lie on one surface L(N', D'): joint-skew, fitted anew
at every point of a grid of (ln R*_D, ln R*_N). Runs of one budget and size share what the surface cannot say of their
cell, as a random effect, so that runs with the same N and D and fewer different tokens are compared with each other.
Intervals are those of the profile likelihood. Shape legend: n runs, G grid points, P parameters of the surface.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.cost import TokenCost
from analysis.fitting.forms import ADDITIVE, JOINT_SKEW, Design
from analysis.fitting.refused import RefusedError
from analysis.fitting.repetition.own import FittedWorth, OwnWorth
from analysis.fitting.repetition.problem import Problem
from analysis.fitting.repetition.published import EXCESS_PARAMETERS_WORTH, PUBLISHED, REPEATED_TOKENS_WORTH, Worth
from analysis.fitting.repetition.runs import Filled, Path, Runs, counted, design_of
from analysis.fitting.solver import minimise
from analysis.fitting.starts import additive_start, joint_skew_starts
from analysis.fitting.surface import fit_form
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
        return _Grid(
            _finer(self.tokens, np.flatnonzero(np.any(near, axis=1)), _FINE[0]),
            _finer(self.params, np.flatnonzero(np.any(near, axis=0)), _FINE[1]),
        )


_COARSE, _FINE = (23, 11), (25, 17)
"""Points of the grid by R*_D and R*_N: of the whole range, and of what is near the best."""
_NEAR = 16.0
"""Deviance from the best up to which the finer grid reaches: four standard errors."""
_OUTLYING = 4.0
"""Runs farther off than this many standard deviations are not described by R*: they are left out and told."""
_ROUNDS = 6
"""Of leaving out runs and taking them in again."""


def _finer(places: Floats, near: Labels, count: int) -> Floats:
    return np.linspace(places[max(near[0] - 1, 0)], places[min(near[-1] + 1, len(places) - 1)], count)


def _between(ends: tuple[float, float], count: int) -> Floats:
    """Logarithms from one end to the other."""
    return np.log(np.geomspace(*ends, count))


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
    freedom, deviance = fit.freedom, _deviance(fit.squares, fit.freedom)
    log_prior = -0.5 * ((fit.grid.points - _PUBLISHED) / WEAK) ** 2
    found = [_own(fit.grid, deviance, log_prior, axis, freedom) for axis in (0, 1)]
    if not found[0].known:
        return None
    logs = -0.5 * (freedom + 1) * np.log1p(deviance / freedom) + log_prior.sum(axis=1)
    weights = np.exp(logs - logs.max())
    grid = fit.grid
    again = int(repeats(runs.passes, np.ones(len(runs.loss))).sum())
    described = int(repeats(fit.runs.passes, np.ones(len(fit.runs.loss))).sum())
    if described < max(FEWEST, again / 2):
        return None
    return FittedWorth(
        tokens=found[0],
        params=found[1],
        runs=again,
        epochs=float(fit.runs.passes.max()),
        worse=fit.worse,
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

    grid: _Grid
    """The points."""
    squares: Floats
    """Whitened squared residuals and priors at each, shape (G,)."""
    freedom: int
    """Degrees of freedom of the residuals."""
    runs: Runs
    """The runs that one R* can describe."""
    worse: Floats
    """N/U, passes and the loss above what R* says of the others, shape (k, 3)."""

    @classmethod
    def of(cls, runs: Runs, valley: Valley, cost: TokenCost) -> _Fit:
        """Fit on the whole range, learn how much runs of a cell share, then fit nearer the best."""
        path = Path.of(runs, valley, cost)
        whole = _Grid(_between(TOKENS_RANGE, _COARSE[0]), _between(PARAMS_RANGE, _COARSE[1]))
        at = counted(runs, Filled.of(runs, path), PUBLISHED)
        kept = _mildest(runs, *at)
        start, sigma = _start(design_of(*at, valley, cost), valley, runs, kept)
        theta, share = np.repeat(start, len(whole.points), axis=0), 0.0
        problem = partial(Problem.of, path=path, valley=valley, cost=cost)
        for _ in range(_ROUNDS):
            chosen = runs.select(kept)
            theta, objective = minimise(
                problem(chosen, whole.worth, share=share, sigma=sigma), theta, iterations=40, tolerance=1e-7
            )
            best = np.array([int(np.nanargmin(objective))])
            residual = problem(runs, whole.worth, share=share, sigma=sigma).residuals(theta[best], best)[0]
            sigma = float(np.sqrt(2 * objective[best[0]] / max(len(chosen.loss) - theta.shape[1] - 2, 1)))
            share = _share(residual[kept], runs.cell[kept])
            before, kept = kept, np.abs(residual) <= _OUTLYING * sigma * np.sqrt(1 + share)
            if (before == kept).all():
                break
        chosen = runs.select(kept)
        near = whole.around(_deviance(objective, len(chosen.loss)), _NEAR)
        nearest = np.abs(near.points[:, None] - whole.points[None]).sum(axis=2).argmin(axis=1)
        theta, objective = minimise(
            problem(chosen, near.worth, share=share, sigma=sigma), theta[nearest], iterations=60, tolerance=1e-9
        )
        worse = np.stack([np.exp(runs.log_params - runs.log_unique), runs.passes, residual], axis=1)
        freedom = max(len(chosen.loss) - theta.shape[1] - 2, 1)
        return cls(near, 2 * objective, freedom, chosen, worse[~kept & (residual > 0)])


def _mildest(runs: Runs, log_params: Floats, log_tokens: Floats) -> NDArray[np.bool_]:
    """The runs on fresh tokens and the half of the others (n,) that the published worth discounts least."""
    discount = (runs.log_params - log_params + runs.log_tokens - log_tokens)[0]
    again = runs.log_tokens > runs.log_unique
    return np.asarray(~again | (discount <= np.median(discount[again])))


def _deviance(objective: Floats, freedom: int) -> Floats:
    """How much less likely each point is than the best; infinite where it could not be fitted."""
    return np.nan_to_num(freedom * (objective / np.nanmin(objective) - 1), nan=np.inf)


def _start(design: Design, valley: Valley, runs: Runs, kept: NDArray[np.bool_]) -> tuple[Floats, float]:
    """Parameters (1, P + 2) with repetition at its published worth, and the scatter. Raises RefusedError."""
    at, losses = Design(*(column[0, kept] for column in (design.x, design.y, design.c))), runs.loss[kept]
    rough = 0.01 * float(np.ptp(losses))
    additive = fit_form(ADDITIVE, at, valley.origin, losses, additive_start(at, losses), rough)
    fit = fit_form(JOINT_SKEW, at, valley.origin, losses, joint_skew_starts(additive.theta, at, losses), rough)
    sigma = float(np.sqrt((fit.residuals**2).sum() / max(fit.freedom, 1)))
    return np.append(fit.theta, [0.0, 0.0])[None], max(sigma, 1e-6 * float(np.abs(losses).mean()))


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
