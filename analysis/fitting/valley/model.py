"""What one table's losses are made of: the drifting valley, and what its budgets and sizes share.

Shape legend: n cells (runs that differ by their seed alone count as one), K budgets with effects of their own, S groups
of runs that share a size or a trunk, M steps of each walk that the runs inform, P parameters in all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.forms import bent
from analysis.fitting.interval import indicator
from analysis.fitting.surface import Origin
from analysis.fitting.valley.form import FIXED, Height, ValleyForm, ValleyTheta, derivatives, height, off_additive
from analysis.fitting.valley.hyper import Scales
from analysis.fitting.valley.rows import Rows, Sparse, Whole
from analysis.fitting.valley.walk import Walk
from analysis.table.table import RunTable

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

MOST_EFFECTS = 24
"""Budgets with effects of their own: where there are more, those with the most runs."""
MOST_GROUPS = 48
"""Groups of runs that share a size or a trunk: where there are more, the largest."""
MANY = 60_000
"""Cells times parameters from which the zeros among the derivatives are left out (`rows`)."""

BLOCKS = ("fixed", "path", "floor", "offset", "tilt", "left", "right", "size")
"""The parameters by kind, in their order."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What one vector of parameters says of the cells."""

    loss: Floats
    """Shape (n,)."""
    height: Floats
    """Above the valley's floor, shape (n,)."""
    rows: Rows
    """d loss / d parameters of the cells."""
    off: float
    """How far the valley is from an additive one."""
    off_row: Floats
    """d off / d parameters, shape (P,)."""


