"""A sentence where the exponent of N* changes over the fitted budgets beyond what noise explains."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.fitting.valley.mixture import half_width
from analysis.fitting.valley.posterior import Valley
from analysis.wording import format_flops


def drift_sentences(valley: Valley | None, budgets: Sequence[float]) -> tuple[str, ...]:
    """Whether N* follows no power law over budgets, FLOPs: the exponents of both halves of ln C.

    Nothing without a valley, and where the 95 % interval of their difference holds zero.
    """
    if valley is None:
        return ()
    low, high = min(budgets), max(budgets)
    ends = np.log([low, np.sqrt(low * high), high]) - valley.origin.c
    path, gradient = valley.form.path(valley.means, ends), valley.form.gradients(valley.mean, ends)[0]
    step = float(ends[1] - ends[0])
    bend, slope = np.diff(path, n=2, axis=1) / step, np.diff(gradient, n=2, axis=0)[0] / step
    change, half = half_width(valley.weights, bend, np.einsum("p,dpq,q->d", slope, valley.covariances, slope)[:, None])
    if abs(float(change[0])) <= float(half[0]):
        return ()
    first, last = np.diff(valley.weights @ path) / step
    return (
        f"N* does not follow a power law here: its exponent {'falls' if last < first else 'rises'} from {first:.2f} to "
        f"{last:.2f} between {format_flops(low)} and {format_flops(high)} FLOPs; the headline follows it.",
    )
