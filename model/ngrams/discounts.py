"""The three discounts of modified Kneser-Ney (Chen & Goodman 1999, section 3.4), from how many n-grams are rare."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

USUAL = (0.5, 1.0, 1.5)
"""Discounts of counts 1, 2, and 3 and more where the counts give none, as KenLM's `--discount_fallback`."""


def discounts(counts: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """What is taken from a count of 0, 1, 2, and 3 and more, by the counts of one order's n-grams, shape [4].

    With n_r n-grams of count r and Y = n_1 ÷ (n_1 + 2 n_2): r - (r + 1) · Y · n_(r + 1) ÷ n_r. Small or repetitive data
    have no n-gram of some count, or discounts outside 0 … r: then all three are USUAL.
    """
    rare = np.bincount(np.minimum(counts, 5), minlength=6)[:5].astype(float)
    found = np.zeros(4)
    found[1:] = USUAL
    if (rare[1:] > 0).all():
        share = rare[1] / (rare[1] + 2 * rare[2])
        count = np.arange(1, 4)
        measured = count - (count + 1) * share * rare[2:5] / rare[1:4]
        if ((measured >= 0) & (measured <= count)).all():
            found[1:] = measured
    return found
