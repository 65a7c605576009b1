"""The loss of one run: what a law predicts of the mean, widened by how runs scatter about it."""

from __future__ import annotations

import math

from analysis.fitting.interval import student
from analysis.records import Interval, Prediction


def one_run_interval(prediction: Prediction, sigma: float | None, freedom: int) -> Interval | None:
    """The interval of the loss of one run at the predicted optimum; None where the scatter is not known.

    `sigma` is the standard deviation of runs about their budget's curve, seeds and shapes alike, with its degrees of
    freedom. Each half of the law's own interval and Student's multiple of `sigma` are added in quadrature: the errors
    are independent, and both halves stand for the same coverage.
    """
    if sigma is None or freedom < 1:
        return None
    scatter = float(student(freedom, prediction.loss_interval.level)) * sigma
    loss, law = prediction.loss, prediction.loss_interval
    low = loss - math.hypot(loss - law.low, scatter)
    return Interval(max(low, 0.0), loss + math.hypot(law.high - loss, scatter), law.level)
