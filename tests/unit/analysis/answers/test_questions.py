"""Questions beyond the optimum, published laws and the compute multiplier, on truths with known answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.answers import questions
from analysis.law import Law, fit
from analysis.limits import Limits
from analysis.records import LawError, OutOfReachError, QuestionError
from analysis.wording import format_count, format_factor
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
    for loss, params in ((-1.0, 1e9), (2.6, 0.0), (float("inf"), 1e9)):
        with pytest.raises(QuestionError, match=r"^(loss|params) must be a positive number, not"):
            questions.tokens_to_reach(law, loss, params)
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


def test_a_size_that_misses_a_loss_is_refused_with_those_that_reach_it(
    law: Law, monkeypatch: pytest.MonkeyPatch
) -> None:
    optimum = law.predict(1e20)
    with pytest.raises(OutOfReachError, match=r"of 1 M parameters does not reach a loss of 2\.6 .* Ask") as caught:
        questions.tokens_to_reach(law, optimum.loss, 1e6)
    low, high = caught.value.lowest, caught.value.highest
    assert caught.value.quantity == "params" and low is not None and high is not None
    assert f"Ask for a size from {format_count(low)} to {format_count(high)}" in str(caught.value)
    assert high == pytest.approx(100 * optimum.params, rel=0.01), "the furthest size of which a law tells"
    for size in (low, high):
        assert questions.tokens_to_reach(law, optimum.loss, size).params == size
    for size in (0.85 * low, 1e12):
        with pytest.raises(OutOfReachError):
            questions.tokens_to_reach(law, optimum.loss, size)
    monkeypatch.setattr(questions, "MOST_LOST", -1.0)
    with pytest.raises(OutOfReachError, match="Ask for another loss") as none:
        questions.tokens_to_reach(law, optimum.loss, 1e6)
    assert none.value.lowest is None


def test_at_the_optimum_the_tokens_of_a_loss_are_those_of_its_compute(law: Law) -> None:
    flops, ends = law.compute_for_loss(law.predict(1e20).loss)
    optimum = law.predict(flops)
    answer = questions.tokens_to_reach(law, law.predict(1e20).loss, optimum.params)
    assert answer.tokens == pytest.approx(optimum.tokens, rel=1e-6)
    assert answer.details["times_the_compute"] == pytest.approx(1, rel=1e-6)
    assert answer.tokens_interval.low == pytest.approx(answer.tokens * ends.low / flops, rel=1e-3)
    assert answer.tokens_interval.high == pytest.approx(answer.tokens * ends.high / flops, rel=1e-3)
    assert answer.extrapolation == pytest.approx(answer.flops / 1e20)
    assert answer.loss_interval == optimum.loss_interval and answer.warnings == ()


def test_a_size_further_from_the_optimum_than_any_run_is_told(law: Law) -> None:
    optima = [(curve, law.predict(curve.flops).params) for curve in law.curves]
    low = min(min(curve.params) / optimum for curve, optimum in optima)
    high = max(max(curve.params) / optimum for curve, optimum in optima)
    for ratio in (low / 1.049, 1.0, high * 1.049):
        assert questions.distance_warnings(law, ratio) == ()
    for ratio, factor in ((low / 1.06, "0.23"), (high * 1.06, "4.2")):
        assert questions.distance_warnings(law, ratio) == (
            f"N is ×{factor} the compute-optimal size, further than any run: the runs lie between ×0.25 and ×4 of it.",
        )


def test_budgets_that_the_law_cannot_tell_have_no_part_in_that_warning(law: Law) -> None:
    known, last = replace(law), law.curves[-1]
    vars(known)["limits"] = Limits(last.flops, law.limits.highest, "", "")
    least, most = (end / law.predict(last.flops).params for end in (min(last.params), max(last.params)))
    (said,) = questions.distance_warnings(known, 90.0)
    assert f"between {format_factor(least)} and {format_factor(most)} of it" in said
    vars(known)["limits"] = Limits(last.flops * 2, law.limits.highest, "", "")
    assert questions.distance_warnings(known, 90.0) == ()


@pytest.mark.parametrize("times", [0.01, 100.0])
def test_a_hundredfold_is_the_furthest_size_by_a_factor(law: Law, times: float) -> None:
    beyond = times * (1.001 if times > 1 else 0.999)
    with pytest.raises(OutOfReachError, match=r"Ask about 0\.01 to 100 times") as caught:
        questions.too_small(law, 1e20, beyond)
    assert (caught.value.quantity, caught.value.lowest, caught.value.highest) == ("times_too_small", 0.01, 100.0)
    assert questions.too_small(law, 1e20, times).details["times_too_small"] == pytest.approx(times)


def test_no_size_costs_less_than_nothing(law: Law) -> None:
    """A draw's own optimum may lie nearer to the size than N* does."""
    optimum = law.predict(1e20)
    for ratio in (0.95, 0.99, 1.0, 1.01, 1.05):
        found = questions.given_size(law, 1e20, optimum.params * ratio)
        assert 0 <= found.details["excess_loss_low"] <= found.details["excess_loss"] and found.loss >= optimum.loss
        assert found.details["wasted_compute_low"] > -1e-12
