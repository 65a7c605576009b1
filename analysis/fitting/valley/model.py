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
EXPONENT = (0.5, 0.1)
"""Prior mean and standard deviation of N*'s exponent at the origin: published ones, the head counted, lie between 0.36
and 0.56."""
STEEPNESS = (float(np.log(0.4)), 1.2)
"""Prior of ln p and ln q."""
FLATTENING = (1.5, 1.2)
"""Prior mean and standard deviation of g in units of s/L0. A frontier E + K C^−g has g = (s/L0)/(1 − E/L0): twice s/L0
where the irreducible part is half of the loss, 1.5 where it is a third, s/L0 where there is none; a straight line in
ln C is 1.25 standard deviations away, and a frontier that steepens farther still."""
LEAST_STEEPNESS = 1e-6
"""s/L0 is taken to be at least this: on its way to a refusal a fit may lose its slope."""
DEPTH, NARROWING = 5.0, 1.0
"""Prior standard deviations of υ and ζ over φ: a form without error has the joint-skew surface's depth."""
TREND = 0.5
"""Prior standard deviation of the change of ln p and ln q with ln C over φ: far out a form errs alike at all
budgets, and N*'s exponent must not pay for it."""
MOST_DEPTH, MOST_NARROWING, MOST_TREND = 1.0, 0.3, 0.3
"""What they are at most."""

UNSEEN = 0.1
"""Drift of L*'s slope, as a share of it for each root of a unit of ln C, that three budgets cannot show; with each
further budget a sixteenth of that. Between neighbouring budgets of our own sweeps the slope changed by −0.17 to 0.07 of
itself for each unit (docs/experiments/demo.md), while their valleys showed no misfit."""
UNSEEN_DISTANCE = 1.5
"""Standard deviation, in ln, of the distance from an additive valley that three budgets cannot show; with each further
budget a sixteenth, too. The sides of our own small sweeps are not those of an additive surface with their frontier,
which is straight or steepens."""

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
    def unseen(self) -> float:
        """Drift of L*'s slope that so few budgets cannot show, whatever the misfit."""
        return UNSEEN * unseen_share(self.budgets.shape[1])

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

    def additive(self, scales: Scales) -> tuple[float, float]:
        """Precision a priori of the distance from an additive valley, and its log-derivative by each of its scales."""
        seen = float(np.exp(2 * (scales.additive + scales.misfit)))
        precision = 1 / (seen + (UNSEEN_DISTANCE * unseen_share(self.budgets.shape[1])) ** 2)
        return precision, -2 * seen * precision

    def prior(self, scales: Scales, theta: ValleyTheta) -> tuple[Floats, Floats, Floats]:
        """Mean and precision of the parameters a priori, (P,) each, and the latter's log-derivatives by scale (S, P).

        The flattening's is in units of the slope and level of `theta`.
        """
        at, names = self.blocks, ValleyTheta._fields
        mean, precision = np.zeros(self.parameters), np.zeros(self.parameters)
        rises = np.zeros((len(Scales._fields), self.parameters))
        steepness = max(float(np.exp(theta.log_slope)) / abs(float(theta.level)), LEAST_STEEPNESS)
        fixed = {
            "flattening": (FLATTENING[0] * steepness, FLATTENING[1] * steepness),
            "exponent": EXPONENT,
            "log_p": STEEPNESS,
            "log_q": STEEPNESS,
        }
        for name, (centre, spread) in fixed.items():
            mean[names.index(name)], precision[names.index(name)] = centre, spread**-2.0
        misfit = np.exp(-2 * scales.misfit)
        for name, scale, most in (
            ("depth", DEPTH, MOST_DEPTH),
            ("narrowing", NARROWING, MOST_NARROWING),
            ("p_trend", TREND, MOST_TREND),
            ("q_trend", TREND, MOST_TREND),
        ):
            index = names.index(name)
            precision[index] = misfit / scale**2 + most**-2.0
            rises[Scales._fields.index("misfit"), index] = -2 * misfit / scale**2 / precision[index]
        for block, ratio, base in (
            ("path", "exponent_drift", "misfit"),
            ("floor", "slope_drift", "misfit"),
            ("left", "sides", "misfit"),
            ("right", "sides", "misfit"),
            ("offset", "offset", "noise"),
            ("tilt", "tilt", "noise"),
            ("size", "size", "noise"),
        ):
            precision[at[block]] = np.exp(-2 * (getattr(scales, ratio) + getattr(scales, base)))
            for name in (ratio, base):
                rises[Scales._fields.index(name), at[block]] = -2
        seen = 1 / precision[at["floor"]]
        precision[at["floor"]] = 1 / (seen + self.unseen**2)
        rises[:, at["floor"]] *= seen * precision[at["floor"]]
        return mean, precision, rises


def unseen_share(budgets: int) -> float:
    """The share that so many budgets leave of what three cannot show."""
    return 16.0 ** -max(budgets - 3, 0)


def _most_frequent(labels: Labels, most: int) -> Floats:
    """Which rows (n,) carry which label, (n, K) for the K most frequent labels in their order."""
    every = indicator(labels)
    return every[:, np.sort(np.argsort(-every.sum(axis=0), kind="stable")[:most])]


def _shared(labels: Labels) -> Floats:
    """The labels that several rows carry, as an indicator; none where fewer than three do."""
    values, counts = np.unique(labels, return_counts=True)
    shared = values[counts > 1]
    return np.asarray(labels[:, None] == (shared if len(shared) >= 3 else shared[:0]), dtype=float)
