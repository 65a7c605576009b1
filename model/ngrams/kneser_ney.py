"""Interpolated modified Kneser-Ney: the probability of each scored token at one order, given that of the order below.

    P(w | context) = (max(c(context w) - d, 0) + Σ_v d(context v) · P(w | shorter context)) ÷ c(context)

The highest order counts how often an n-gram occurs; orders below count how many different tokens precede it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from model.ngrams.discounts import discounts
from model.ngrams.numbering import Numbered, Numbers

Probabilities = npt.NDArray[np.float64]
"""Probability of each scored token, [windows, tokens]."""
Counts = npt.NDArray[np.int64]
"""Counts of the first n-grams; those without one were not seen."""


def interpolate(grams: Numbered, counts: Counts, scored: Numbers, lower: Probabilities) -> Probabilities:
    """The probabilities of scored tokens at one order.

    Args:
        grams: all m-grams.
        counts: counts of the first of them; no other was seen.
        scored: the number of each m-gram that is scored.
        lower: the probability of its last token at the order below.
    """
    occurrences = counts.astype(np.float64)
    taken = discounts(counts)[np.minimum(counts, 3)]
    contexts, before = grams.contexts[: len(counts)], grams.contexts[scored]
    total = _at(np.bincount(contexts, occurrences), before)
    reserved = _at(np.bincount(contexts, taken), before)
    kept = _at(occurrences - taken, scored)
    mixed: Probabilities = (kept + reserved * lower) / np.where(total > 0, total, 1.0)
    return np.where(total > 0, mixed, lower)


def _at(values: npt.NDArray[np.floating | np.signedinteger], numbers: Numbers) -> npt.NDArray[np.float64]:
    """Values by number, 0 beyond the last one."""
    found: npt.NDArray[np.float64] = np.append(values, 0.0)[np.minimum(numbers, len(values))]
    return found
