"""The best model with limited data: against a dense search on the law's own surface, its limits, and its interval."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.answers import draws
from analysis.answers import worth as own_worth
from analysis.answers.ask import Question, ask
from analysis.answers.draws import losses
from analysis.answers.limited import best_with_limited_data
from analysis.answers.questions import Answer
from analysis.answers.split import Surfaces
from analysis.fitting.cost import TokenCost
from analysis.fitting.repetition import published as repetition
from analysis.law import Law, fit
from analysis.records import OutOfReachError, QuestionError
from analysis.wording import format_count
from tests.unit.analysis.law_tables import (
    SMALL_COST,
    Floats,
    Truth,
    asymmetric,
    hoffmann,
    skaling,
    skewed,
    small,
    table,
)

SMALL_BUDGETS = (1e11, 3e11, 1e12)
LAWS: dict[str, tuple[Truth, TokenCost | None, tuple[float, ...]]] = {
    "additive": (hoffmann, None, (1e18, 3e18, 1e19, 3e19, 1e20)),
    "asymmetric": (asymmetric, None, (1e18, 3e18, 1e19, 3e19, 1e20)),
    "joint skew": (skewed, None, (1e18, 3e18, 1e19, 3e19, 1e20)),
    "Skaling": (skaling, None, (1e18, 3e18, 1e19, 3e19, 1e20)),
    "three small budgets": (small, SMALL_COST, SMALL_BUDGETS),
}
"""Truth, cost of a token, budgets."""


@pytest.fixture(autouse=True, scope="module")
def few_draws() -> Iterator[None]:
    """A quarter of the draws: what is tested here holds with any number of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draws, "DRAWS", 100)
        yield


@cache
def law_of(name: str) -> Law:
    truth, cost, budgets = LAWS[name]
    return fit(table(truth=truth, budgets=budgets, noise=0.002, seed=3, cost=cost), cost=cost, holdout=False)


def surface(law: Law, params: Floats, tokens: Floats) -> Floats:
    """Losses of the law's most trusted surface."""
    form, theta = draws.surface(law, 0)
    return np.asarray(losses(law, form, theta, params, tokens)[0])


def diminished(amount: Floats, unique: float, worth: float) -> Floats:
    """Equation 5 of Muennighoff et al. 2023, as it is written there."""
    repeats = np.maximum(amount / unique - 1, 0)
    return np.asarray(np.minimum(amount, unique) + unique * worth * (1 - np.exp(-repeats / worth)))


def densest(law: Law, flops: float, unique: float) -> tuple[float, float]:
    """N with the limit over N without, and the loss with it, of a dense search on the law's own surface."""
    log_n = np.log(law.predict(flops).params) + np.linspace(-5, 5, 20001)
    params, tokens = np.exp(log_n), law.cost.tokens(flops, np.exp(log_n))
    free = surface(law, params, tokens)
    sizes = np.exp(np.log(law.predict(flops).params) + np.linspace(-22, 3, 12501))
    budgets, step = law.cost.flops_per_token(sizes) * unique, np.exp(1e-3)
    more = surface(law, sizes * step, law.cost.tokens(budgets, sizes * step))
    less = surface(law, sizes / step, law.cost.tokens(budgets, sizes / step))
    filled = float(sizes[np.argmax(more > less)])
    with_limit = surface(law, diminished(params, filled, 5.309743), diminished(tokens, unique, 15.387756))
    best = int(np.argmin(with_limit))
    first = int(np.argmin(free))
    return params[best] / params[first], float(with_limit[best])


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize(("times", "epochs"), [(0.3, 200.0), (1.0, 40.0), (10.0, 16.0), (1.0, 4.0), (10.0, 1.3)])
def test_the_answer_is_that_of_a_dense_search_on_the_laws_own_surface(name: str, times: float, epochs: float) -> None:
    law = law_of(name)
    flops = times * law.largest_budget
    free = law.predict(flops)
    unique = free.tokens / epochs
    factor, loss = densest(law, flops, unique)
    answer = best_with_limited_data(law, flops, unique)
    assert answer.params / free.params == pytest.approx(factor, rel=0.01)
    assert answer.tokens == pytest.approx(flops / law.cost.flops_per_token(factor * free.params), rel=0.01)
    assert answer.details["epochs"] == pytest.approx(answer.tokens / unique)
    assert answer.loss == pytest.approx(loss, rel=0.01)


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("epochs", [1e3, 3e3])
def test_a_loss_that_repetition_has_made_flat_is_that_of_the_search_too(name: str, epochs: float) -> None:
    """The size is then whatever gains by amounts that a loss in double precision no longer shows."""
    law = law_of(name)
    unique = law.predict(law.largest_budget).tokens / epochs
    answer = best_with_limited_data(law, law.largest_budget, unique)
    assert answer.loss == pytest.approx(densest(law, law.largest_budget, unique)[1], rel=0.01)
    assert 0.1 < answer.params / law.predict(law.largest_budget).params < 10


