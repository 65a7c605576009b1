"""Comparing two laws: the multiplier of a known recipe, units, refusals and bytes per token."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from analysis.answers import compare as compare_module
from analysis.answers.compare import Side, bytes_per_token, compare, comparison_json
from analysis.answers.frontier import Frontier, IncomparableError
from analysis.law import Law, fit
from analysis.records import LawError, OutOfReachError, QuestionError
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import Floats, hoffmann, sweep, table


@pytest.fixture(scope="module")
def law() -> Law:
    return fit(table(noise=0.002, seed=1), holdout=False)


def better(params: Floats, tokens: Floats) -> Floats:
    """Every model as good as Hoffmann's with twice the size and twice the tokens: four times the compute."""
    return hoffmann(2 * params, 2 * tokens)


def test_the_compute_multiplier_of_a_recipe_worth_four_times_the_compute() -> None:
    baseline = fit(table(noise=0.002, seed=1), holdout=False)
    other = fit(table(truth=better, noise=0.002, seed=2), holdout=False)
    curve = compare(Side("a", baseline), Side("b", other)).points
    assert len(curve) == 25
    assert sum(4 in point.interval for point in curve) >= 23
    assert np.median([point.multiplier for point in curve]) == pytest.approx(4, rel=0.1)
    back = compare(Side("a", other), Side("b", baseline)).points
    assert np.median([point.multiplier for point in back]) == pytest.approx(0.25, rel=0.1)
    assert curve[-1].extrapolation > curve[0].extrapolation


def test_different_tokenizers_are_compared_in_bits_per_byte() -> None:
    data = sweep(noise=0.001, seed=3)
    nats = fit(RunTable.from_frame(data, loss_unit="nats/token"), holdout=False)
    scaled = fit(RunTable.from_frame(data.assign(loss=data.loss * 0.8), loss_unit="nats/token"), holdout=False)
    same = compare(Side("a", nats, 4.0), Side("b", scaled, 3.2)).points
    assert np.median([point.multiplier for point in same]) == pytest.approx(1, rel=0.03)
    bits = fit(RunTable.from_frame(data, loss_unit="bits/byte"), holdout=False)
    with pytest.raises(LawError, match="fit both in the same unit"):
        compare(Side("a", nats), Side("b", bits))
    far = fit(RunTable.from_frame(data.assign(loss=data.loss + 9), loss_unit="nats/token"), holdout=False)
    with pytest.raises(LawError, match="no loss in common"):
        compare(Side("a", nats), Side("b", far))


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
    assert any("contains 1" in warning for warning in against_itself.warnings)
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


def test_the_curve_runs_over_the_losses_that_both_reach(law: Law) -> None:
    other = fit(table(truth=better, noise=0.002, seed=2), holdout=False)
    found = compare(Side("a", law), Side("b", other), points=9)
    losses = [point.loss for point in found.points]
    assert losses == sorted(losses, reverse=True) and len(losses) == 9
    highest = min(law.predict(1e18).loss, other.predict(1e18).loss)
    lowest = max(law.predict(1e21).loss, other.predict(1e21).loss)
    assert (losses[0], losses[-1]) == (pytest.approx(highest, abs=1e-3), pytest.approx(lowest, abs=1e-3))
    for point in found.points:
        assert point.multiplier == pytest.approx(point.baseline_flops / point.flops)
        reach = max(point.baseline_flops, point.flops) / 1e20
        assert point.extrapolation == pytest.approx(reach, rel=1e-6)
        assert law.predict(point.baseline_flops).loss == pytest.approx(point.loss, abs=2e-3)
        assert other.predict(point.flops).loss == pytest.approx(point.loss, abs=2e-3)
    assert (found.baseline, found.other) == ("a", "b")


def test_errors_of_the_two_are_added_in_squares(law: Law) -> None:
    same = compare(Side("a", law), Side("b", law))
    at = same.at_largest
    band = law.predict(at.flops)
    slope = (law.predict(at.flops * 1.05).loss - law.predict(at.flops / 1.05).loss) / (2 * np.log(1.05))
    half = np.sqrt(2) * (band.loss - band.loss_interval.low) / -slope
    assert np.log(at.interval.high / at.interval.low) / 2 == pytest.approx(half, rel=0.05)
    assert at.multiplier == pytest.approx(1)


def frontier(largest: float, half: float) -> Frontier:
    """A loss that falls by 0.1 for each unit of ln C, from 4 at a thousandth of the largest budget."""
    log_c = np.linspace(np.log(largest / 1e3), np.log(largest * 10), 500)
    return Frontier(log_c, 4 - 0.1 * (log_c - log_c[0]), np.full(500, half), largest)


