"""The loss of many models at once by a law's valley."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.records import LawError

if TYPE_CHECKING:
    from analysis.law import Law

Floats = NDArray[np.float64]


def surface_loss(law: Law, params: ArrayLike, tokens: ArrayLike) -> Floats:
    """Loss of models of N parameters on D tokens (n,) by the valley whose path and floor the headline is.

    Raises:
        LawError: no law could be fitted.
    """
    n, d = np.asarray(params, dtype=float), np.asarray(tokens, dtype=float)
    if law.valley is None:
        raise LawError("no law could be fitted, so the loss of a model off the optimum is not known")
    design = law.origin.design(n, d, d * law.cost.flops_per_token(n))
    with np.errstate(over="ignore"):
        return np.asarray(law.valley.form.value(law.valley.mean[None], design)[0])