@pytest.mark.parametrize("epochs", [60.0, 100.0])
def test_the_loss_is_the_headlines_where_training_without_a_limit_reaches_it(epochs: float) -> None:
    law = law_of("three small budgets")
    flops = 10 * law.largest_budget
    unique = law.predict(flops).tokens / epochs
    trusted = Surfaces(law, *draws.surface(law, 0))
    log_c = np.linspace(np.log(law.smallest_budget), np.log(flops), 401)
    free = np.array([trusted.free(float(one)).loss[0, 0] for one in log_c])
    same = float(np.exp(np.interp(-densest(law, flops, unique)[1], -free, log_c)))
    assert law.smallest_budget * 1.01 < same < 0.9 * law.largest_budget
    assert best_with_limited_data(law, flops, unique).loss == pytest.approx(law.predict(same).loss, abs=1e-3)


def test_few_tokens_have_the_loss_of_the_surface_and_not_of_the_smallest_budget() -> None:
    """A search that ends at a hundredth of the smallest budget said 4.86 ± 0.03 here."""
    answer = best_with_limited_data(law_of("additive"), 1e20, 7.3e6)
    assert answer.loss == pytest.approx(densest(law_of("additive"), 1e20, 7.3e6)[1], rel=0.01)
    assert answer.loss > 6
    assert answer.loss_interval.high - answer.loss_interval.low > 1


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("unique", [1.1, 1e3, 1e15, 1e31, 1e300])
def test_more_than_enough_tokens_change_nothing(name: str, unique: float) -> None:
    """The limit as a multiple of what the optimum needs."""
    law = law_of(name)
    free = law.predict(10 * law.largest_budget)
    own = np.exp(Surfaces(law, *draws.surface(law, 0)).free(float(np.log(free.flops))).log_params[0, 0])
    enough = max(free.tokens, float(law.cost.tokens(free.flops, own)))
    answer = best_with_limited_data(law, free.flops, min(unique * enough, 1e307))
    assert (answer.params, answer.tokens, answer.loss) == (free.params, free.tokens, free.loss)
    assert answer.loss_interval.low == pytest.approx(free.loss_interval.low, abs=2e-3)
    assert answer.loss_interval.high == pytest.approx(free.loss_interval.high, abs=2e-2)
    assert answer.details["loss_without_limit"] == free.loss


@pytest.mark.parametrize("name", LAWS)
def test_answers_are_continuous_where_the_limit_begins_to_bind(name: str) -> None:
    law = law_of(name)
    free = law.predict(10 * law.largest_budget)
    limits = free.tokens * np.exp(np.linspace(-0.3, 0.3, 13))
    answers = [best_with_limited_data(law, free.flops, float(unique)) for unique in limits]
    log_n, loss = np.log([a.params for a in answers]), np.array([a.loss for a in answers])
    assert np.abs(np.diff(log_n)).max() < 0.05
    assert np.abs(np.diff(loss)).max() < 2e-3
    assert loss[0] > loss[-1] == free.loss


def possible(law: Law, flops: float, unique: float) -> Answer | None:
    try:
        return best_with_limited_data(law, flops, unique)
    except OutOfReachError:
        return None


@pytest.mark.slow
@settings(max_examples=6, deadline=None)
@given(
    name=st.sampled_from(list(LAWS)),
    log_c=st.floats(-2, 3),
    log_unique=st.floats(-9, 3),
    fewer=st.floats(0.01, 3),
    more=st.floats(0.01, 2),
)
def test_more_tokens_and_more_compute_never_cost_loss(
    name: str, log_c: float, log_unique: float, fewer: float, more: float
) -> None:
    """Decimal logarithms of the budget over the largest, and of the tokens over those of its optimum."""
    law = law_of(name)
    flops = law.largest_budget * 10**log_c
    unique = law.predict(law.largest_budget).tokens * 10**log_unique
    answer, poorer = possible(law, flops, unique), possible(law, flops, unique / 10**fewer)
    richer = possible(law, flops * 10**more, unique)
    found = [a for a in (poorer, answer, richer) if a is not None]
    assert len(found) < 2 or answer is not None, "what more can be said of fewer tokens can be said of more"
    assert (np.diff([a.loss for a in found]) < 1e-9).all()
    for a in found:
        assert a.params >= 1 and a.params_interval.low >= 1
        assert a.params in a.params_interval and a.tokens in a.tokens_interval and a.loss in a.loss_interval
        assert a.loss_interval.low >= 0 and np.isfinite([a.params_interval.high, a.loss_interval.high]).all()
        assert a.loss >= a.details["loss_without_limit"] - 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("name", LAWS)
