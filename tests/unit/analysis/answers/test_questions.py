"""Questions beyond the optimum, published laws and the compute multiplier, on truths with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.answers import questions
from analysis.fitting.cost import TokenCost
from analysis.law import Law, fit
from analysis.records import LawError, QuestionError
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
