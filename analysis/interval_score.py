"""The score of an interval by what came: how forecasts are judged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.records import Interval

Floats = NDArray[np.float64]
LEVEL = 0.95
"""Coverage that an interval promises unless another is named."""


def interval_score(interval: Interval, outcome: float | Floats, level: float = LEVEL) -> Floats:
    """The score of an interval, the lower the better: its width plus 2/(1 - level) times the miss.

    Gneiting and Raftery (2007), Strictly proper scoring rules, prediction, and estimation, eq. 43. Nothing is gained in
    expectation by stating another interval than the one that is believed.
    """
    miss = np.maximum(np.maximum(interval.low - np.asarray(outcome), np.asarray(outcome) - interval.high), 0.0)
    return np.asarray((interval.high - interval.low) + 2 / (1 - level) * miss)
