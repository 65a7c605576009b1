"""The loss that one more run would have: what single budgets and sizes are known to add, and how runs scatter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from analysis.fitting.interval import NORMAL
from analysis.fitting.valley.evidence import TAILS
from analysis.fitting.valley.layout import Layout
from analysis.fitting.valley.posterior import Valley


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
    model, beta, scales = valley.mode.linearised.model, valley.mode.solved.beta, valley.best
    budget = np.array([flops])
    at = Layout.of(model, beta, np.array([params]), budget, budget)
    row, new = at.rows[0, : model.parameters], at.rows[0, model.parameters :]
    known, walks = bool(at.known[0]), sum(at.sizes[:2])
    if not known:
        row[: model.blocks["floor"].stop] = 0
    unknown = float(new[walks:] ** 2 @ at.variances(scales, 0.0)[walks:])
    variance = float(row @ valley.mode.solved.covariance @ row) + unknown
    noise = float(np.hypot(np.exp(scales.noise), np.exp(scales.misfit) * at.height[0]))
    return OneRun(float(at.added[0]), known, NORMAL * variance**0.5, float(stdtrit(TAILS, 0.975)) * noise)
