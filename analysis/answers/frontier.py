"""The frontier of a law, L*(C), as two recipes are compared by: the compute that each needs for a loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.law import Law
from analysis.records import LawError

Floats = NDArray[np.float64]

REACH = 10.0
"""Multiple of its largest budget up to which a frontier is followed."""

IncomparableReason = Literal["different_units", "different_tokenizers", "no_common_loss", "too_uncertain"]
"""Why two laws cannot be compared, as JSON and REST carry it."""


class IncomparableError(LawError):
    """Two laws that cannot be compared; `reason` is a code, the message says why and what to do."""

    kind = "incomparable"

    def __init__(self, reason: IncomparableReason, message: str) -> None:
        """Carry the code next to the message."""
        super().__init__(message)
        self.reason = reason
        """The code."""


@dataclass(frozen=True)
class Frontier:
    """L*(C) of one law on a grid of budgets, arrays of shape (T,)."""

    log_flops: Floats
    """ln C, ascending."""
    losses: Floats
    """L*, falling, in the unit compared in."""
    halves: Floats
    """Half-width of the loss's interval, to the side on which it is not capped."""
    largest: float
    """Largest fitted budget, training FLOPs."""

    @classmethod
    def of(cls, law: Law, scale: float) -> Frontier:
        """A law's frontier up to `REACH` times its largest budget, losses multiplied by `scale`."""
        budgets = np.geomspace(law.smallest_budget, min(REACH * law.largest_budget, law.limits.highest), 80)
        band = law.band(budgets.tolist())
        losses = scale * np.array([prediction.loss for prediction in band])
        halves = scale * np.array([prediction.loss - prediction.loss_interval.low for prediction in band])
        return cls(np.log(budgets), np.minimum.accumulate(losses), halves, law.largest_budget)

    def compute(self, loss: float) -> tuple[float, float]:
        """ln C at a loss, and its half-width: that of the loss over the slope of the frontier."""
        log_c = float(np.interp(-loss, -self.losses, self.log_flops))
        return log_c, float(np.interp(log_c, self.log_flops, self.halves)) / self.slope(log_c)

    def slope(self, log_c: float) -> float:
        """Fall of the loss for one more ln C."""
        return max(-float(np.interp(log_c, self.log_flops, np.gradient(self.losses, self.log_flops))), 1e-12)


def scales_of(sizes: tuple[float, float] | None) -> list[float]:
    """What to multiply the losses of each side by."""
    return [1 / (size * float(np.log(2))) for size in sizes] if sizes else [1.0, 1.0]


def common_losses(frontiers: Sequence[Frontier]) -> tuple[float, float]:
    """Lowest and highest loss that both reach. Raises IncomparableError where there is none."""
    high = min(frontier.losses[0] for frontier in frontiers)
    low = max(frontier.losses[-1] for frontier in frontiers)
    if not low < high:
        raise IncomparableError(
            "no_common_loss",
            "the two laws reach no loss in common within ten times their largest budgets "
            f"({_span(frontiers[0])} and {_span(frontiers[1])})",
        )
    return low, high


def _span(frontier: Frontier) -> str:
    return f"{frontier.losses[0]:.4g} down to {frontier.losses[-1]:.4g}"
