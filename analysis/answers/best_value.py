"""Which value of a varied number is best at a budget, such as the vocabulary, with the interval that the laws allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.answers.compare import Side, common_scales
from analysis.fitting.interval import NORMAL
from analysis.records import Interval, LawError

Floats = NDArray[np.float64]

FEWEST_VALUES = 3
"""Values that a valley needs."""
_DRAWS = 4000


@dataclass(frozen=True)
class BestValue:
    """The best value of a number at one budget."""

    flops: float
    """Budget, training FLOPs."""
    value: float
    """The minimum of a parabola in ln value through the lowest of the values that were tried and its neighbours."""
    interval: Interval
    """95 %: the minima of losses drawn within their own errors, taken as independent; it ends at the outermost value
    that was tried."""
    unit: str
    """Unit of the losses: nats/token | bits/byte | as in the data."""
    tried: tuple[float, ...]
    """Values that were tried, ascending."""
    losses: tuple[float, ...]
    """Predicted loss of each."""
    at_edge: str
    """smallest | largest: the interval reaches this end of what was tried, so that the best may lie beyond; both;
    empty for neither."""


def best_values(values: Sequence[float], sides: Sequence[Side], budgets: Sequence[float]) -> list[BestValue]:
    """The best of some values at each budget, one law for each value.

    In bits per byte where the tokenizers differ. Raises LawError for fewer than FEWEST_VALUES values, values that are
    not positive, or laws without a common unit.
    """
    if len(values) < FEWEST_VALUES or min(values) <= 0:
        raise LawError(f"a best value needs {FEWEST_VALUES} positive values with a law each")
    order = sorted(range(len(values)), key=lambda index: values[index])
    tried, laws = [float(values[index]) for index in order], [sides[index] for index in order]
    scales, unit = common_scales(laws)
    bands = [side.law.band(budgets) for side in laws]
    rng = np.random.default_rng(0)
    found = []
    for index, flops in enumerate(budgets):
        at = [band[index] for band in bands]
        loss = np.array([p.loss * scale for p, scale in zip(at, scales, strict=True)])
        errors = np.array([(p.loss - p.loss_interval.low) * s / NORMAL for p, s in zip(at, scales, strict=True)])
        drawn = _minima(np.log(tried), loss + errors * rng.standard_normal((_DRAWS, len(tried))))
        low, high = np.quantile(drawn, [0.025, 0.975])
        ends = [name for name, end, edge in (("smallest", low, 0), ("largest", high, -1)) if end == np.log(tried[edge])]
        found.append(
            BestValue(
                flops=float(flops),
                value=_value(_minima(np.log(tried), loss[None])[0]),
                interval=Interval(_value(low), _value(high)),
                unit=unit,
                tried=tuple(tried),
                losses=tuple(loss.tolist()),
                at_edge="both" if len(ends) == 2 else "".join(ends),
            )
        )
    return found


def _value(log: float) -> float:
    """A value by its logarithm, so that one that was tried is itself again."""
    return float(f"{np.exp(log):.12g}")


def _minima(x: Floats, losses: Floats) -> Floats:
    """Where each row of losses [K, V] is least along x [V]: by a parabola, or at the outermost value."""
    lowest = losses.argmin(axis=1)
    inner = np.clip(lowest, 1, len(x) - 2)
    rows = np.arange(len(losses))
    xa, xb, xc = x[inner - 1], x[inner], x[inner + 1]
    ya, yb, yc = losses[rows, inner - 1], losses[rows, inner], losses[rows, inner + 1]
    first, second = (yb - ya) / (xb - xa), (yc - yb) / (xc - xb)
    with np.errstate(divide="ignore", invalid="ignore"):
        vertex = (xa + xb) / 2 - first * (xc - xa) / 2 / (second - first)
    found: Floats = np.where(lowest == inner, vertex, x[lowest])
    return found
