"""How single runs scatter about a law, and the interval of the loss of one run: the law's, widened by that scatter."""

from __future__ import annotations

import math
from dataclasses import dataclass

from analysis.fitting.interval import student
from analysis.records import Interval


@dataclass(frozen=True, slots=True)
class Scatter:
    """How single runs scatter about a law's loss."""

    sigma: float
    """Standard deviation, in the loss's unit."""
    freedom: float
    """Degrees of freedom of `sigma`, one at least."""


def one_run_interval(loss: float, law: Interval, scatter: Scatter | None) -> Interval | None:
    """The interval of the loss of one run whose mean a law gives with an interval; None without a known scatter.

    Each half of the law's interval and Student's multiple of the scatter are added in quadrature: the errors are
    independent, and both halves stand for the same coverage. No loss is below zero.
    """
    if scatter is None:
        return None
    half = float(student(scatter.freedom, law.level)) * scatter.sigma
    low, high = loss - math.hypot(loss - law.low, half), loss + math.hypot(law.high - loss, half)
    return Interval(max(low, 0.0), high, law.level)
