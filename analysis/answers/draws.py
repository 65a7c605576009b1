"""Draws of a law's valley from what its runs allow: what an answer under a constraint is computed on.

Shape legend: B draws, G candidate models, P parameters of a surface.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.valley.form import ValleyForm
from analysis.fitting.valley.posterior import draw
from analysis.law import Law

Floats = NDArray[np.float64]

DRAWS = 400
"""Draws behind an interval."""


def surface(law: Law, draws: int) -> tuple[ValleyForm, Floats]:
    """The law's valley with parameters (B, P): its mean for no draws, else draws over its scales and parameters.

    Raises LawError where no law could be fitted.
    """
    if law.valley is None:
        law.predict(law.largest_budget)
    assert law.valley is not None
    valley = law.valley
    return valley.form, draw(valley, draws, np.random.default_rng(0)) if draws else valley.mean[None]


def drawn_surfaces(law: Law) -> tuple[ValleyForm, Floats]:
    """The law's valley with the parameters (B, P) of the draws behind an interval, the same each time."""
    return surface(law, DRAWS)


def sample(law: Law, ask: Callable[[ValleyForm, Floats], tuple[Floats, ...]]) -> list[tuple[float, Floats]]:
    """Each quantity that `ask` gives for valleys (B, P), shape (B,): the law's own, and its draws'."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        own, drawn = ask(*surface(law, 0)), ask(*drawn_surfaces(law))
    return [(float(value[0]), draws) for value, draws in zip(own, drawn, strict=True)]


def losses(law: Law, form: ValleyForm, theta: Floats, params: Floats, tokens: Floats) -> Floats:
    """Losses (B, G) of surfaces (B, P) at models (G,)."""
    flops = tokens * law.cost.flops_per_token(params)
    return form.value(theta, law.origin.design(params, tokens, flops))


def tokens_for_loss(law: Law, form: ValleyForm, theta: Floats, params: Floats, goal: Floats, around: float) -> Floats:
    """Tokens (B, G) with which models (G,) first reach a loss (B, 1), looked for from `around` ÷ 400 to × 8,000.

    Infinite where they do not, or reach it with fewer tokens still: a surface's loss need not fall for ever along D, so
    the first crossing counts.
    """
    log_d = np.log(around) + np.linspace(-6, 9, 121)
    models, tokens = np.repeat(params, len(log_d)), np.tile(np.exp(log_d), len(params))
    values = losses(law, form, theta, models, tokens).reshape(len(theta), len(params), len(log_d))
    reached = values <= goal[:, :, None]
    after = np.argmax(reached, axis=2)[:, :, None]
    above, below = (np.take_along_axis(values, after - shift, 2)[:, :, 0] for shift in (1, 0))
    share = np.clip((above - goal) / (above - below), 0, 1)
    found = np.exp(log_d[0] + (after[:, :, 0] - 1 + share) * (log_d[1] - log_d[0]))
    return np.where(after[:, :, 0] > 0, found, np.inf)
