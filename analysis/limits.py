"""How far a law can answer: the limits of budgets, sizes and losses, each with its reason, and refusals beyond them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.cost import TokenCost
from analysis.fitting.headline import Headline
from analysis.fitting.refused import RefusedError
from analysis.records import Interval, OutOfReachError
from analysis.wording import (
    budget_place,
    format_count,
    format_factor,
    format_flops,
    format_interval,
    format_loss,
    typed_flops,
)

Floats = NDArray[np.float64]

FURTHEST_BEYOND: Final = 1e5
"""Multiple of the largest budget up to which a law may answer: ten times the furthest forecast that has been published
and borne out, that of GPT-4's loss from runs of a ten-thousandth of its compute (OpenAI 2023, section 3.1)."""
FURTHEST_BELOW: Final = 1e3
"""Divisor of the smallest budget down to which a law may answer. Below its runs a loss goes on rising with the law's
slope, where a real one levels off at that of a uniform guess, ln V: a thousand times below, small sweeps meet it."""
WIDEST_SIZE: Final = 30.0
"""An interval of N* wider than this factor to a side says nothing: the answer is void. So is, outside the fitted
budgets, a loss whose interval reaches zero or is as wide as the loss itself: no text has a loss of zero."""
WIDEST_COMPUTE: Final = 1e3
"""An interval of compute wider than this factor to a side says nothing."""
FURTHEST_SIZE: Final = 100.0
"""Factor from N*(C) within which the loss of another size is given. A hundred times too small is ten thousand times the
tokens a parameter, as far as any model has been trained; the runs of a sweep lie within a factor of ten or so."""
LEAST_COUNT: Final = 1.0
"""No model has less than one parameter, or is trained on less than one token."""
UNIFORM_GUESS: Final[Mapping[str, float]] = MappingProxyType({"bits/byte": 8.0, "nats/token": math.log(2**18)})
"""Loss of a uniform guess by unit: over the bytes, and over the largest vocabularies in use. No model is worse."""
MOST_LOST: Final = 0.5
"""Largest share of a law's draws that may lack an answer: of more, the law rather says that there is none."""

CHECK_THE_TABLE: Final = "Check the units of the table's columns, or add budgets, sizes or seeds"
"""What to do where an answer at a fitted budget is none."""

_STEPS_A_DECADE, _REFINED, _FITTED = 8, 16, 33
_SLACK = 1e-9
"""Relative error of rounding that moves nothing out of a range."""
_UNKNOWN_SIZE = f"N* is not even known to within a factor of {WIDEST_SIZE:g}"
_TOO_FAR = "so far from its runs a law says nothing"


@dataclass(frozen=True, slots=True)
class Limits:
    """The budgets that a law can answer for, with the reason for each end."""

    lowest: float
    """Smallest budget, training FLOPs; below the fitted ones rounded up to three digits."""
    highest: float
    """Largest budget, training FLOPs; beyond the fitted ones rounded down to three digits."""
    below: str
    """Why there is no answer below the lowest."""
    beyond: str
    """Why there is none beyond the highest."""

    def __contains__(self, flops: float) -> bool:
        """Whether a budget can be answered for."""
        return self.lowest * (1 - _SLACK) <= flops <= self.highest * (1 + _SLACK)

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

    No loss is above the `worst`. Of the fitted budgets those at the ends whose N* is not known are left out, and all
    others are within; outside, an answer must be possible and not void, and so must every one between it and the runs.
    Raises OutOfReachError where N* is known at none of the fitted budgets.
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

    fitted = np.geomspace(smallest, largest, _FITTED)
    known = fitted[answer(fitted).log_params_half <= math.log(WIDEST_SIZE)]
    if not len(known):
        raise OutOfReachError(f"{_UNKNOWN_SIZE} at any fitted budget. Add budgets, sizes or seeds", "flops")
    low, below = float(known[0]), f"there {_UNKNOWN_SIZE}"
    high, beyond = float(known[-1]), below
    if low == smallest:
        low, below = _furthest(smallest, 1 / FURTHEST_BELOW, reasons)
        low = min(rounded_up(low), smallest)
    if high == largest:
        high, beyond = _furthest(largest, FURTHEST_BEYOND, reasons)
        high = max(rounded_down(high), largest)
    return Limits(low, high, below, beyond)


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
    if not found.log_params_half[at] <= math.log(WIDEST_SIZE):
        return f"there {_UNKNOWN_SIZE}"
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


def check_reach(flops: float, smallest: float, largest: float) -> None:
    """Raise OutOfReachError for a budget further from a law's runs than any law may answer."""
    furthest = Limits(smallest / FURTHEST_BELOW, largest * FURTHEST_BEYOND, _TOO_FAR, _TOO_FAR)
    check_budgets([flops], furthest, smallest, largest)


class Answered(Protocol):
    """A model with its loss and the intervals of both."""

    @property
    def flops(self) -> float:
        """Training FLOPs."""

    @property
    def params(self) -> float:
        """N."""

    @property
    def tokens(self) -> float:
        """D."""

    @property
    def loss(self) -> float:
        """Loss."""

    @property
    def params_interval(self) -> Interval:
        """Interval of N."""

    @property
    def tokens_interval(self) -> Interval:
        """Interval of D."""

    @property
    def loss_interval(self) -> Interval:
        """Interval of the loss."""

    @property
    def run_interval(self) -> Interval | None:
        """Interval of the loss of one run."""


AnyAnswer = TypeVar("AnyAnswer", bound=Answered)
"""A prediction, or the answer to another question."""


def possible(answer: AnyAnswer, instead: str = CHECK_THE_TABLE, quantity: str = "flops") -> AnyAnswer:
    """The answer itself.

    Raises OutOfReachError where no model can have it, where it says nothing of N, or where it lies outside its own
    interval; `instead` is what to do, `quantity` the part of the question that is to be changed.
    """
    where = f"at {format_flops(answer.flops)} FLOPs"
    if not (answer.params >= LEAST_COUNT and answer.tokens >= LEAST_COUNT and answer.loss > 0):
        raise OutOfReachError(f"the law's answer {where} is impossible: {_model(answer)}. {instead}", quantity)
    pairs = [
        (answer.params, answer.params_interval),
        (answer.tokens, answer.tokens_interval),
        (answer.loss, answer.loss_interval),
    ]
    if not all(ends.low >= 0 and ends.low * (1 - _SLACK) <= value <= ends.high * (1 + _SLACK) for value, ends in pairs):
        why = f"the law's answer {where} lies outside its own interval: {_model(answer)}"
        raise OutOfReachError(f"{why}. {instead}", quantity)
    sizes = answer.params_interval
    if not max(answer.params / sizes.low, sizes.high / answer.params) <= WIDEST_SIZE * (1 + _SLACK):
        ends = format_interval(sizes, format_count)
        raise OutOfReachError(f"{where} {_UNKNOWN_SIZE}: {format_count(answer.params)} ({ends}). {instead}", quantity)
    return answer


def _model(answer: Answered) -> str:
    """A model's N, D and loss, with the loss's interval."""
    ends = format_interval(answer.loss_interval)
    return f"N {format_count(answer.params)}, D {format_count(answer.tokens)}, loss {format_loss(answer.loss)} ({ends})"


def check_size(flops: float, params: float, optimum: float) -> None:
    """Raise OutOfReachError for a size too far from the compute-optimal one of its budget, or no model at all."""
    low, high = max(optimum / FURTHEST_SIZE, LEAST_COUNT), optimum * FURTHEST_SIZE
    if low * (1 - _SLACK) <= params <= high * (1 + _SLACK):
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