@dataclass(frozen=True, eq=False)
class ValleyModel:
    """The cells of one table and how their losses depend on the parameters."""

    form: ValleyForm
    """The valley without the effects of single budgets and sizes."""
    origin: Origin
    """Origins of the centred logarithms."""
    x: Floats
    """ln N − origin, shape (n,)."""
    c: Floats
    """ln C − origin, shape (n,)."""
    loss: Floats
    """Mean loss of each cell, shape (n,)."""
    repeats: Floats
    """Runs of each cell, shape (n,)."""
    steps: Floats
    """From the walks' steps to their values at the cells, shape (n, M)."""
    budgets: Floats
    """Which cells are of which budget with effects, shape (n, K)."""
    tilts: Floats
    """The same, times ln N about the budget's mean in units of its spread over all budgets, shape (n, K)."""
    groups: Floats
    """Which cells share a size or a trunk, shape (n, S)."""
    log_budgets: Floats
    """ln C − origin of the budgets with effects, shape (K,)."""
    tilt_centres: Floats
    """Mean ln N − origin of these budgets' cells, shape (K,)."""
    tilt_spread: float
    """Spread of ln N about these."""
    log_sizes: Floats
    """ln N − origin of the groups, shape (S,)."""

    @classmethod
    def of(cls, table: RunTable, origin: Origin) -> ValleyModel:
        """Average the repeats and lay out what the cells share."""
        _, first, cell = np.unique(table.repeat, return_index=True, return_inverse=True)
        counts = np.bincount(cell).astype(float)
        loss = np.bincount(cell, table.loss) / counts
        x = np.bincount(cell, np.log(table.params)) / counts - origin.n
        c = np.bincount(cell, np.log(table.flops)) / counts - origin.c
        log_budgets = np.log(table.budgets) - origin.c
        walk = Walk.through(log_budgets)
        budget = _most_frequent(table.budget[first], MOST_EFFECTS)
        centres = (budget.T @ x) / budget.sum(axis=0)
        centred = x - budget @ centres
        within = budget.any(axis=1)
        spread = max(float(centred[within].std()), 1e-9)
        groups = np.hstack([_shared(labels[first]) for labels in (table.size, table.trunk)])
        groups = groups[:, np.sort(np.unique([column.tobytes() for column in groups.T], return_index=True)[1])]
        groups = groups[:, np.argsort(-groups.sum(axis=0), kind="stable")[:MOST_GROUPS]]
        return cls(
            form=ValleyForm(walk),
            origin=origin,
            x=x,
            c=c,
            loss=loss,
            repeats=counts,
            steps=walk.rows(c)[:, : walk.inside],
            budgets=budget,
            tilts=budget * (centred / spread)[:, None],
            groups=groups,
            log_budgets=(budget.T @ log_budgets[table.budget[first]]) / budget.sum(axis=0),
            tilt_centres=centres,
            tilt_spread=spread,
            log_sizes=(groups.T @ x) / np.maximum(groups.sum(axis=0), 1),
        )

    @cached_property
    def blocks(self) -> Mapping[str, slice]:
        """Where the parameters of each kind are."""
        inside, effects = self.form.walk.inside, self.budgets.shape[1]
        sizes = (FIXED, inside, inside, effects, effects, effects, effects, self.groups.shape[1])
        ends = np.concatenate([[0], np.cumsum(sizes)]).tolist()
        return {name: slice(low, high) for name, (low, high) in zip(BLOCKS, pairwise(ends), strict=True)}

    @property
    def parameters(self) -> int:
        """P."""
        return int(self.blocks["size"].stop)

    def predict(self, beta: Floats) -> Prediction:
        """Losses, heights and derivatives at parameters (P,)."""
        theta, walked, above = self._above(beta)
        common = (
            derivatives(theta, self.c, walked, above),
            -above.along[:, None] * self.steps,
            np.exp(theta.log_slope) * self.steps,
        )
        off, along = off_additive(theta)
        row = np.zeros(self.parameters)
        row[self.blocks["fixed"]] = along
        losses = self._loss(beta, theta, walked, above)
        return Prediction(losses, above.height, self._rows(common, above), off, row)

    def _rows(self, common: tuple[Floats, ...], above: Height) -> Rows:
        """The derivatives: those by what all cells have in `common`, and those by what budgets and sizes share."""
        if len(self.c) * self.parameters < MANY:
            sides = (above.by_p[:, None] * self.budgets, above.by_q[:, None] * self.budgets)
            return Whole(np.concatenate([*common, self.budgets, self.tilts, *sides, self.groups], axis=1))
        places, values = self._touched
        values = values.copy()
        values[:, 2] *= above.by_p
        values[:, 3] *= above.by_q
        effects = self.parameters - self.blocks["offset"].start
        return Sparse(np.concatenate(common, axis=1), places, values, effects)

    @cached_property
    def _touched(self) -> tuple[Labels, Floats]:
        """Places among the effects of those that touch each cell, (n, R), and their shares of it, (n, R).

        First offset, tilt, left and right of the cell's budget, then its size and trunk.
        """
        count = self.budgets.shape[1]
        budget, within = self.budgets.argmax(axis=1), self.budgets.sum(axis=1)
        shares: list[Floats] = [within, (self.tilts * self.budgets).sum(axis=1), within, within]
        places: list[Labels] = [budget + kind * count for kind in range(len(shares))]
        left = self.groups.copy()
        for _ in range(int(left.sum(axis=1).max(initial=0))):
            group = left.argmax(axis=1)
            shares.append(left[np.arange(len(left)), group])
            left[np.arange(len(left)), group] = 0
            places.append(group + len(BLOCKS[3:-1]) * count)
        return np.stack(places, axis=1), np.stack(shares, axis=1)

    def off_additive(self, beta: Floats) -> float:
        """How far the valley of parameters (P,) is from an additive one."""
        return off_additive(ValleyTheta(*beta[self.blocks["fixed"]].tolist()))[0]

    def losses(self, beta: Floats) -> Floats:
        """Losses (n,) at parameters (P,)."""
        return self._loss(beta, *self._above(beta))

    def _above(self, beta: Floats) -> tuple[ValleyTheta, Floats, Height]:
        """The named parameters, the walk of the floor (n,), and the heights above it."""
        at = self.blocks
        theta = ValleyTheta(*beta[at["fixed"]].tolist())
        left, right = self.budgets @ beta[at["left"]], self.budgets @ beta[at["right"]]
        sides = theta._replace(log_p=theta.log_p + left, log_q=theta.log_q + right)
        u = self.x - theta.n0 - theta.exponent * self.c - self.steps @ beta[at["path"]]
        return theta, self.steps @ beta[at["floor"]], height(sides, u, self.c)

    def _loss(self, beta: Floats, theta: ValleyTheta, walked: Floats, above: Height) -> Floats:
        at = self.blocks
        shared = self.budgets @ beta[at["offset"]] + self.tilts @ beta[at["tilt"]] + self.groups @ beta[at["size"]]
        floor = theta.level - np.exp(theta.log_slope) * (bent(np.asarray(theta.flattening), self.c)[0] - walked)
        return np.asarray(floor + above.height + shared)

    def variances(self, scales: Scales, above: Floats, repeated: Floats) -> tuple[Floats, Floats]:
        """Variance of the cells' losses by noise and by misfit, (n,) each, at heights (n,) above the floor.

        `repeated` (n,) is the share of the noise that is left of it in the mean of a cell's repeats.
        """
        return np.exp(2 * scales.noise) * repeated, np.exp(2 * scales.misfit) * above**2


def _most_frequent(labels: Labels, most: int) -> Floats:
    """Which rows (n,) carry which label, (n, K) for the K most frequent labels in their order."""
    every = indicator(labels)
    return every[:, np.sort(np.argsort(-every.sum(axis=0), kind="stable")[:most])]


def _shared(labels: Labels) -> Floats:
    """The labels that several rows carry, as an indicator; none where fewer than three do."""
    values, counts = np.unique(labels, return_counts=True)
    shared = values[counts > 1]
    return np.asarray(labels[:, None] == (shared if len(shared) >= 3 else shared[:0]), dtype=float)
