"""Losses of runs that were never trained, drawn from a law: its answers, what they leave open, and scatter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.answers.draws import losses, surface
from analysis.fitting.interval import NORMAL
from analysis.law import Law
from analysis.records import Interval, LawError, Prediction
from analysis.table.further import FurtherRuns
from analysis.table.table import RunTable

Floats = NDArray[np.float64]

_REACH, _STEPS = 100.0, 801
"""How far from N* a curve is known, as a factor, and in how many steps."""
_LEAST_LOSS = 0.01
"""No loss is simulated below this share of what is expected."""


@dataclass(frozen=True)
class SimulatedWorld:
    """What a law says of runs: where each budget's optimum lies, its curve about it, and how runs scatter."""

    law: Law
    """The law."""
    cells: Mapping[tuple[float, float], list[float]]
    """Losses of the runs that there are, by budget and N: a repeat of one has its misfit, too."""
    sigma: float
    """Standard deviation of runs about their budget's curve."""
    seed_sigma: float
    """Standard deviation between repeats."""

    @classmethod
    def of(cls, law: Law, table: RunTable) -> SimulatedWorld:
        """The world of a law and the runs that it was fitted to.

        Raises LawError where the scatter of its runs is not known.
        """
        if law.noise.sigma is None:
            raise LawError("how runs scatter is not known, so no further run can be simulated")
        cells: dict[tuple[float, float], list[float]] = {}
        runs = zip(table.budgets[table.budget].tolist(), table.params.tolist(), table.loss.tolist(), strict=True)
        for flops, params, loss in runs:
            cells.setdefault((flops, params), []).append(loss)
        return cls(law, cells, law.noise.sigma, law.noise.seed_sigma or law.noise.sigma)

    def runs(self, budgets: Floats, params: Floats, generator: np.random.Generator) -> FurtherRuns:
        """One outcome of runs, (runs,) budgets in FLOPs and sizes, in one truth that the law's intervals allow.

        The truth lies as far off the law's N* and L* at every budget as one draw says, in standard deviations of the
        answer there. Raises LawError for a budget that the law has no answer for.
        """
        off_size, off_loss = generator.normal(size=2)
        law, true = np.empty(len(params)), np.empty(len(params))
        for answer in self.law.band(np.unique(budgets).tolist()):
            here = budgets == answer.flops
            low, high = answer.params_interval.low, answer.params_interval.high
            moved = off_size * _deviation(Interval(float(np.log(low)), float(np.log(high))))
            off = np.log(params[here] / answer.params)
            law[here] = answer.loss + self._excess(answer, off)
            true[here] = answer.loss + off_loss * _deviation(answer.loss_interval) + self._excess(answer, off - moved)
        misfit, scatter = self._repeated(budgets, params, law)
        loss = true + misfit + scatter * generator.normal(size=len(params))
        tokens = np.asarray(self.law.cost.tokens(budgets, params))
        return FurtherRuns(budgets, params, tokens, np.maximum(loss, _LEAST_LOSS * law))

    def _repeated(self, budgets: Floats, params: Floats, law: Floats) -> tuple[Floats, Floats]:
        """What runs are expected to have off the law's loss, and their scatter about that, (runs,) each.

        A repeat of a cell has its misfit again, but not its noise: of a cell's residual it keeps the share that noise
        between seeds does not explain in the repeated cells together.
        """
        cells = [self.cells.get(cell, []) for cell in zip(budgets.tolist(), params.tolist(), strict=True)]
        counts = np.array([len(cell) for cell in cells])
        repeat = counts > 0
        misfit, scatter = np.zeros(len(params)), np.full(len(params), self.sigma)
        if not repeat.any():
            return misfit, scatter
        residuals = np.array([np.mean(cell) for cell in cells if cell]) - law[repeat]
        noise = self.seed_sigma**2 / counts[repeat]
        share = max(0.0, 1.0 - noise.mean() / float(np.mean(residuals**2)))
        misfit[repeat] = share * residuals
        scatter[repeat] = np.sqrt(self.seed_sigma**2 + share * noise)
        return misfit, scatter

    def _excess(self, answer: Prediction, off: Floats) -> Floats:
        """Loss above the optimum's at ln N − ln N*, (n,), as the law's valley has it about its own."""
        form, theta = surface(self.law, 0)
        places = np.linspace(-np.log(_REACH), np.log(_REACH), _STEPS)
        sizes = answer.params * np.exp(places)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            curve = losses(self.law, form, theta, sizes, self.law.cost.tokens(answer.flops, sizes))[0]
        lowest = int(np.nanargmin(curve))
        return np.asarray(np.interp(off, places - places[lowest], curve - curve[lowest]))


def _deviation(interval: Interval) -> float:
    """The standard deviation that a 95 % interval stands for."""
    return (interval.high - interval.low) / 2 / NORMAL
