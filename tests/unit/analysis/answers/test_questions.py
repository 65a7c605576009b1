"""Questions beyond the optimum, published laws and the compute multiplier, on truths with known answers."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from analysis.answers import questions
from analysis.answers.compare import (
    IncomparableError,
    Side,
    bytes_per_token,
    compare,
    comparison_json,
    compute_multiplier,
)
from analysis.answers.published import PUBLISHED
from analysis.fitting.cost import TokenCost
from analysis.law import Law, fit
from analysis.records import LawError, QuestionError
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import Floats, hoffmann, sweep, table


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


def test_published_laws_give_their_published_figures() -> None:
    kaplan, hoffmann_law = PUBLISHED["kaplan2020"].predict(86400e15), PUBLISHED["hoffmann2022"].predict(5.76e23)
    assert kaplan["params"] == pytest.approx(1.3e9)
    assert kaplan["tokens"] == pytest.approx(2e10)
    assert hoffmann_law["params"] == pytest.approx(3.2e10, rel=0.1)
    for law in PUBLISHED.values():
        answer = law.predict(1e22)
        assert law.source and law.convention
        assert 1e8 < (answer["params"] or 0) < 1e12
        assert 1e10 < (answer["tokens"] or 0) < 1e13
    besiroglu = PUBLISHED["besiroglu2024"].predict(5.76e23)
    assert besiroglu["params"] * besiroglu["tokens"] * 6 == pytest.approx(5.76e23)  # type: ignore[operator]


def better(params: Floats, tokens: Floats) -> Floats:
    """Every model as good as Hoffmann's with twice the size and twice the tokens: four times the compute."""
    return hoffmann(2 * params, 2 * tokens)


def test_the_compute_multiplier_of_a_recipe_worth_four_times_the_compute() -> None:
    baseline = fit(table(noise=0.002, seed=1), holdout=False)
    other = fit(table(truth=better, noise=0.002, seed=2), holdout=False)
    curve = compute_multiplier(baseline, other)
    assert len(curve) == 25
    assert sum(4 in point.interval for point in curve) >= 23
    assert np.median([point.multiplier for point in curve]) == pytest.approx(4, rel=0.1)
    back = compute_multiplier(other, baseline)
    assert np.median([point.multiplier for point in back]) == pytest.approx(0.25, rel=0.1)
    assert curve[-1].extrapolation > curve[0].extrapolation


def test_different_tokenizers_are_compared_in_bits_per_byte() -> None:
    data = sweep(noise=0.001, seed=3)
    nats = fit(RunTable.from_frame(data, loss_unit="nats/token"), holdout=False)
    scaled = fit(RunTable.from_frame(data.assign(loss=data.loss * 0.8), loss_unit="nats/token"), holdout=False)
    same = compute_multiplier(nats, scaled, bytes_per_token=(4.0, 3.2))
    assert np.median([point.multiplier for point in same]) == pytest.approx(1, rel=0.03)
    bits = fit(RunTable.from_frame(data, loss_unit="bits/byte"), holdout=False)
    with pytest.raises(LawError, match="bytes per token"):
        compute_multiplier(nats, bits)
    far = fit(RunTable.from_frame(data.assign(loss=data.loss + 9), loss_unit="nats/token"), holdout=False)
    with pytest.raises(LawError, match="no loss in common"):
        compute_multiplier(nats, far)


def test_a_comparison_says_what_it_compares_in(law: Law) -> None:
    other = fit(table(truth=better, noise=0.002, seed=2), holdout=False)
    same = compare(Side("a", law, 4.0, "text"), Side("b", other, 4.0, "text"))
    assert (same.unit, same.warnings) == ("nats/token", ())
    assert 4 in same.at_largest.interval and same.at_largest.extrapolation == pytest.approx(1, rel=0.02)
    assert same.at_largest.baseline_flops == pytest.approx(law.largest_budget, rel=0.02)
    differing = compare(Side("a", law, 4.0, "text"), Side("b", other, 3.9, "another"))
    assert differing.unit == "bits/byte"
    assert any("validation texts differ" in warning for warning in differing.warnings)
    assumed = compare(Side("a", law), Side("b", other))
    assert assumed.unit == "as in the data" and "assumed" in assumed.warnings[0]
    against_itself = compare(Side("a", law, 4.0), Side("a", law, 4.0))
    assert any("holds 1" in warning for warning in against_itself.warnings)
    document = json.loads(json.dumps(comparison_json(same), allow_nan=False))
    assert document["at_largest"]["interval"][0] < 4 < document["at_largest"]["interval"][1]
    assert len(document["points"]) == 25 and set(document["points"][0]) >= {"loss", "multiplier", "extrapolation"}


def test_what_cannot_be_compared_is_refused_by_type(law: Law) -> None:
    bits = replace(law, loss_unit="bits/byte")
    shifted = fit(RunTable.from_frame(sweep(noise=0.001).assign(loss=lambda d: d.loss + 9)), holdout=False)
    for first, second, reason in (
        (Side("a", law, 4.0), Side("b", bits), "different_units"),
        (Side("a", law, 4.0), Side("b", law), "different_tokenizers"),
        (Side("a", law), Side("b", shifted), "no_common_loss"),
    ):
        with pytest.raises(IncomparableError) as caught:
            compare(first, second)
        assert caught.value.reason == reason


def test_bytes_per_token_are_read_off_both_losses() -> None:
    data = sweep()
    assert bytes_per_token(data) is None
    exact = data.assign(bits_per_byte=data.loss / np.log(2) / 3.7)
    assert bytes_per_token(exact) == pytest.approx(3.7)
    assert bytes_per_token(exact.assign(bits_per_byte=lambda d: d.bits_per_byte.where(d.index > 3))) == pytest.approx(
        3.7
    )
    assert bytes_per_token(exact.assign(bits_per_byte=data.loss**2)) is None


def test_a_falling_cost_of_a_token_is_kept_in_every_answer() -> None:
    cost = TokenCost.from_nodes([1e7, 1e9, 1e11], [9e7, 6.8e9, 6.1e11])
    law = fit(table(cost=cost, noise=0.002), cost=cost, holdout=False)
    answer = questions.best_with_limited_data(law, 1e21, 3e9)
    assert answer.tokens * cost.flops_per_token(answer.params) == pytest.approx(1e21)
