"""The loss of many models at once by a law's valley, and how far they are from its optimum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.records import LawError

if TYPE_CHECKING:
    from analysis.fitting.forms import Design
    from analysis.fitting.valley.posterior import Valley
    from analysis.law import Law

Floats = NDArray[np.float64]


def surface_loss(law: Law, params: ArrayLike, tokens: ArrayLike) -> Floats:
    """Loss of models of N parameters on D tokens (n,) by the valley whose path and floor the headline is.

    Raises:
        LawError: no law could be fitted.
    """
    valley, design = _placed(law, params, tokens)
    with np.errstate(over="ignore"):
        return np.asarray(valley.form.value(valley.mean[None], design)[0])


def off_optimum(law: Law, params: ArrayLike, tokens: ArrayLike) -> Floats:
    """ln N − ln N*(C) (n,) of models of N parameters on D tokens.

    Raises:
        LawError: no law could be fitted.
    """
    valley, design = _placed(law, params, tokens)
    return np.asarray(design.x - valley.form.path(valley.mean[None], design.c)[0])


def _placed(law: Law, params: ArrayLike, tokens: ArrayLike) -> tuple[Valley, Design]:
    """The valley, and where it has models of N parameters on D tokens (n,)."""
    n, d = np.asarray(params, dtype=float), np.asarray(tokens, dtype=float)
    if law.valley is None:
        raise LawError("no law could be fitted, so the loss of a model off the optimum is not known")
    return law.valley, law.origin.design(n, d, d * law.cost.flops_per_token(n))