def test_too_few_tokens_are_refused_with_how_many_can_be_asked_about(name: str) -> None:
    law = law_of(name)
    flops = law.largest_budget
    with pytest.raises(OutOfReachError, match=r"with 1 unique token at .* worse than a uniform guess") as refused:
        best_with_limited_data(law, flops, 1.0)
    least = refused.value.lowest
    assert refused.value.quantity == "max_tokens" and least is not None and refused.value.highest is None
    assert str(refused.value).endswith(f"in use. Ask about {format_count(least)} tokens or more")
    assert best_with_limited_data(law, flops, least).loss < np.log(2**18)
    assert possible(law, flops, least / 1.2) is None


@pytest.mark.parametrize("unique", [3e-5, 50.0, 1e5])
def test_the_fewest_tokens_do_not_depend_on_how_few_were_asked_about(unique: float) -> None:
    law = law_of("additive")
    with pytest.raises(OutOfReachError, match="unique tokens at") as refused:
        best_with_limited_data(law, 1e20, unique)
    with pytest.raises(OutOfReachError) as other:
        best_with_limited_data(law, 1e20, 1.0)
    assert refused.value.lowest == pytest.approx(other.value.lowest, rel=0.15)


def test_a_loss_in_bits_per_byte_ends_at_a_uniform_guess_over_bytes() -> None:
    law = replace(law_of("additive"), loss_unit="bits/byte")
    assert best_with_limited_data(law_of("additive"), 1e20, 1e6).loss > 8
    with pytest.raises(OutOfReachError, match="uniform guess"):
        best_with_limited_data(law, 1e20, 1e6)


def test_the_interval_holds_the_error_of_the_worth_of_repeated_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    law = law_of("additive")
    unique = law.predict(1e21).tokens / 16
    whole = best_with_limited_data(law, 1e21, unique)
    with monkeypatch.context() as patch:
        patch.setattr(repetition, "LOG_WORTH_SD", 1e-9)
        without = best_with_limited_data(law, 1e21, unique)
    assert (without.params, without.loss) == (whole.params, whole.loss)
    widths = [a.loss_interval.high - a.loss_interval.low for a in (without, whole)]
    sizes = [np.log(a.params_interval.high / a.params_interval.low) for a in (without, whole)]
    assert widths[1] > 10 * widths[0] and sizes[1] > 5 * sizes[0]
    for worth in (0.5, 2.0):
        monkeypatch.setattr(
            own_worth,
            "PUBLISHED",
            repetition.Worth(repetition.PUBLISHED.tokens * worth, repetition.PUBLISHED.params * worth),
        )
        other = best_with_limited_data(law, 1e21, unique)
        assert other.loss in whole.loss_interval and other.loss not in without.loss_interval


def test_repetitions_are_warned_of_from_one_epoch_on_and_beyond_forty() -> None:
    law = law_of("additive")
    tokens = law.predict(1e21).tokens
    for unique, words in ((2 * tokens, 0), (tokens / 3, 1), (tokens / 200, 2)):
        answer = best_with_limited_data(law, 1e21, unique)
        assert answer.details["unique_tokens"] == unique
        told = [warning for warning in answer.warnings if "seen" in warning or "Beyond 40 epochs" in warning]
        assert len(told) == words, answer.details
        assert answer.tokens_interval.low == pytest.approx(1e21 / 6 / answer.params_interval.high)
        assert answer.question == "optimum_with_limited_data" and answer.extrapolation == pytest.approx(10)


def test_n_d_and_c_are_tied_where_the_cost_of_a_token_falls() -> None:
    answer = best_with_limited_data(law_of("three small budgets"), 1e13, 1e5)
    assert answer.tokens * SMALL_COST.flops_per_token(answer.params) == pytest.approx(1e13)


def test_what_cannot_be_a_limit_is_refused() -> None:
    with pytest.raises(QuestionError, match="unique tokens must be a positive number"):
        best_with_limited_data(law_of("additive"), 1e21, 0)
    with pytest.raises(QuestionError, match="unique tokens must be a positive number"):
        best_with_limited_data(law_of("additive"), 1e21, float("inf"))


@pytest.mark.parametrize("also", ["inference_tokens", "params", "times_too_small"])
def test_a_limit_goes_with_a_budget_and_no_other_question(also: str) -> None:
    with pytest.raises(QuestionError, match="ask one question at a time"):
        ask(law_of("additive"), replace(Question(flops=1e21, max_tokens=1e9), **{also: 2.0}))
    with pytest.raises(QuestionError, match="`max_tokens` needs a budget: give `flops` instead of `loss`"):
        ask(law_of("additive"), Question(loss=2.4, max_tokens=1e9))
    with pytest.raises(QuestionError, match="for limited data ask with `max_tokens`"):
        ask(law_of("additive"), Question(tokens=1e9, max_tokens=1e9))
