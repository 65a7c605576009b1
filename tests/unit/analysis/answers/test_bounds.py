"""The arithmetic of answers' intervals, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.answers import bounds
from analysis.law import fit
from analysis.records import Interval, QuestionError
from tests.unit.analysis.law_tables import SMALL_COST, small, table


def test_a_sum_of_independent_errors_adds_in_squares() -> None:
    found = bounds.of_sum(10.0, 3.0, Interval(0.0, 6.0), 7.0, Interval(3.0, 8.0))
    assert [found.low, found.high] == pytest.approx([10 - 5, 10 + np.sqrt(10)])


def test_draws_give_the_middle_95_per_cent_of_those_with_an_answer() -> None:
    ends = bounds.of_draws(0.5, np.concatenate([np.linspace(0, 1, 1001), [np.inf, np.nan]]))
    assert [ends.low, ends.high] == pytest.approx([0.025, 0.975])
    assert bounds.of_draws(2.0, np.linspace(0, 1, 101)).high == 2.0
    assert bounds.of_draws(-2.0, np.linspace(0, 1, 101)).low == -2.0


def test_lost_draws_are_told_where_they_are_more_than_an_end_of_the_interval() -> None:
    drawn = np.ones(1000)
    drawn[:25] = np.nan
    assert bounds.lost_warnings(drawn, "x") == ()
    drawn[:40] = np.inf
    assert bounds.lost_warnings(drawn, "reach nothing") == (
        "By 4% of the law's draws reach nothing; the intervals are of the others.",
    )


def test_a_factor_on_the_optimum_moves_its_interval_and_no_model_is_below_one_parameter() -> None:
    law = fit(
        table(truth=small, budgets=(1e11, 3e11, 1e12), span=3.4, noise=0.01, cost=SMALL_COST),
        cost=SMALL_COST,
        holdout=False,
    )
    centre = law.predict(1e12)
    n, around = bounds.of_scaled(centre, np.log(0.5), Interval(np.log(0.5), np.log(0.5)))
    assert n == pytest.approx(centre.params / 2)
    assert around.low == pytest.approx(centre.params_interval.low / 2)
    assert around.high == pytest.approx(centre.params_interval.high / 2)
    counts = bounds.of_counts(Interval(-3.0, 2.0))
    assert [counts.low, counts.high] == pytest.approx([1.0, np.exp(2.0)])
    tokens = bounds.of_tokens(law, 1e12, around)
    assert tokens.low == pytest.approx(1e12 / SMALL_COST.flops_per_token(around.high))
    assert tokens.high == pytest.approx(1e12 / SMALL_COST.flops_per_token(around.low))


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_not_a_positive_number_is_refused_by_its_name(value: float) -> None:
    with pytest.raises(QuestionError, match="unique tokens must be a positive number, not"):
        bounds.check_positive(flops=1.0, unique_tokens=value)
