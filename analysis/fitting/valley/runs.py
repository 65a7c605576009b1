"""The loss that one more run would have: what single budgets and sizes are known to add, and how runs scatter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from analysis.fitting.interval import NORMAL
from analysis.fitting.valley.evidence import TAILS
from analysis.fitting.valley.form import ValleyTheta, derivatives, height
from analysis.fitting.valley.posterior import Valley

Floats = NDArray[np.float64]

SAME_BUDGET, SAME_SIZE = 0.02, 0.005
"""Distances in ln C and ln N within which a run is of a fitted budget, or of a size that several runs had."""


@dataclass(frozen=True, slots=True)
class OneRun:
    """A run of N parameters at a budget, against the valley's own loss there."""

    off: float
    """What its budget and size are expected to add."""
    known: bool
    """Whether the budget is one of those that were run."""
    half: float
    """Half-width, at 95 %, of what is not known of the mean loss of such runs: of all of it at a budget that was run,
    else of what its budget and size add."""
    scatter: float
    """Half-width, at 95 %, of the scatter of single runs about that: noise, and the form's misfit at this height."""


def one_run(valley: Valley, params: float, flops: float) -> OneRun:
    """What is expected of a run of N parameters at a budget, training FLOPs."""
    model, blocks = valley.mode.linearised.model, valley.mode.linearised.model.blocks
    beta, scales = valley.mode.solved.beta, valley.best
    x, c = float(np.log(params)) - valley.origin.n, float(np.log(flops)) - valley.origin.c
    theta = ValleyTheta(*beta[blocks["fixed"]].tolist())
    steps = model.form.walk.rows(np.array([c]))[0, : model.form.walk.inside]
    u = np.array([x - theta.n0 - theta.exponent * c - float(steps @ beta[blocks["path"]])])
    budget = _nearest(model.log_budgets, c, SAME_BUDGET)
    size = _nearest(model.log_sizes, x, SAME_SIZE)
    plain = height(theta, u, c)
    above = plain if budget is None else height(_own_sides(theta, beta, blocks, budget), u, c)
    tilt = (x - (model.tilt_centres[budget] if budget is not None else x - float(u[0]))) / model.tilt_spread
    row, unknown = np.zeros(model.parameters), 0.0
    for block, index, share, scale in (
        ("offset", budget, 1.0, scales.noise + scales.offset),
        ("tilt", budget, tilt, scales.noise + scales.tilt),
        ("left", budget, float(above.by_p[0]), scales.misfit + scales.sides),
        ("right", budget, float(above.by_q[0]), scales.misfit + scales.sides),
        ("size", size, 1.0, scales.noise + scales.size),
    ):
        if index is None:
            unknown += (share * float(np.exp(scale))) ** 2
        else:
            row[blocks[block].start + index] = share
    added = [blocks[name] for name in ("offset", "tilt", "size")]
    off = float(above.height[0] - plain.height[0]) + sum(float(row[at] @ beta[at]) for at in added)
    if budget is not None:
        walked = steps @ beta[blocks["floor"]]
        row[blocks["fixed"]] = derivatives(theta, np.array([c]), walked, above)[0]
        row[blocks["path"]], row[blocks["floor"]] = -above.along * steps, np.exp(theta.log_slope) * steps
    variance = float(row @ valley.mode.solved.covariance @ row) + unknown
    noise = float(np.hypot(np.exp(scales.noise), np.exp(scales.misfit) * above.height[0]))
    return OneRun(off, budget is not None, NORMAL * variance**0.5, float(stdtrit(TAILS, 0.975)) * noise)


def _own_sides(theta: ValleyTheta, beta: Floats, blocks: Mapping[str, slice], budget: int) -> ValleyTheta:
    """The parameters with the steepness that the sides have at one budget."""
    left, right = (float(beta[blocks[side].start + budget]) for side in ("left", "right"))
    return theta._replace(log_p=theta.log_p + left, log_q=theta.log_q + right)


def _nearest(known: Floats, at: float, within: float) -> int | None:
    """Which of some logarithms is nearest to one; None where none is near."""
    if not len(known):
        return None
    nearest = int(np.argmin(np.abs(known - at)))
    return nearest if abs(float(known[nearest]) - at) <= within else None
