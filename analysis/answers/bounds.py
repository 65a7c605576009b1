"""The arithmetic of answers' intervals: of draws, of sums, of a factor on N*; and the check of what was given."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.law import Law
from analysis.limits import LEAST_COUNT
from analysis.records import Interval, Prediction, QuestionError

Floats = NDArray[np.float64]

_MISSED = 0.025
"""Share of lost draws above which an end of a 95 % interval is not that of all draws."""


def check_positive(**values: float) -> None:
    """Raise QuestionError unless each named value is a positive finite number."""
    for name, value in values.items():
        if not (np.isfinite(value) and value > 0):
            raise QuestionError(f"{name.replace('_', ' ')} must be a positive number, not {value:g}")


def lost_warnings(drawn: Floats, what: str) -> tuple[str, ...]:
    """A sentence where so many draws lack an answer, because of `what`, that the interval tells less than it should."""
    share = float((~np.isfinite(drawn)).mean())
    if share <= _MISSED:
        return ()
    return (f"By {share:.0%} of the law's draws {what}; the intervals are of the others.",)


def of_draws(own: float, drawn: Floats) -> Interval:
    """Where 95 % of the finite draws lie, widened to hold the answer itself."""
    low, high = np.percentile(drawn[np.isfinite(drawn)], [2.5, 97.5])
    return Interval(float(min(low, own)), float(max(high, own)))


def of_sum(value: float, first: float, first_ends: Interval, second: float, second_ends: Interval) -> Interval:
    """The interval of a sum of two answers whose errors are independent: half-widths added in squares."""
    low = np.hypot(first - first_ends.low, second - second_ends.low)
    high = np.hypot(first_ends.high - first, second_ends.high - second)
    return Interval(value - float(low), value + float(high))


def of_scaled(centre: Prediction, log_factor: float, ends: Interval) -> tuple[float, Interval]:
    """N* times a factor, and the interval of both."""
    log_n = float(np.log(centre.params))
    own = Interval(float(np.log(centre.params_interval.low)), float(np.log(centre.params_interval.high)))
    bounds = of_sum(log_n + log_factor, log_n, own, log_factor, ends)
    return float(np.exp(log_n + log_factor)), of_counts(bounds)


def of_counts(logs: Interval) -> Interval:
    """The interval of parameters or tokens from that of their logarithm: no model has less than one of them."""
    return Interval(max(float(np.exp(logs.low)), LEAST_COUNT), float(np.exp(logs.high)), logs.level)


def of_tokens(law: Law, flops: float, params: Interval) -> Interval:
    """The interval of D = C / F(N) from that of N."""
    return Interval(float(law.cost.tokens(flops, params.high)), float(law.cost.tokens(flops, params.low)))
