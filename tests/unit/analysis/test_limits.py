"""How far a law answers: each limit with its reason, on headlines made by hand and on fitted laws."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from analysis import limits
from analysis.fitting.cost import TokenCost
from analysis.fitting.headline import Headline
from analysis.fitting.refused import RefusedError
from analysis.law import Law, fit
from analysis.limits import budget_limits, check_size, possible_loss, rounded_down, rounded_up, worst_loss
from analysis.records import Interval, OutOfReachError
from analysis.refusals import OptimumRunsOff
from tests.unit.analysis.law_tables import table

Floats = NDArray[np.float64]
Of = Callable[[Floats], Floats]
LOW, HIGH = 1e18, 1e20


def headline(
    log_params: Of = lambda log_c: log_c / 2,
    log_params_half: Of = lambda log_c: 0.1 + 0 * log_c,
    loss: Of = lambda log_c: 3 + 0 * log_c,
    loss_half: Of = lambda log_c: 0.1 + 0 * log_c,
) -> Callable[[Floats], Headline]:
    """A headline from functions of ln C."""

    def answer(budgets: Floats) -> Headline:
        log_c = np.log(budgets)
        return Headline(log_params(log_c), log_params_half(log_c), loss(log_c), loss_half(log_c))

    return answer


def found(answer: Callable[[Floats], Headline], worst: float = math.inf) -> limits.Limits:
    return budget_limits(answer, TokenCost.constant(6), LOW, HIGH, worst)


def beyond(log_c: Floats, factor: float) -> NDArray[np.bool_]:
    """Which budgets lie more than a factor beyond the largest."""
    return log_c > math.log(HIGH * factor)


def test_without_another_reason_a_law_ends_at_a_fixed_distance() -> None:
    ends = found(headline())
    assert (ends.lowest, ends.highest) == (LOW / 1e3, HIGH * 1e5)
    assert ends.below == ends.beyond == "so far from its runs a law says nothing"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (headline(loss=lambda c: np.where(beyond(c, 30), 0.0, 3.0)), "the loss would be zero or less"),
        (headline(loss=lambda c: np.where(beyond(c, 30), -2.0, 3.0)), "the loss would be zero or less"),
        (headline(loss=lambda c: np.where(beyond(c, 30), 13.0, 3.0)), "above that of a uniform guess"),
        (headline(loss_half=lambda c: np.where(beyond(c, 30), 3.0, 0.1)), "the interval of the loss reaches zero"),
        (headline(log_params_half=lambda c: np.where(beyond(c, 30), 7.0, 0.1)), "known to within a factor of 30"),
        (headline(log_params_half=lambda c: np.where(beyond(c, 30), np.nan, 0.1)), "known to within a factor of 30"),
        (headline(log_params=lambda c: np.where(beyond(c, 30), -0.1, c / 2)), "less than one parameter or token"),
        (headline(log_params=lambda c: np.where(beyond(c, 30), c, c / 2)), "less than one parameter or token"),
    ],
)
def test_a_law_ends_where_its_answer_is_impossible_or_void(answer: Callable[[Floats], Headline], why: str) -> None:
    ends = found(answer, 12.0)
    assert 30 * HIGH / 1.1 < ends.highest <= 30 * HIGH * 1.001
    assert why in ends.beyond
    assert ends.lowest == LOW / 1e3
    assert 30 * HIGH / 1.1 in ends and 31 * HIGH not in ends and 0.9 * ends.lowest not in ends
    assert ends.only([1.0, HIGH, 1e30]) == [HIGH]


def test_a_law_ends_where_its_estimators_run_off_and_at_the_first_gap() -> None:
    def answer(budgets: Floats) -> Headline:
        if (budgets > 40 * HIGH).any():
            raise RefusedError(OptimumRunsOff())
        return headline(loss=lambda c: np.where((c < math.log(LOW / 20)) & (c > math.log(LOW / 200)), -1.0, 3.0))(
            budgets
        )

    ends = found(answer)
    assert 40 * HIGH / 1.1 < ends.highest <= 40 * HIGH and "an optimum runs off" in ends.beyond
    assert LOW / 20 / 1.001 <= ends.lowest < LOW / 20 * 1.1, "what lies behind a gap is not answered"


def test_fitted_budgets_at_the_ends_whose_size_nobody_knows_are_left_out() -> None:
    middle = math.log(LOW * 10)
    right = found(headline(log_params_half=lambda c: np.where(c < middle, 3.41, 3.39)))
    assert LOW * 10 <= right.lowest < LOW * 12 and right.highest == HIGH * 1e5
    assert "not even known to within a factor of 30" in right.below and LOW not in right
    left = found(headline(log_params_half=lambda c: np.where(c > middle, 3.41, 3.39)))
    assert LOW * 8 < left.highest <= LOW * 10 and left.lowest == LOW / 1e3 and HIGH not in left
    with pytest.raises(OutOfReachError, match=r"factor of 30 at any fitted budget\. Add budgets, sizes or seeds"):
        found(headline(log_params_half=lambda c: 3.41 + 0 * c))


def test_the_other_fitted_budgets_are_always_within() -> None:
    ends = found(headline(loss_half=lambda c: 9 + 0 * c))
    assert (ends.lowest, ends.highest) == (LOW, HIGH) and LOW in ends and HIGH in ends


@pytest.fixture(scope="module")
def law() -> Law:
    return fit(table(noise=0.003), holdout=False)


@pytest.mark.parametrize("flops", [1.0, 1e14, 2e25, 1e300])
def test_a_budget_outside_is_refused_with_those_inside(law: Law, flops: float) -> None:
    with pytest.raises(OutOfReachError, match="Ask for a budget from 1e15 to 1e25 FLOPs") as caught:
        law.predict(flops)
    assert (caught.value.quantity, caught.value.lowest, caught.value.highest) == ("flops", 1e15, 1e25)
    assert ("below the smallest" if flops < 1e18 else "the largest") in str(caught.value)
    assert law.predict(1e15).loss > law.predict(1e25).loss > 0


@dataclass(frozen=True)
class Made:
    """An answer made by hand."""

    flops: float
    params: float
    tokens: float
    loss: float
    params_interval: Interval
    tokens_interval: Interval
    loss_interval: Interval
    run_interval: Interval | None


MADE = Made(1e18, 1e3, 1e4, 3.0, Interval(4e2, 2e4), Interval(5e3, 3e5), Interval(2.9, 3.1), Interval(2.8, 3.2))
"""One that can be."""


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"run_interval": None},
        {"run_interval": Interval(3.01, 3.2)},  # runs of that budget were worse than the law
        {"params": 1.0, "params_interval": Interval(1.0, 30.0)},
        {"loss": 1e-9, "loss_interval": Interval(0.0, 1.0), "run_interval": Interval(0.0, 1.0)},
        {"loss": 2.9 * (1 - 5e-10)},
    ],
)
def test_what_can_be_is_handed_on(change: dict[str, Any]) -> None:
    answer = replace(MADE, **change)
    assert limits.possible(answer) is answer


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"params": 0.5}, "is impossible"),
        ({"tokens": 0.5}, "is impossible"),
        ({"loss": 0.0}, "is impossible"),
        ({"loss": math.nan}, "is impossible"),
        ({"loss": 2.8}, "lies outside its own interval"),
        ({"loss_interval": Interval(-0.1, 4.6)}, "lies outside its own interval"),
        ({"loss_interval": Interval(2.9, math.nan)}, "lies outside its own interval"),
        ({"params": 3e4}, "lies outside its own interval"),
        ({"tokens": 4e3}, "lies outside its own interval"),
        ({"params_interval": Interval(3e1, 2e4)}, r"factor of 30: 1 k \(30 to 20 k\)"),
        ({"params_interval": Interval(4e2, 4e4)}, "not even known to within a factor of 30"),
    ],
)
def test_an_answer_that_cannot_be_or_says_nothing_is_refused_with_what_to_do(
    change: dict[str, Any], words: str
) -> None:
    with pytest.raises(OutOfReachError, match=words) as caught:
        limits.possible(replace(MADE, **change))
    assert "10¹⁸" in str(caught.value) and "Check the units of the table's columns" in str(caught.value)
    with pytest.raises(OutOfReachError, match=r"\. Ask otherwise$") as caught:
        limits.possible(replace(MADE, **change), "Ask otherwise", "params")
    assert caught.value.quantity == "params"


def test_a_size_is_told_within_a_hundredfold_of_the_optimum() -> None:
    for size in (1e7, 1e11):
        check_size(1e20, size, 1e9)
    for size, words in ((0.99e7, "times below"), (1.01e11, "times above"), (1e-300, "times below")):
        with pytest.raises(OutOfReachError, match=words) as caught:
            check_size(1e20, size, 1e9)
        assert (caught.value.lowest, caught.value.highest) == (1e7, 1e11)
    with pytest.raises(OutOfReachError, match="Ask for a size from 1 to 2 k"):
        check_size(1e6, 0.5, 20.0)


@pytest.mark.parametrize(
    ("loss", "low", "high"),
    [
        (3.0, 2.0, 6.0),
        (3.0, 2.0, math.inf),
        (13.0, 12.0, 14.0),
        (math.nan, 1.0, 2.0),
        (-1.0, -2.0, 0.0),
        (3.0, 3.1, 4.0),
    ],
)
def test_a_loss_off_the_optimum_is_possible_or_refused(loss: float, low: float, high: float) -> None:
    assert possible_loss(3.0, Interval(-1.0, 5.9), 5.0, "") == Interval(0.0, 5.0)
    with pytest.raises(OutOfReachError, match=r"cannot tell the loss of that model.* Ask nearer"):
        possible_loss(loss, Interval(low, high), 12.0, "Ask nearer")


def test_the_ends_of_what_is_possible_are_possible() -> None:
    assert possible_loss(5.0, Interval(5.0, 5.0), 5.0, "") == Interval(5.0, 5.0)
    assert possible_loss(2.0, Interval(0.0, 3.99), 9.0, "") == Interval(0.0, 3.99)
    for loss in (0.0, 5.01):
        with pytest.raises(OutOfReachError):
            possible_loss(loss, Interval(loss, loss), 5.0, "")
    with pytest.raises(OutOfReachError):
        possible_loss(2.0, Interval(1.0, 4.0), 9.0, "")


def test_a_budget_and_a_size_at_the_end_are_inside_whatever_rounding_makes_of_them() -> None:
    ends = limits.Limits(1e15, 1e25, "", "")
    inside, outside = 1 + 5e-10, 1 + 2e-9
    for low, high in ((1e15 / inside, 1e25 * inside), (1e15, 1e25)):
        assert ends.only([low, high]) == [low, high]
    assert ends.only([1e15 / outside, 1e25 * outside]) == []
    check_size(1e20, 1e7 / inside, 1e9)
    check_size(1e20, 1e11 * inside, 1e9)
    for size in (1e7 / outside, 1e11 * outside):
        with pytest.raises(OutOfReachError):
            check_size(1e20, size, 1e9)


def test_no_loss_is_above_a_uniform_guess_unless_one_was_measured() -> None:
    assert worst_loss("bits/byte", 2.0) == worst_loss("bits/byte", 8.0) == 8
    assert worst_loss("nats/token", 2.0) == worst_loss("as in the data", 12.4) == pytest.approx(18 * math.log(2))
    assert worst_loss("as in the data", 12.5) == worst_loss("bits/byte", 9.0) == math.inf


@pytest.mark.parametrize("value", [1.0, 123.0, 1.234e-7, 9.999e99, 1e-290, 5e20, 3.0200000001e14])
def test_rounding_keeps_to_its_side_and_keeps_what_is_round(value: float) -> None:
    up, down = rounded_up(value), rounded_down(value)
    assert down <= value * (1 + 1e-9) and value * (1 - 1e-9) <= up <= down * 1.011
    assert (rounded_up(down), rounded_down(up)) == (down, up)
