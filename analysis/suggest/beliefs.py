"""What is known of cells and of the answers, as a mixture of normal distributions, and what it becomes with more runs.

Within one draw of the scales the model is linear, so a further run is a rank-one update (Sherman and Morrison): with
K the covariance of all cells' mean losses and of the answers, and v what one run adds to what is known of cell i,

    K ← K − K[:, i] K[i, :] / (K[i, i] + v),   m ← m + K[:, i] (y − m[i]) / (K[i, i] + v).

y is not known yet: what all draws together expect of it stands for it, so that draws that disagree about a run come
together as far as that run tells them apart. Shape legend: D draws, n cells, Q the state, 2 answers, ln N* and L*.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.interval import NORMAL
from analysis.fitting.valley.evidence import Linearised
from analysis.fitting.valley.fit import LENT_SHARE
from analysis.fitting.valley.hyper import Scales
from analysis.fitting.valley.mixture import half_width
from analysis.fitting.valley.model import UNSEEN, unseen_share
from analysis.fitting.valley.posterior import LOSS_FLOOR, PARAMS_FLOOR, Valley
from analysis.suggest.cells import Cells
from analysis.suggest.design import Design
from analysis.suggest.records import Precision

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

_SAME = 1e-3
"""Relative change of a precision that changes nothing."""


@dataclass(eq=False)
class Beliefs:
    """What is known now; `learn` adds a run."""

    weights: Floats
    """Of the draws, shape (D,)."""
    rows: tuple[Floats, ...]
    """d cell's loss / d state by draw, shape (n, Q) each; draws about one maximum share one array."""
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
    def of(cls, valley: Valley, cells: Cells, flops: float, budgets: int) -> Beliefs:
        """What a fitted valley says of cells and of the optimum at a budget, training FLOPs.

        `budgets` is how many the table will have: so many limit what they cannot show (see `ValleyModel.unseen`).
        """
        log_c = float(np.log(flops)) - valley.origin.c
        parts: list[tuple[Floats, ...]] = []
        rows, loaded = [], []
        unseen = UNSEEN * unseen_share(budgets)
        first = valley.drawn[0].mode.linearised
        off_path = Design.of(first.model, first.beta, cells).off_path
        for drawn in valley.drawn:
            design = Design.of(drawn.mode.linearised.model, drawn.mode.linearised.beta, cells)
            for scales in drawn.scales:
                gradient = design.answers(valley.means[len(parts)], log_c)
                now, part = _of_scales(drawn.mode.linearised, design, Scales(*scales), gradient, unseen)
                rows.append(design.rows)
                loaded.append(now)
                parts.append(part)
        means, variances, answer_variances, cross, noise, misfit = (np.array(part) for part in zip(*parts, strict=True))
        c = np.array([log_c])
        theta = valley.means
        answers = np.concatenate([valley.form.path(theta, c) + valley.origin.n, valley.form.floor(theta, c)], axis=1)
        return cls(
            weights=valley.weights,
            rows=tuple(rows),
            loaded=tuple(loaded),
            means=means,
            variances=variances,
            answers=answers,
            answer_variances=answer_variances,
            cross=cross,
            noise=noise,
            misfit=misfit,
            between=_between(valley),
            runs=cells.runs.copy(),
            off_path=off_path,
            columns=np.zeros((len(parts), len(cells), 0)),
        )

    def precision(self) -> Precision:
        """The half-widths of the answers' 95 % intervals."""
        with np.errstate(over="ignore"):
            _, half = half_width(self.weights, self.answers, self.answer_variances)
        floors = NORMAL * np.array([PARAMS_FLOOR, LOSS_FLOOR * abs(float(self.weights @ self.answers[:, 1]))])
        params, loss = np.hypot(half, floors)
        return Precision(float(params), float(loss))

    def spread(self) -> Floats:
        """Variances (2,) of the answers over all draws."""
        return np.asarray(_spread(self.weights, self.answers[:, None], self.answer_variances[:, None])[0])

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
        """Variances (B, 2) of the answers if one run of each of the cells of a block were added, blocks (B, k)."""
        k = blocks.shape[1]
        if k == 1:
            within = self.variances[:, blocks, None].copy()
        else:
            within = np.stack([self._among(draw, blocks) for draw in range(len(self.weights))])
        within[..., np.arange(k), np.arange(k)] += self.added(blocks)
        cross = self.cross[:, blocks]
        gain = np.linalg.solve(within, cross)
        variances = self.answer_variances[:, None] - (gain * cross).sum(axis=2)
        means = self.means[:, blocks]
        off = np.tensordot(self.weights, means, axes=1) - means
        return _spread(self.weights, self.answers[:, None] + (gain * off[..., None]).sum(axis=2), variances)

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
        """Covariance (B, k, k) of the cells of blocks (B, k) within one draw."""
        first = np.einsum("bkq,blq->bkl", self.loaded[draw][blocks], self.rows[draw][blocks])
        learnt = self.columns[draw][blocks]
        return np.asarray(first - np.einsum("bks,bls->bkl", learnt, learnt))

    def _column(self, cell: int) -> Floats:
        """Covariance (D, n) of all cells with one."""
        if cell not in self.first:
            self.first[cell] = np.stack([now @ rows[cell] for now, rows in zip(self.loaded, self.rows, strict=True)])
        first = self.first[cell]
        return np.asarray(first - np.einsum("dns,ds->dn", self.columns, self.columns[:, cell]))


