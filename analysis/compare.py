"""Compute multiplier: how much more compute one recipe needs to match another, as a curve over the loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.law import Law
from analysis.records import Interval, LawError

Floats = NDArray[np.float64]

NORMAL = 1.959964
"""Two-sided 95 % quantile of the normal distribution."""


@dataclass(frozen=True)
class Multiplier:
    """At one loss, the compute that the baseline needs over that of the other."""

    loss: float
    """Loss that both reach, in the unit compared in."""
    baseline_flops: float
    """Compute of the baseline."""
    flops: float
    """Compute of the other."""
    multiplier: float
    """Above one, the other is the better recipe."""
    interval: Interval
    """Interval of the multiplier, the two sweeps' errors taken as independent."""
    extrapolation: float
    """The larger of the two budgets over what was fitted."""


def compute_multiplier(
    baseline: Law, other: Law, *, points: int = 25, bytes_per_token: tuple[float, float] | None = None
) -> tuple[Multiplier, ...]:
    """The multiplier over the losses that both reach from their smallest budget to ten times the largest.

    `bytes_per_token` of baseline and other turns nats per token into bits per byte, which two tokenizers need. Raises
    LawError where the losses are in different units or do not overlap.
    """
    if bytes_per_token is None and baseline.loss_unit != other.loss_unit:
        raise LawError(
            f"the losses are in {baseline.loss_unit} and {other.loss_unit}; give the bytes per token of both "
            "tokenizers, or fit both in bits per byte"
        )
    scales = [1 / (size * np.log(2)) for size in bytes_per_token] if bytes_per_token else [1.0, 1.0]
    frontiers = [_Frontier.of(law, scale) for law, scale in zip((baseline, other), scales, strict=True)]
    high = min(frontier.losses[0] for frontier in frontiers)
    low = max(frontier.losses[-1] for frontier in frontiers)
    if not low < high:
        raise LawError("the two laws reach no loss in common within ten times their largest budgets")
    return tuple(_at(loss, frontiers) for loss in np.linspace(high, low, points))


@dataclass(frozen=True)
class _Frontier:
    log_flops: Floats
    losses: Floats
    """Falling."""
    errors: Floats
    largest: float

    @classmethod
    def of(cls, law: Law, scale: float) -> _Frontier:
        budgets = np.geomspace(law.smallest_budget, 10 * law.largest_budget, 80)
        band = law.band(budgets.tolist())
        losses = scale * np.array([prediction.loss for prediction in band])
        halves = scale * np.array([(p.loss_interval.high - p.loss_interval.low) / 2 for p in band])
        return cls(np.log(budgets), np.minimum.accumulate(losses), halves / NORMAL, law.largest_budget)

    def compute(self, loss: float) -> tuple[float, float]:
        """ln C at a loss, and its standard error: that of the loss over the slope of the frontier."""
        log_c = float(np.interp(-loss, -self.losses, self.log_flops))
        slope = np.interp(log_c, self.log_flops, np.gradient(self.losses, self.log_flops))
        return log_c, float(np.interp(log_c, self.log_flops, self.errors) / max(-float(slope), 1e-12))


def _at(loss: float, frontiers: Sequence[_Frontier]) -> Multiplier:
    (base, base_error), (own, own_error) = (frontier.compute(loss) for frontier in frontiers)
    half = NORMAL * float(np.hypot(base_error, own_error))
    ratio = base - own
    return Multiplier(
        loss=float(loss),
        baseline_flops=float(np.exp(base)),
        flops=float(np.exp(own)),
        multiplier=float(np.exp(ratio)),
        interval=Interval(float(np.exp(ratio - half)), float(np.exp(ratio + half))),
        extrapolation=max(float(np.exp(base)) / frontiers[0].largest, float(np.exp(own)) / frontiers[1].largest),
    )
