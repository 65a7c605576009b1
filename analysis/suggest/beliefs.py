"""What is known of cells and of the answers under each of a few scales, and what it becomes with more runs.

Within one scenario the model is linear, so a further run is a rank-one update (Sherman and Morrison): with K the
covariance of all cells' mean losses and of the answers, and v what one run adds to what is known of cell i,

    K ← K − K[:, i] K[i, :] / (K[i, i] + v),   m ← m + K[:, i] (y − m[i]) / (K[i, i] + v).

y is not known yet: what all scenarios together expect of it stands for it, so that those that disagree about a run
come together as far as that run tells them apart. Shape legend: D scenarios, n cells, Q the state, 2 answers, ln N*
and L*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.interval import NORMAL
from analysis.fitting.valley.evidence import Linearised
from analysis.fitting.valley.fit import LENT_SHARE
from analysis.fitting.valley.hyper import Scales
from analysis.fitting.valley.layout import Layout
from analysis.fitting.valley.mixture import half_width
from analysis.fitting.valley.posterior import LOSS_FLOOR, PARAMS_FLOOR
from analysis.fitting.valley.prior import UNSEEN, UNSEEN_DISTANCE, unseen_share
from analysis.suggest.cells import Cells
from analysis.suggest.records import Precision
from analysis.suggest.scenarios import Scenario

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

_SAME = 1e-3
"""Relative change of a variance a priori that changes nothing."""
_LEAST = 1e-300
"""Variances are taken to be at least this before their logarithm."""


@dataclass(eq=False)
class Beliefs:
    """What is known now; `learn` adds a run."""

    weights: Floats
    """Of the scenarios, shape (D,)."""
    rows: tuple[Floats, ...]
    """d cell's loss / d state by scenario, shape (n, Q) each; those about one maximum share one array."""
    loaded: tuple[Floats, ...]
    """Rows times the state's covariance as it was at first, shape (n, Q) each."""
    means: Floats
    """Expected losses of the cells, shape (D, n)."""
    variances: Floats
    """Their variances, shape (D, n)."""
    answers: Floats
    """Expected answers, shape (D, 2)."""
    answer_variances: Floats
    """Shape (D, 2)."""
    cross: Floats
    """Covariance of cells and answers, shape (D, n, 2)."""
    noise: Floats
    """Variance of one run on its own near the floor, shape (D,)."""
    misfit: Floats
    """Variance that the runs of a cell share: the form's misfit at its height, shape (D, n)."""
    between: float
    """Share of the noise that is between seeds."""
    runs: Labels
    """Runs of each cell, shape (n,)."""
    off_path: Floats
    """ln N − ln N* of each cell's budget, as the most probable fit has it, shape (n,)."""
    columns: Floats
    """What was learnt: columns of the covariance over the root of what they were divided by, shape (D, n, steps)."""
    first: dict[int, Floats] = field(default_factory=dict)
    """Columns of the covariance as it was at first, those that were needed; copies share them."""

    @classmethod
    def of(cls, scenarios: Sequence[Scenario], cells: Cells, flops: float, budgets: int) -> Beliefs:
        """What a fitted valley says of cells and of the optimum at a budget, training FLOPs.

        `budgets` is how many the table will have: so many limit what they cannot show (see `prior.unseen_drift`).
        """
        layouts: dict[int, Layout] = {}
        parts: list[tuple[Floats, ...]] = []
        rows, loaded = [], []
        for one in scenarios:
            linear = one.fitted.linearised
            layout = layouts.get(id(one.fitted))
            if layout is None:
                layout = Layout.of(linear.model, linear.beta, cells.params, cells.flops, cells.budget)
                layouts[id(one.fitted)] = layout
            log_c = float(np.log(flops)) - linear.model.origin.c
            now, part = _of_scales(linear, layout, Scales(*one.scales), log_c, unseen_share(budgets))
            rows.append(layout.rows)
            loaded.append(now)
            parts.append(part)
        means, variances, answers, answer_variances, cross, noise, misfit = (
            np.array(part) for part in zip(*parts, strict=True)
        )
        return cls(
            weights=np.array([one.weight for one in scenarios]),
            rows=tuple(rows),
            loaded=tuple(loaded),
            means=means,
            variances=variances,
            answers=answers,
            answer_variances=answer_variances,
            cross=cross,
            noise=noise,
            misfit=misfit,
            between=_between(scenarios[0].fitted.linearised),
            runs=cells.runs.copy(),
            off_path=layouts[id(scenarios[0].fitted)].off_path,
            columns=np.zeros((len(parts), len(cells), 0)),
        )

    def precision(self) -> Precision:
        """The half-widths of the answers' 95 % intervals."""
        with np.errstate(over="ignore"):
            _, half = half_width(self.weights, self.answers, self.answer_variances)
        floors = NORMAL * np.array([PARAMS_FLOOR, LOSS_FLOOR * abs(float(self.weights @ self.answers[:, 1]))])
        params, loss = np.hypot(half, floors)
        return Precision(float(params), float(loss))

    def log_variances(self) -> Floats:
        """Mean over the scenarios of ln of the answers' variances, (2,)."""
        return np.asarray(self.weights @ np.log(np.maximum(self.answer_variances, _LEAST)))

    def added(self, cells: Labels) -> Floats:
        """v (D, …) of one more run of cells (…): its own variance, for a repeat that of its share."""
        count = self.runs[cells]
        noise, misfit = self.noise.reshape(-1, *[1] * cells.ndim), self.misfit[:, cells]
        left = 1 - self.between
        after = noise * (left + self.between / (count + 1)) + misfit
        before = noise * (left + self.between / np.maximum(count, 1)) + misfit
        gained = np.where(count > 0, 1 / after - 1 / before, 1 / after)
        return np.asarray(1 / np.maximum(gained, 1e-300))

    def after(self, blocks: Labels) -> Floats:
        """The same (B, 2) if one run of each of the cells of a block were added, blocks (B, k)."""
        k = blocks.shape[1]
        if k == 1:
            within = self.variances[:, blocks, None].copy()
        else:
            within = np.stack([self._among(draw, blocks) for draw in range(len(self.weights))])
        within[..., np.arange(k), np.arange(k)] += self.added(blocks)
        cross = self.cross[:, blocks]
        variances = self.answer_variances[:, None] - (np.linalg.solve(within, cross) * cross).sum(axis=2)
        return np.asarray(np.tensordot(self.weights, np.log(np.maximum(variances, _LEAST)), axes=1))

    def learn(self, cell: int) -> None:
        """Add one run of a cell."""
        column = self._column(cell)
        total = column[:, cell] + self.added(np.array(cell))
        off = (self.weights @ self.means[:, cell] - self.means[:, cell]) / total
        across = self.cross[:, cell]
        self.means = self.means + column * off[:, None]
        self.variances = np.maximum(self.variances - column**2 / total[:, None], 0)
        self.answers = self.answers + across * off[:, None]
        self.answer_variances = np.maximum(self.answer_variances - across**2 / total[:, None], 0)
        self.cross = self.cross - column[..., None] * across[:, None] / total[:, None, None]
        self.columns = np.concatenate([self.columns, (column / np.sqrt(total)[:, None])[..., None]], axis=2)
        self.runs = self.runs + (np.arange(len(self.runs)) == cell)

    def copy(self) -> Beliefs:
        """The same, to try runs on: arrays are never changed in place."""
        return Beliefs(**self.__dict__)

    def _among(self, draw: int, blocks: Labels) -> Floats:
        """Covariance (B, k, k) of the cells of blocks (B, k) within one scenario."""
        learnt = self.columns[draw][blocks]
        first = self.loaded[draw][blocks] @ np.swapaxes(self.rows[draw][blocks], 1, 2)
        return np.asarray(first - learnt @ np.swapaxes(learnt, 1, 2))

    def _column(self, cell: int) -> Floats:
        """Covariance (D, n) of all cells with one."""
        if cell not in self.first:
            self.first[cell] = np.stack([now @ rows[cell] for now, rows in zip(self.loaded, self.rows, strict=True)])
        first = self.first[cell]
        return np.asarray(first - (self.columns @ self.columns[:, cell, :, None])[..., 0])


