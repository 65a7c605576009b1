"""The budget with which a law's band reaches a loss."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.limits import rounded_down, rounded_up
from analysis.records import Interval, OutOfReachError

Floats = NDArray[np.float64]


def compute_for_loss(
    budgets: Floats, middle: Floats, lower: Floats, upper: Floats, loss: float
) -> tuple[float, Interval]:
    """FLOPs with which losses (T,) at ascending budgets (T,) first reach a loss, and the interval that their ends cut.

    The interval's ends are the nearest budgets to the left and to the right where the loss is at the `lower` and the
    `upper` end of a prediction's. Raises OutOfReachError where one is not among the budgets: a clamped end is no end.
    """
    log_c = np.log(budgets)
    reached = np.flatnonzero(middle <= loss)
    if len(reached) and reached[0] > 0:
        at = int(reached[0])
        left, right = np.flatnonzero(lower[:at] > loss), at + np.flatnonzero(upper[at:] <= loss)
        if len(left) and len(right):
            ends = (int(left[-1]) + 1, lower), (at, middle), (int(right[0]), upper)
            low, flops, high = (float(np.exp(_crossing(log_c, values, i, loss))) for i, values in ends)
            return flops, Interval(low, high)
    raise _out_of_reach(middle, loss, float(upper.min()), float(lower.max()))


def _crossing(log_c: Floats, losses: Floats, at: int, loss: float) -> float:
    """ln C between the points at − 1 and at, by interpolation; the loss lies between theirs."""
    share = (losses[at - 1] - loss) / (losses[at - 1] - losses[at])
    return float(log_c[at - 1] + np.clip(share, 0, 1) * (log_c[at] - log_c[at - 1]))


def _out_of_reach(losses: Floats, loss: float, lowest: float, highest: float) -> OutOfReachError:
    """The refusal of a loss that a band of `losses` does not enclose; it encloses those from `lowest` to `highest`."""
    if loss > losses.max():
        known = f"{loss:.4g} is above every loss that the law can tell"
    elif loss < losses.min():
        known = f"{loss:.4g} is below every loss that the law can tell"
    else:
        known = f"{loss:.4g} cannot be bounded: the interval of the loss is too wide there"
    if not 0 < lowest < highest:
        return OutOfReachError(f"the compute for a loss of {known}. Ask what a budget reaches instead", "loss")
    lowest, highest = rounded_up(lowest, 4), rounded_down(highest, 4)
    return OutOfReachError(
        f"the compute for a loss of {known}. Ask for a loss from {lowest:g} to {highest:g}, or what a budget reaches",
        "loss",
        lowest,
        highest,
    )