def test_a_multiplier_by_hand_extrapolates_each_budget_from_its_own_runs() -> None:
    """At a loss of 3.5 each needs e⁵ times its first budget, which are 1e16 and 1e19."""
    base, own = frontier(1e19, 0.03), frontier(1e22, 0.04)
    for pair, ratio in (((base, own), 1e-3), ((own, base), 1e3)):
        found = compare_module._at(3.5, pair)
        assert (found.baseline_flops, found.flops) == (
            pytest.approx(np.exp(5) * pair[0].largest / 1e3),
            pytest.approx(np.exp(5) * pair[1].largest / 1e3),
        )
        assert found.multiplier == pytest.approx(ratio)
        assert found.interval.low == pytest.approx(ratio * np.exp(-0.5))
        assert found.interval.high == pytest.approx(ratio * np.exp(0.5))
        assert found.extrapolation == pytest.approx(np.exp(5) / 1e3)
    low = 4 - 0.1 * np.log(3e3)
    further = replace(own, largest=1e21)
    for pair in ((base, further), (further, base)):
        assert compare_module._at(low, pair).extrapolation == pytest.approx(30)


def test_what_a_reader_must_know_is_said(law: Law) -> None:
    counted = replace(law, convention="all parameters")
    warnings = compare(Side("a", law, 4.0), Side("b", counted, 4.0)).warnings
    assert any(w == "Compute is counted differently: 'as in the data' and 'all parameters'." for w in warnings)
    larger = fit(table(budgets=(3e20, 1e21, 3e21, 1e22), noise=0.002, seed=3), holdout=False)
    apart = compare(Side("a", law), Side("b", larger))
    assert any("No loss is reached by both within their fitted budgets" in w for w in apart.warnings)
    assert apart.at_largest.extrapolation > 1.05
    bits = replace(law, loss_unit="bits/byte")
    assert compare(Side("a", bits), Side("b", bits)).unit == "bits/byte"
    nats = replace(law, loss_unit="nats/token")
    with pytest.raises(IncomparableError, match="fit both in the same unit"):
        compare(Side("a", law), Side("b", nats))
    close = compare(Side("a", law, 4.0), Side("b", law, 4.0 * (1 + 5e-7)))
    assert close.unit == "nats/token"


def test_a_multiplier_that_nobody_knows_is_left_out_of_the_curve_or_refused(
    law: Law, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = Side("a", law), Side("b", fit(table(truth=better, noise=0.002, seed=2), holdout=False))
    every = compare(*sides)
    widths = [point.interval.high / point.multiplier for point in every.points]
    enough = every.at_largest.interval.high / every.at_largest.multiplier * (1 + 1e-9)
    kept = sum(width <= enough for width in widths)
    assert 0 < kept < len(widths) == 25 and max(widths) < 1000
    monkeypatch.setattr("analysis.answers.compare.WIDEST_COMPUTE", enough)
    known = compare(*sides)
    assert len(known.points) == kept and known.at_largest == every.at_largest
    monkeypatch.setattr("analysis.answers.compare.WIDEST_COMPUTE", 1.0)
    with pytest.raises(IncomparableError, match="how much more compute a needs than b is not even known") as caught:
        compare(*sides)
    assert caught.value.reason == "too_uncertain"


def test_the_verdict_is_at_the_largest_budget_or_the_one_asked_for(law: Law) -> None:
    other = fit(table(truth=better, noise=0.002, seed=2), holdout=False)
    sides = Side("a", law), Side("b", other)
    made = compare(*sides)
    assert (made.verdict.flops, made.verdict.multiplier, made.verdict.interval) == (
        pytest.approx(made.at_largest.baseline_flops), pytest.approx(made.at_largest.multiplier), made.at_largest.interval,
    )  # fmt: skip
    assert made.verdict.settled and made.verdict.p_better > 0.999
    asked = compare(*sides, flops=5e18).verdict
    assert asked.flops == pytest.approx(5e18) and asked.loss == pytest.approx(law.predict(5e18).loss, abs=1e-3)
    assert comparison_json(made)["verdict"]["interval"] == comparison_json(made)["at_largest"]["interval"]
    noise = made.verdict.noise
    assert noise == pytest.approx(np.hypot(law.noise.sigma or 0, other.noise.sigma or 0))
    equal = compare(Side("a", law), Side("b", law)).verdict
    assert equal.p_better == pytest.approx(0.5) and equal.further_seeds is None and not equal.settled


def test_a_budget_whose_loss_the_other_does_not_reach_is_refused(law: Law) -> None:
    other = fit(table(truth=better, noise=0.002, seed=2), holdout=False)
    with pytest.raises(OutOfReachError, match=r"is not one that both reach\. Ask about a budget from 4") as caught:
        compare(Side("a", law), Side("b", other), flops=1e18)
    lowest, highest = caught.value.lowest, caught.value.highest
    assert lowest is not None and highest is not None
    assert compare(Side("a", law), Side("b", other), flops=lowest).verdict.flops == pytest.approx(lowest)
    assert compare(Side("a", law), Side("b", other), flops=highest).verdict.flops == pytest.approx(highest)
    with pytest.raises(QuestionError, match="flops must be a positive number"):
        compare(Side("a", law), Side("b", other), flops=-1.0)