def _of_scales(
    linear: Linearised, layout: Layout, scales: Scales, log_c: float, share: float
) -> tuple[Floats, tuple[Floats, ...]]:
    """What is known for given scales: loaded rows (n, Q), then means, variances, the answers and theirs, and so on.

    `share` is what the budgets leave of what three cannot show.
    """
    fitted, added = layout.model.parameters, layout.variances(scales, UNSEEN * share)
    mean, covariance = _steadied(linear, scales, share)
    answers, gradient = layout.answers(mean, log_c)
    now = np.concatenate([layout.rows[:, :fitted] @ covariance, layout.rows[:, fitted:] * added], axis=1)
    spread = np.concatenate([gradient[:, :fitted] @ covariance, gradient[:, fitted:] * added], axis=1)
    return now, (
        layout.loss + layout.rows[:, :fitted] @ (mean - linear.beta),
        (now * layout.rows).sum(axis=1),
        answers,
        (gradient * spread).sum(axis=1),
        now @ gradient.T,
        np.exp(2 * scales.noise),
        np.exp(2 * scales.misfit) * layout.height**2,
    )


def _steadied(linear: Linearised, scales: Scales, share: float) -> tuple[Floats, Floats]:
    """Mean (P,) and covariance (P, P) for given scales with another share of what the budgets cannot show.

    That is another precision a priori of the floor's steps and of the distance from an additive valley: as if each was
    seen at zero once more.
    """
    solved, model = linear.solve(np.asarray(scales), slopes=False), linear.model
    steps = np.arange(model.parameters)[model.blocks["floor"]]
    precision = []
    for ratio, hidden in ((scales.slope_drift, UNSEEN), (scales.additive, UNSEEN_DISTANCE)):
        seen = np.exp(2 * (ratio + scales.misfit))
        before, after = (seen + (hidden * one) ** 2 for one in (unseen_share(model.budgets.shape[1]), share))
        precision.append(0.0 if abs(before / after - 1) < _SAME else 1 / after - 1 / before)
    rows = np.vstack([np.eye(model.parameters)[steps], linear.at.off_row])
    goals = np.append(np.zeros(len(steps)), float(linear.at.off_row @ linear.beta) - linear.at.off)
    more = np.repeat(precision, [len(steps), 1])
    kept = more != 0
    if not kept.any():
        return solved.beta, solved.covariance
    rows = rows[kept]
    across = solved.covariance @ rows.T
    gain = np.linalg.solve(rows @ across + np.diag(1 / more[kept]), across.T).T
    return solved.beta + gain @ (goals[kept] - rows @ solved.beta), solved.covariance - gain @ across.T


def _between(linear: Linearised) -> float:
    """Share of the noise that is between seeds, read off a repeated cell; as a fit lends it where there is none."""
    repeated = linear.model.repeats > 1
    if not repeated.any():
        return LENT_SHARE
    count = float(linear.model.repeats[repeated][0])
    return float((1 - linear.repeated[repeated][0]) / (1 - 1 / count))
