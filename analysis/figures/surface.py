"""The loss of many models at once by a law's surfaces, and where they and the headline differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.fitting.estimators import SurfaceKind
from analysis.fitting.headline import bend_probability, surface_shares
from analysis.records import LawError, Prediction
from analysis.wording import format_count, format_flops, format_loss

if TYPE_CHECKING:
    from analysis.law import Law

Floats = NDArray[np.float64]

_NOTEWORTHY_SIZE = 1.05
_NOTEWORTHY_LOSS = 0.005
_REACH, _STEPS = 30.0, 801


def surface_loss(law: Law, params: ArrayLike, tokens: ArrayLike) -> Floats:
    """Loss of models of N parameters on D tokens (n,) by the surfaces that the law's loss leans on, in their shares.

    The headline leans on the curves, too: its optima and their losses may differ.

    Raises:
        LawError: no surface could be fitted.
    """
    n, d = np.asarray(params, dtype=float), np.asarray(tokens, dtype=float)
    states = [(state, state.kind.form) for state in law.estimators if isinstance(state.kind, SurfaceKind)]
    if not states:
        raise LawError("no surface could be fitted, so the loss of a model off the optimum is not known")
    design = law.origin.design(n, d, d * law.cost.flops_per_token(n))
    with np.errstate(over="ignore"):
        each = [form.value(np.asarray(state.theta)[None], design)[0] for state, form in states]
    shares = surface_shares([state for state, _ in states], bend_probability(law.estimators, law.uncertainty))
    used = [(share, loss) for share, loss in zip(shares, each, strict=True) if share > 0]
    return np.asarray(sum(share * loss for share, loss in used))


def surface_optimum(law: Law, answer: Prediction) -> tuple[float, float]:
    """N and loss where the surfaces alone are lowest at an answer's budget, within a factor of 30 of its N*.

    Raises:
        LawError: no surface could be fitted.
    """
    sizes = answer.params * np.geomspace(1 / _REACH, _REACH, _STEPS)
    losses = surface_loss(law, sizes, law.cost.tokens(answer.flops, sizes))
    best = int(np.argmin(losses))
    return float(sizes[best]), float(losses[best])


def difference_note(law: Law, answers: Sequence[Prediction]) -> list[str]:
    """Where surfaces and headline differ by more than 5 % of N* or 0.5 % of the loss, by the furthest such answer."""
    for answer in reversed(answers):
        size, loss = surface_optimum(law, answer)
        ratio = max(size / answer.params, answer.params / size)
        if ratio > _NOTEWORTHY_SIZE or abs(loss / answer.loss - 1) > _NOTEWORTHY_LOSS:
            return [
                f"Surfaces and headline differ: at {format_flops(answer.flops)} FLOPs the surfaces' optimum has "
                f"{format_count(size)} parameters and loss {format_loss(loss)}, "
                f"the headline's {format_count(answer.params)} and {format_loss(answer.loss)}."
            ]
    return []
