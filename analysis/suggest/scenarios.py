"""The scales that a choice of runs should be good for: those that the runs so far make likely, and a worse form.

A few small curves cannot tell a form's misfit from noise: of four of six published sweeps the misfit is 0.05 to 0.18 of
the height, and the noise a tenth of what five sizes at each of three budgets suggest. With much noise many cheap runs
pay, with much misfit, and so much drift, runs near the largest budgets' minima do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from analysis.fitting.valley.evidence import Linearised
from analysis.fitting.valley.fit import Fitted
from analysis.fitting.valley.hyper import Scales
from analysis.fitting.valley.posterior import Valley

Floats = NDArray[np.float64]

WORSE = 0.1
"""Misfit, as a share of the height, that the worse form has at least; the published range is 0.004 to 0.18."""
_ITERATIONS = 15
"""Steps of the search for the other scales."""
_REACH = 4.0
"""How far they may move, in ln."""


@dataclass(frozen=True, eq=False)
class Scenario:
    """Scales about one maximum of the evidence."""

    fitted: Fitted
    """The fit there."""
    scales: Floats
    """Shape (S,)."""
    weight: float
    """What it counts for; all scenarios together sum to one."""


def likely(valley: Valley) -> tuple[Scenario, ...]:
    """The law's own draws, by their weights."""
    each = [(drawn.mode, scales) for drawn in valley.drawn for scales in drawn.scales]
    return tuple(Scenario(mode, one, weight) for (mode, one), weight in zip(each, valley.weights.tolist(), strict=True))


def to_choose_by(valley: Valley) -> tuple[Scenario, ...]:
    """For each maximum of the evidence its own scales and, as weighty, the likeliest ones of a worse form."""
    found: list[Scenario] = []
    start = 0
    for drawn in valley.drawn:
        weight = float(valley.weights[start : start + len(drawn.scales)].sum())
        start += len(drawn.scales)
        both = (drawn.mode.scales, _worse(drawn.mode.linearised, drawn.mode.scales))
        found += [Scenario(drawn.mode, scales, weight / 2) for scales in both]
    return tuple(found)


def _worse(linear: Linearised, scales: Floats) -> Floats:
    """The most probable scales (S,) of a misfit that is `WORSE` or more."""
    held = Scales._fields.index("misfit")
    start = scales.copy()
    start[held] = max(start[held], np.log(WORSE))

    def negative(at: Floats) -> tuple[float, Floats]:
        solved = linear.solve(at)
        if not np.isfinite(solved.log_evidence):
            return 1e10, np.zeros_like(at)
        return -solved.log_evidence, -solved.gradient

    reach = np.full(len(start), _REACH)
    reach[held] = 0
    bounds = list(zip(start - reach, start + reach, strict=True))
    return np.asarray(
        minimize(negative, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": _ITERATIONS}).x
    )
