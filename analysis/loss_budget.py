"""The budget with which a law's losses reach a given one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.limits import WIDEST_COMPUTE, rounded_down, rounded_up
from analysis.records import Interval, OutOfReachError

Floats = NDArray[np.float64]


def compute_for_loss(
    budgets: Floats, middle: Floats, lower: Floats, upper: Floats, loss: float
) -> tuple[float, Interval]:
    """FLOPs with which losses (T,) at ascending budgets (T,) first reach a loss, and the interval of that compute.

    Its ends are the nearest budgets to the left and to the right where the loss is at the `lower` and the `upper` end
    of a prediction's; where there is none, because the interval widens faster than the loss falls, the half-width of
    the loss over the slope. Raises OutOfReachError for a loss that is not reached between the budgets, or whose compute
    is not known to within `WIDEST_COMPUTE`.
    """
    log_c = np.log(budgets)
    found = _ends(log_c, middle, lower, upper, loss)
    if found is None:
        raise _out_of_reach(log_c, middle, lower, upper, loss)
    low, flops, high = (float(np.exp(end)) for end in found)
    return flops, Interval(low, high)


def _ends(
    log_c: Floats, middle: Floats, lower: Floats, upper: Floats, loss: float
) -> tuple[float, float, float] | None:
    """ln C of the lower end, the loss itself and the upper end; None where they are not known well enough."""
    reached = np.flatnonzero(middle <= loss)
    if not len(reached) or reached[0] == 0:
        return None
    at = int(reached[0])
    found = _crossing(log_c, middle, at, loss)
    # The upper end is capped beyond the runs, the lower one is not.
    half = np.interp(found, log_c, middle - lower) * (log_c[at] - log_c[at - 1]) / (middle[at - 1] - middle[at])
    left, right = np.flatnonzero(lower[:at] > loss), at + np.flatnonzero(upper[at:] <= loss)
    low = _crossing(log_c, lower, int(left[-1]) + 1, loss) if len(left) else found - half
    high = _crossing(log_c, upper, int(right[0]), loss) if len(right) else found + half
    known = max(found - low, high - found) <= np.log(WIDEST_COMPUTE)
    return (float(low), float(found), float(high)) if known else None


def _crossing(log_c: Floats, losses: Floats, at: int, loss: float) -> float:
    """ln C between the points at − 1 and at, by interpolation; the loss lies between theirs."""
    share = (losses[at - 1] - loss) / (losses[at - 1] - losses[at])
    return float(log_c[at - 1] + np.clip(share, 0, 1) * (log_c[at] - log_c[at - 1]))


def _out_of_reach(log_c: Floats, middle: Floats, lower: Floats, upper: Floats, loss: float) -> OutOfReachError:
    """The refusal of a loss, with those whose compute is known."""
    if loss > middle.max():
        why = f"a loss of {loss:.4g} is above what the law can tell"
    elif loss < middle.min():
        why = f"a loss of {loss:.4g} is below what the law reaches"
    else:
        why = f"the compute for a loss of {loss:.4g} is not even known to within a factor of {WIDEST_COMPUTE:g}"
    known = [value for value in middle.tolist() if _ends(log_c, middle, lower, upper, value)]
    if not known:
        return OutOfReachError(f"{why}. Ask what a budget reaches instead", "loss")
    lowest, highest = rounded_up(min(known), 4), rounded_down(max(known), 4)
    instead = f"Ask for a loss from {lowest:g} to {highest:g}, or what a budget reaches"
    return OutOfReachError(f"{why}. {instead}", "loss", lowest, highest)
