"""Questions beyond the optimum, published laws and the compute multiplier, on truths with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.answers import questions
from analysis.fitting.cost import TokenCost
from analysis.law import Law, fit
from analysis.records import Interval, LawError, QuestionError
from tests.unit.analysis.law_tables import hoffmann, table


@pytest.fixture(scope="module")
def law() -> Law:
    return fit(table(noise=0.002, seed=1), holdout=False)


def test_plentiful_data_changes_nothing(law: Law) -> None:
    answer = questions.best_with_limited_data(law, 1e21, 1e13)
    assert answer.params == pytest.approx(law.predict(1e21).params, rel=0.1)
    assert answer.details["epochs"] < 0.1
    assert answer.loss_interval.low < law.predict(1e21).loss < answer.loss_interval.high


def test_scarce_data_is_repeated_and_costs_loss(law: Law) -> None:
    """The same search on the true surface with Muennighoff's two discounts."""
    flops, unique = 1e21, 2e9
    params = np.geomspace(3e8, 3e11, 4000)
    tokens = flops / 6 / params
    filled = (0.34 * 406.4 / (0.28 * 410.7) * unique**0.28) ** (1 / 0.34)
    worth = np.minimum(tokens, unique) + unique * 15.387756 * -np.expm1(-np.maximum(tokens / unique - 1, 0) / 15.387756)
    size = np.minimum(params, filled) + filled * 5.309743 * -np.expm1(-np.maximum(params / filled - 1, 0) / 5.309743)
    losses = hoffmann(size, worth)
    truth = float(params[np.argmin(losses)])
    answer = questions.best_with_limited_data(law, flops, unique)
    assert answer.params == pytest.approx(truth, rel=0.15)
    assert answer.loss == pytest.approx(float(losses.min()), abs=0.01)
    assert answer.params_interval.low <= answer.params <= answer.params_interval.high
    assert answer.details["epochs"] > 2
    assert answer.loss > law.predict(flops).loss
    assert any("times" in warning for warning in answer.warnings)


def test_inference_to_come_makes_the_model_smaller_and_the_whole_cheaper(law: Law) -> None:
    """The same search on the true surface, as Sardana et al. do."""
    flops, inference = 1e21, 5e11
    optimum = law.predict(flops)
    params = np.geomspace(optimum.params / 30, optimum.params * 3, 4000)
    goal = float(hoffmann(np.array([optimum.params]), np.array([optimum.tokens]))[0])
    room = goal - 1.69 - 406.4 / params**0.34
    tokens = np.where(room > 0, (410.7 / np.maximum(room, 1e-9)) ** (1 / 0.28), np.inf)
    total = 6 * params * tokens + 2 * params * inference
    truth = float(params[np.argmin(total)])
    answer = questions.cheapest_with_inference(law, flops, inference)
    assert answer.params == pytest.approx(truth, rel=0.15)
    assert answer.params < optimum.params
    assert answer.flops > flops
    assert answer.loss == pytest.approx(optimum.loss, abs=0.01)
    assert answer.details["total_flops"] == pytest.approx(float(total.min()), rel=0.03)
    assert 0 < answer.details["saving"] < 1
    few = questions.cheapest_with_inference(law, flops, 1e6)
    assert few.params == pytest.approx(optimum.params, rel=0.1)


def test_a_size_off_the_optimum_costs_loss(law: Law) -> None:
    optimum = law.predict(1e21)
    answer = questions.given_size(law, 1e21, optimum.params / 4)
    n, d = np.array([optimum.params, optimum.params / 4]), np.array([optimum.tokens, optimum.tokens * 4])
    truth = float(np.diff(hoffmann(n, d))[0])
    assert answer.details["times_too_large"] == pytest.approx(0.25)
    assert answer.details["excess_loss_low"] <= truth <= answer.details["excess_loss_high"]
    assert questions.given_size(law, 1e21, optimum.params).details["excess_loss"] == pytest.approx(0, abs=1e-9)


def test_nonsense_is_refused(law: Law) -> None:
    with pytest.raises(QuestionError, match="unique tokens must be"):
        questions.best_with_limited_data(law, 1e21, 0)
    with pytest.raises(QuestionError, match="params must be"):
        questions.given_size(law, 1e21, float("nan"))
    empty = fit(table(budgets=(1e18, 1e19)))
    with pytest.raises(LawError, match="no law could be fitted"):
        questions.given_size(empty, 1e21, 1e9)


def test_a_falling_cost_of_a_token_is_kept_in_every_answer() -> None:
    cost = TokenCost.from_nodes([1e7, 1e9, 1e11], [9e7, 6.8e9, 6.1e11])
    law = fit(table(cost=cost, noise=0.002), cost=cost, holdout=False)
    answer = questions.best_with_limited_data(law, 1e21, 3e9)
    assert answer.tokens * cost.flops_per_token(answer.params) == pytest.approx(1e21)


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


def test_repetitions_are_warned_of_from_one_epoch_on_and_beyond_forty(law: Law) -> None:
    tokens = law.predict(1e21).tokens
    for unique, words in ((2 * tokens, 0), (tokens / 3, 1), (tokens / 200, 2)):
        answer = questions.best_with_limited_data(law, 1e21, unique)
        assert answer.details["epochs"] == pytest.approx(answer.tokens / unique)
        assert answer.details["unique_tokens"] == unique
        assert answer.details["loss_without_limit"] == law.predict(1e21).loss
        told = [warning for warning in answer.warnings if "seen" in warning or "Beyond 40 epochs" in warning]
        assert len(told) == words, answer.details
        assert answer.tokens_interval.low == pytest.approx(1e21 / 6 / answer.params_interval.high)


def test_a_sum_of_independent_errors_adds_in_squares() -> None:
    found = questions._joined(10.0, 3.0, Interval(0.0, 6.0), 7.0, Interval(3.0, 8.0))
    assert (found.low, found.high) == (pytest.approx(10 - 5), pytest.approx(10 + np.sqrt(10)))
    ends = questions._ends(0.5, np.concatenate([np.linspace(0, 1, 1001), [np.inf]]))
    assert (ends.low, ends.high) == (pytest.approx(0.025), pytest.approx(0.975))
    assert questions._ends(2.0, np.linspace(0, 1, 101)).high == 2.0


def test_what_is_repeated_is_worth_less_each_time() -> None:
    worth = questions._diminishing(np.array([0.5, 1.0, 2.0, 1e9]), 1.0, 15.0)
    assert worth == pytest.approx([0.5, 1.0, 1 + 15 * (1 - np.exp(-1 / 15)), 16.0])


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


def test_inference_counts_a_third_of_the_training_flops_of_a_token(law: Law) -> None:
    answer = questions.cheapest_with_inference(law, 1e21, 3e11)
    assert answer.details["total_flops"] == pytest.approx(answer.flops + 2 * answer.params * 3e11)
    plain = 1e21 + 2 * law.predict(1e21).params * 3e11
    assert answer.details["total_flops_of_compute_optimal"] == pytest.approx(plain)
    assert answer.details["saving"] == pytest.approx(1 - answer.details["total_flops"] / plain)
    assert answer.details["inference_tokens"] == 3e11
