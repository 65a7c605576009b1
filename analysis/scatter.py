"""The interval of the loss of one run: the law's, with what its budget and size add and how runs scatter."""

from __future__ import annotations

import math

from analysis.fitting.valley.runs import OneRun
from analysis.records import Interval


def one_run_interval(loss: float, law: Interval, run: OneRun | None, worst: float) -> Interval | None:
    """The interval of the loss of one run whose mean a law gives with an interval; None where runs are not known.

    Independent errors are added in quadrature: the scatter of single runs, and what is not known of their mean. At a
    budget that was run that is known better than the law's floor, of which it is a part. The law's own loss, which is
    shown beside it, is inside. No loss is below zero, nor above the `worst`.
    """
    if run is None:
        return None
    centre = loss + run.off
    below, above = (0.0, 0.0) if run.known else (loss - law.low, law.high - loss)
    low = centre - math.hypot(below, run.half, run.scatter)
    high = centre + math.hypot(above, run.half, run.scatter)
    return Interval(max(min(low, loss), 0.0), max(min(high, worst), loss), law.level)
