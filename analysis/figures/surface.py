"""The loss of many models at once, as the charts of a law's surfaces need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.fitting.estimators import SurfaceKind
from analysis.fitting.headline import bend_probability, surface_shares
from analysis.records import LawError

if TYPE_CHECKING:
    from analysis.law import Law

Floats = NDArray[np.float64]


def surface_loss(law: Law, params: ArrayLike, tokens: ArrayLike) -> Floats:
    """Loss of models of N parameters on D tokens (n,) by the surfaces that the law's loss leans on, in their shares.

    `questions.given_size` starts from the headline instead, which leans on the curves too.

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
