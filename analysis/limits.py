"""How far a law can answer: the limits of budgets, sizes and losses, each with its reason, and refusals beyond them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.cost import TokenCost
from analysis.fitting.headline import Headline
from analysis.fitting.refused import RefusedError
from analysis.records import Interval, OutOfReachError
from analysis.wording import budget_place, format_count, format_factor, format_flops, format_loss, typed_flops

Floats = NDArray[np.float64]

FURTHEST_BEYOND: Final = 1e5
"""Multiple of the largest budget up to which a law may answer: ten times the furthest forecast that has been published
and borne out, that of GPT-4's loss from runs of a ten-thousandth of its compute (OpenAI 2023, section 3.1)."""
FURTHEST_BELOW: Final = 1e3
"""Divisor of the smallest budget down to which a law may answer. Below its runs a loss goes on rising with the law's
slope, where a real one levels off at that of a uniform guess, ln V: a thousand times below, small sweeps meet it."""
WIDEST_FACTOR: Final = 1e3
"""Outside the fitted budgets an interval of N* wider than this factor to each side says nothing: the answer is void.
So is a loss whose interval reaches zero or is as wide as the loss itself: no text has a loss of zero."""
FURTHEST_SIZE: Final = 100.0
"""Factor from N*(C) within which the loss of another size is given. A hundred times too small is ten thousand times the
tokens a parameter, as far as any model has been trained; the runs of a sweep lie within a factor of ten or so."""
LEAST_COUNT: Final = 1.0
"""No model has less than one parameter, or is trained on less than one token."""
UNIFORM_GUESS: Final[Mapping[str, float]] = MappingProxyType({"bits/byte": 8.0, "nats/token": math.log(2**18)})
"""Loss of a uniform guess by unit: over the bytes, and over the largest vocabularies in use. No model is worse."""
MOST_LOST: Final = 0.5
"""Largest share of a law's draws that may lack an answer: of more, the law rather says that there is none."""

_STEPS_A_DECADE, _REFINED = 8, 16
_TOO_FAR = "so far from its runs a law says nothing"


@dataclass(frozen=True, slots=True)
class Limits:
    """The budgets that a law can answer for, with the reason for each end."""

    lowest: float
    """Smallest budget, training FLOPs, rounded up to three digits."""
    highest: float
    """Largest budget, training FLOPs, rounded down to three digits."""
    below: str
    """Why there is no answer below the lowest."""
    beyond: str
    """Why there is none beyond the highest."""

    def __contains__(self, flops: float) -> bool:
        """Whether a budget can be answered for."""
        return self.lowest * (1 - 1e-9) <= flops <= self.highest * (1 + 1e-9)

    def only(self, budgets: Sequence[float]) -> list[float]:
        """Those of some budgets that can be answered for, in their order."""
        return [budget for budget in budgets if budget in self]


def worst_loss(unit: str, measured: float) -> float:
    """Above which no loss can be: that of a uniform guess in a unit.

    Where the unit is not known, in nats a token; infinite where a loss above that was `measured`.
    """
    guess = UNIFORM_GUESS.get(unit, UNIFORM_GUESS["nats/token"])
    return guess if measured <= guess else math.inf


def budget_limits(
    answer: Callable[[Floats], Headline], cost: TokenCost, smallest: float, largest: float, worst: float
) -> Limits:
    """The limits of a law whose headline at budgets (T,) is `answer` and whose runs lie from `smallest` to `largest`.

    No loss is above the `worst`. The fitted budgets are always within them; outside, an answer must be possible and not
    void, and so must every one between it and the runs.
    """

    def reasons(budgets: Floats) -> list[str]:
        try:
            found = answer(budgets)
        except RefusedError as error:
            if len(budgets) == 1:
                return [str(error)]
            middle = len(budgets) // 2
            return [*reasons(budgets[:middle]), *reasons(budgets[middle:])]
        tokens = cost.tokens(budgets, np.exp(found.log_params))
        return [_why_void(found, at, float(tokens[at]), worst) for at in range(len(budgets))]

    low, below = _furthest(smallest, 1 / FURTHEST_BELOW, reasons)
    high, beyond = _furthest(largest, FURTHEST_BEYOND, reasons)
    return Limits(min(rounded_up(low), smallest), max(rounded_down(high), largest), below, beyond)


def _furthest(start: float, factor: float, reasons: Callable[[Floats], list[str]]) -> tuple[float, str]:
    """The budget furthest from `start`, towards `factor` times it, up to which all can be answered, and why no more."""
    steps = round(_STEPS_A_DECADE * abs(math.log10(factor)))
    grid = np.geomspace(start, start * factor, steps + 1)
    why = _TOO_FAR
    for refined in (False, True):
        if refined:
            grid = np.geomspace(grid[0], grid[1], _REFINED + 1)
        found = reasons(grid[1:])
        bad = next((at for at, reason in enumerate(found) if reason), None)
        if bad is None:
            return float(grid[-1]), why
        grid, why = grid[bad : bad + 2], found[bad]
    return float(grid[0]), why


