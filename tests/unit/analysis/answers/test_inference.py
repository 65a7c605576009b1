"""The cheapest model with the inference that follows, against brute force; refused where it cannot be told."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from analysis.answers import draws
from analysis.answers.inference import cheapest_with_inference
from analysis.fitting.cost import TokenCost
from analysis.law import Law, fit
from analysis.records import OutOfReachError, QuestionError
from tests.unit.analysis.law_tables import hoffmann, skewed, small, table

FALLING = TokenCost.from_nodes([1e4, 1e6, 1e8], [8.4e4, 6.7e6, 6.1e8])


@pytest.fixture(autouse=True, scope="module")
def few_draws() -> Iterator[None]:
    """A quarter of the draws: what is tested here holds with any number of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draws, "DRAWS", 100)
        yield


@pytest.fixture(scope="module")
def law() -> Law:
    return fit(table(noise=0.002, seed=1), holdout=False)


@cache
def exact(name: str) -> Law:
    """A law of losses without noise."""
    if name == "large":
        return fit(table(noise=0.0), holdout=False)
    runs = table(truth=small, budgets=(1e12, 3e12, 1e13, 3e13), noise=0.0, cost=FALLING)
    return fit(runs, cost=FALLING, holdout=False)


def brute_force(law: Law, name: str, flops: float, inference: float) -> tuple[float, float]:
    """N and D on the true surface, by a fine grid of sizes and the tokens that each needs."""
    e, a, alpha, b, beta = {"large": (1.69, 406.4, 0.34, 410.7, 0.28), "small": (1.5, 30.0, 0.33, 105.0, 0.33)}[name]
    target = law.predict(flops)
    goal = e + a / target.params**alpha + b / target.tokens**beta
    least = (a / (goal - e)) ** (1 / alpha)
    params = least * (1 + np.geomspace(1e-6, 50, 400_000))
    tokens = (b / (goal - e - a / params**alpha)) ** (1 / beta)
    cost = law.cost.flops_per_token(params) * (tokens + inference / 3)
    best = int(np.argmin(cost))
    return float(params[best]), float(tokens[best])


@pytest.mark.parametrize("name", ["large", "small"])
@pytest.mark.parametrize("times", [0.0, 1.0, 30.0, 1000.0, 20_000.0])
def test_size_and_tokens_are_those_of_brute_force_however_much_inference_follows(name: str, times: float) -> None:
    law = exact(name)
    flops = 3 * law.largest_budget
    inference = max(times, 1e-3) * law.predict(flops).tokens
    answer = cheapest_with_inference(law, flops, inference)
    params, tokens = brute_force(law, name, flops, inference)
    # Where the cost of a token falls with N, the additive truth is no valley in N and C, only close to one.
    assert answer.params == pytest.approx(params, rel={"large": 0.01, "small": 0.08}[name])
    assert answer.tokens == pytest.approx(tokens, rel={"large": 0.01, "small": 0.18}[name])
    assert answer.flops == pytest.approx(answer.tokens * law.cost.flops_per_token(answer.params))


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
    answer = cheapest_with_inference(law, flops, inference)
    assert answer.params == pytest.approx(truth, rel=0.15)
    assert answer.params < optimum.params
    assert answer.flops > flops
    assert answer.loss == pytest.approx(optimum.loss, abs=0.01)
    assert answer.details["total_flops"] == pytest.approx(float(total.min()), rel=0.03)
    assert 0 < answer.details["saving"] < 1
    few = cheapest_with_inference(law, flops, 1e6)
    assert few.params == pytest.approx(optimum.params, rel=0.1)


def test_inference_counts_a_third_of_the_training_flops_of_a_token(law: Law) -> None:
    answer = cheapest_with_inference(law, 1e21, 3e11)
    assert answer.details["total_flops"] == pytest.approx(answer.flops + 2 * answer.params * 3e11)
    plain = 1e21 + 2 * law.predict(1e21).params * 3e11
    assert answer.details["total_flops_of_compute_optimal"] == pytest.approx(plain)
    assert answer.details["saving"] == pytest.approx(1 - answer.details["total_flops"] / plain)
    assert answer.details["inference_tokens"] == 3e11


@pytest.mark.parametrize(
    "inference", [1e18, *(pytest.param(each, marks=pytest.mark.slow) for each in (1e30, 1e300, 1.7e308))]
)
def test_inference_beyond_what_can_be_told_is_refused_with_what_can(law: Law, inference: float) -> None:
    with pytest.raises(OutOfReachError, match="tokens or fewer") as caught:
        cheapest_with_inference(law, 1e21, inference)
    most = caught.value.highest
    assert caught.value.quantity == "inference_tokens" and most is not None
    answer = cheapest_with_inference(law, 1e21, most)
    ends = (answer.params_interval, answer.tokens_interval)
    assert all(np.isfinite([end.low, end.high]).all() and end.low < end.high for end in ends)
    with pytest.raises(OutOfReachError):
        cheapest_with_inference(law, 1e21, 1.1 * most)


def test_almost_no_inference_leaves_the_optimum(law: Law) -> None:
    optimum, answer = law.predict(1e21), cheapest_with_inference(law, 1e21, 1e-300)
    assert (answer.params, answer.tokens) == (pytest.approx(optimum.params), pytest.approx(optimum.tokens))
    assert answer.tokens_interval.low == pytest.approx(optimum.tokens_interval.low)
    assert answer.details["saving"] == pytest.approx(0, abs=1e-9)
    with pytest.raises(QuestionError, match="inference tokens must be"):
        cheapest_with_inference(law, 1e21, 0.0)


def test_inference_that_outweighs_the_training_is_refused() -> None:
    """The skewed valley's smallest size for a loss needs a finite number of tokens, however much inference follows."""
    law = fit(table(truth=skewed, noise=0.001, seed=1), holdout=False)
    with pytest.raises(OutOfReachError, match="inference outweighs the") as caught:
        cheapest_with_inference(law, 1e20, 1e40)
    most = caught.value.highest
    assert most is not None
    assert 0.9e4 < most / cheapest_with_inference(law, 1e20, most).tokens <= 1e4
