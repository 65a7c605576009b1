"""Questions beyond the optimum, published laws and the compute multiplier, on truths with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.answers import questions
from analysis.law import Law, fit
from analysis.records import LawError, QuestionError
from tests.unit.analysis.law_tables import hoffmann, table


@pytest.fixture(scope="module")
def law() -> Law:
    return fit(table(noise=0.002, seed=1), holdout=False)


def test_a_size_off_the_optimum_costs_loss(law: Law) -> None:
    optimum = law.predict(1e21)
    answer = questions.given_size(law, 1e21, optimum.params / 4)
    n, d = np.array([optimum.params, optimum.params / 4]), np.array([optimum.tokens, optimum.tokens * 4])
    truth = float(np.diff(hoffmann(n, d))[0])
    assert answer.details["times_too_large"] == pytest.approx(0.25)
    assert answer.details["excess_loss_low"] <= truth <= answer.details["excess_loss_high"]
    assert questions.given_size(law, 1e21, optimum.params).details["excess_loss"] == pytest.approx(0, abs=1e-9)


def test_nonsense_is_refused(law: Law) -> None:
    with pytest.raises(QuestionError, match="params must be"):
        questions.given_size(law, 1e21, float("nan"))
    empty = fit(table(budgets=(1e18, 1e19)))
    with pytest.raises(LawError, match="no law could be fitted"):
        questions.given_size(empty, 1e21, 1e9)


def test_a_model_too_small_by_a_factor_is_that_much_smaller(law: Law) -> None:
    optimum = law.predict(1e21)
    answer = questions.too_small(law, 1e21, 4.0)
    assert answer.params == pytest.approx(optimum.params / 4)
    assert answer == questions.given_size(law, 1e21, optimum.params / 4)
    assert answer.details["times_too_small"] == pytest.approx(4)
    assert (answer.params_interval.low, answer.params_interval.high) == (answer.params, answer.params)
    assert answer.tokens_interval.low == answer.tokens == pytest.approx(1e21 / 6 / answer.params)
    assert answer.extrapolation == pytest.approx(10)
    with pytest.raises(QuestionError, match="times too small must be a positive number, not 0"):
        questions.too_small(law, 1e21, 0.0)


def test_wasted_compute_is_what_the_optimum_would_have_saved(law: Law) -> None:
    answer = questions.given_size(law, 1e21, law.predict(1e21).params / 4)
    enough = answer.details["compute_for_same_loss"]
    assert law.predict(enough).loss == pytest.approx(answer.loss, abs=2e-3)
    assert answer.details["wasted_compute"] == pytest.approx(1 - enough / 1e21)
    assert (
        answer.details["wasted_compute_low"]
        <= answer.details["wasted_compute"]
        <= answer.details["wasted_compute_high"]
    )
    assert answer.loss == pytest.approx(law.predict(1e21).loss + answer.details["excess_loss"])


def test_tokens_for_a_loss_bring_a_smaller_model_there_too(law: Law) -> None:
    goal, optimum = law.predict(1e21).loss, law.predict(1e21)
    answer = questions.tokens_to_reach(law, goal, optimum.params / 3)
    truth = hoffmann(np.array([answer.params]), np.array([answer.tokens]))[0]
    assert truth == pytest.approx(goal, abs=0.01)
    assert answer.question == "tokens_for_loss" and answer.loss == goal
    assert answer.flops == pytest.approx(6 * answer.params * answer.tokens)
    assert answer.details["times_the_compute"] == pytest.approx(answer.flops / answer.details["compute_of_optimum"])
    assert answer.details["compute_of_optimum"] == pytest.approx(1e21, rel=0.02)
    assert answer.tokens_interval.low < answer.tokens < answer.tokens_interval.high
    with pytest.raises(LawError, match="does not reach a loss of"):
        questions.tokens_to_reach(law, goal, 1e6)