def _of_scales(
    linear: Linearised, design: Design, scales: Scales, gradient: Floats, unseen: float
) -> tuple[Floats, tuple[Floats, ...]]:
    """What is known for given scales: loaded rows (n, Q), then means, variances, those of the answers, and so on."""
    fitted, added = design.model.parameters, design.variances(scales, unseen)
    mean, covariance = _steadied(linear, scales, unseen)
    now = np.concatenate([design.rows[:, :fitted] @ covariance, design.rows[:, fitted:] * added], axis=1)
    spread = np.concatenate([gradient[:, :fitted] @ covariance, gradient[:, fitted:] * added], axis=1)
    return now, (
        design.loss + design.rows[:, :fitted] @ (mean - linear.beta),
        (now * design.rows).sum(axis=1),
        (gradient * spread).sum(axis=1),
        now @ gradient.T,
        np.exp(2 * scales.noise),
        np.exp(2 * scales.misfit) * design.height**2,
    )


def _steadied(linear: Linearised, scales: Scales, unseen: float) -> tuple[Floats, Floats]:
    """Mean (P,) and covariance (P, P) for given scales with another drift of the floor that budgets cannot show.

    That is another precision of its steps a priori: they are as if seen at zero once more.
    """
    solved = linear.solve(np.asarray(scales))
    at = linear.model.blocks["floor"]
    seen = np.exp(2 * (scales.slope_drift + scales.misfit))
    more = 1 / (seen + unseen**2) - 1 / (seen + linear.model.unseen**2)
    if abs(more) * (seen + linear.model.unseen**2) < _SAME:
        return solved.beta, solved.covariance
    across = solved.covariance[:, at]
    within = across[at] + np.eye(across.shape[1]) / more
    gain = np.linalg.solve(within, across.T).T
    return solved.beta - gain @ solved.beta[at], solved.covariance - gain @ across.T


def _spread(weights: Floats, means: Floats, variances: Floats) -> Floats:
    """Variances (B, 2) of mixtures of normal distributions whose means and variances are (D, B, 2)."""
    middle = np.tensordot(weights, means, axes=1)
    return np.asarray(np.tensordot(weights, np.maximum(variances, 0) + (means - middle) ** 2, axes=1))


def _between(valley: Valley) -> float:
    """Share of the noise that is between seeds, read off a repeated cell; as a fit lends it where there is none."""
    linear = valley.mode.linearised
    repeated = linear.model.repeats > 1
    if not repeated.any():
        return LENT_SHARE
    count = float(linear.model.repeats[repeated][0])
    return float((1 - linear.repeated[repeated][0]) / (1 - 1 / count))