def _why_void(found: Headline, at: int, tokens: float, worst: float) -> str:
    """Why an answer of a headline is impossible or void; empty where it is neither."""
    loss, half = float(found.loss[at]), float(found.loss_half[at])
    if float(found.log_params[at]) < math.log(LEAST_COUNT) or tokens < LEAST_COUNT:
        return "there the best model would have less than one parameter or token"
    if loss <= 0:
        return "there the loss would be zero or less"
    if loss > worst:
        return "there the loss would be above that of a uniform guess"
    if loss - half <= 0:
        return "there the interval of the loss reaches zero, so nothing is known of it"
    if float(found.log_params_half[at]) > math.log(WIDEST_FACTOR):
        return f"there N* is not even known to within a factor of {WIDEST_FACTOR:g}"
    return ""


def check_budgets(budgets: Sequence[float], limits: Limits, smallest: float, largest: float) -> None:
    """Raise OutOfReachError for the first budget outside the limits of a law with these fitted budgets."""
    outside = next((budget for budget in budgets if budget not in limits), None)
    if outside is None:
        return
    why = limits.below if outside < limits.lowest else limits.beyond
    raise OutOfReachError(
        f"the law has no answer at {format_flops(outside)} FLOPs, {budget_place(outside, smallest, largest)}: {why}. "
        f"Ask for a budget from {typed_flops(limits.lowest)} to {typed_flops(limits.highest)} FLOPs",
        "flops",
        limits.lowest,
        limits.highest,
    )


def check_possible(flops: float, params: float, tokens: float, loss: float) -> None:
    """Raise OutOfReachError for an optimum within the fitted budgets that no model can have."""
    if params >= LEAST_COUNT and tokens >= LEAST_COUNT and loss > 0:
        return
    raise OutOfReachError(
        f"the law's optimum at {format_flops(flops)} FLOPs is impossible: N {format_count(params)}, D "
        f"{format_count(tokens)}, loss {format_loss(loss)}. Check the units of the table's columns",
        "flops",
    )


def check_size(flops: float, params: float, optimum: float) -> None:
    """Raise OutOfReachError for a size too far from the compute-optimal one of its budget, or no model at all."""
    low, high = max(optimum / FURTHEST_SIZE, LEAST_COUNT), optimum * FURTHEST_SIZE
    if low * (1 - 1e-9) <= params <= high * (1 + 1e-9):
        return
    low, high = rounded_up(low), rounded_down(high)
    factor = format_factor(max(params / optimum, optimum / params)).removeprefix("×")
    raise OutOfReachError(
        f"N = {format_count(params)} is {factor} times {'below' if params < optimum else 'above'} the compute-optimal "
        f"size at {format_flops(flops)} FLOPs, {format_count(optimum)}: so far from it the law cannot tell a loss. "
        f"Ask for a size from {format_count(low)} to {format_count(high)}",
        "params",
        low,
        high,
    )


def possible_loss(loss: float, interval: Interval, worst: float, instead: str) -> Interval:
    """The interval of the loss of a model off the optimum, ended at zero and at the `worst` loss.

    Raises OutOfReachError where it is impossible, or void: an interval that is not finite or as
    wide to one side as the loss itself. `instead` is what to ask.
    """
    if 0 < loss <= worst and interval.low <= loss <= interval.high < 2 * loss:
        return Interval(max(interval.low, 0.0), min(interval.high, worst), interval.level)
    ends = f"{format_loss(loss)} ({format_loss(interval.low)} to {format_loss(interval.high)})"
    raise OutOfReachError(f"the law cannot tell the loss of that model: {ends} is no answer. {instead}", "params")


def rounded_up(value: float, digits: int = 3) -> float:
    """The least number of so many significant digits that is not below a positive value."""
    return _rounded(value, digits, math.ceil, -1e-9)


def rounded_down(value: float, digits: int = 3) -> float:
    """The largest number of so many significant digits that is not above a positive value."""
    return _rounded(value, digits, math.floor, 1e-9)


def _rounded(value: float, digits: int, whole: Callable[[float], int], slack: float) -> float:
    """To so many digits; `slack` is the relative error of a value that has them already."""
    power = math.floor(math.log10(value)) - digits + 1
    mantissa = value / 10.0**power if power >= 0 else value * 10.0**-power
    return float(f"{whole(mantissa * (1 + slack))}e{power}")
