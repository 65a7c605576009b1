"""Numbers, intervals and trust in words."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import refusals as r
from analysis.evidence import Noise, SeedNoise
from analysis.law import fit
from analysis.names import EstimatorName as N
from analysis.records import Curve, Interval
from analysis.refusals import Reason
from analysis.wording import (
    REASON_PHRASES,
    budget_mark,
    budget_place,
    curve_refusals,
    format_count,
    format_count_interval,
    format_duration,
    format_exponent,
    format_factor,
    format_flops,
    format_hours,
    format_interval,
    format_loss,
    format_loss_intervals,
    format_multiplier,
    join_words,
    noise_sentences,
    plural,
    refusal_message,
    refusal_phrase,
    refusal_sentence,
    refusal_summary,
    trust_sentence,
    typed_flops,
    typed_up,
)
from tests.unit.analysis.law_tables import table
from tests.unit.orchestrator.report_fixtures import law

UNITS = {"k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


@pytest.mark.parametrize(
    ("flops", "text"),
    [(3e11, "3×10¹¹"), (1e12, "10¹²"), (9.996e11, "10¹²"), (1.234e20, "1.23×10²⁰"), (1e-3, "10⁻³"), (0.0, "0")],
)
def test_flops_are_powers_of_ten(flops: float, text: str) -> None:
    assert format_flops(flops) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(2e9, "2e9"), (2.514e11, "2.52e11"), (1.0953, "1.1"), (0.01853, "0.0186"), (2.345e-6, "2.35e-6"), (999.5, "1e3")],
)
def test_what_must_suffice_is_rounded_up(number: float, text: str) -> None:
    assert typed_up(number) == text


@given(st.floats(1e-12, 1e30))
def test_what_is_rounded_up_suffices_and_hardly_exceeds(number: float) -> None:
    assert number * (1 - 1e-11) <= float(typed_up(number)) <= number * 1.0101


def test_flops_without_decimals_keep_their_zeros() -> None:
    assert format_flops(1e12, digits=1) == "10¹²"
    assert format_flops(2.04e13, digits=2) == "2×10¹³"


@pytest.mark.parametrize(
    ("count", "text"),
    [(69600, "69.6 k"), (7e9, "7 B"), (999.6, "1 k"), (999_950, "1 M"), (12, "12"), (math.nan, "–"), (3e15, "3×10¹⁵")],
)
def test_counts_carry_suffixes(count: float, text: str) -> None:
    assert format_count(count) == text


@given(st.floats(min_value=1, max_value=9e14))
def test_a_count_reads_back_within_half_a_percent(count: float) -> None:
    number, _, suffix = format_count(count).partition(" ")
    assert float(number) * UNITS.get(suffix, 1.0) == pytest.approx(count, rel=0.005)


def test_small_words() -> None:
    assert format_loss(2.70049) == "2.700"
    assert (format_factor(100), format_factor(3.333), format_factor(2e5)) == ("×100", "×3.3", "×2×10⁵")
    assert format_interval(Interval(52_100, 91_000), format_count) == "52.1 k to 91 k"
    assert format_exponent(0.4612, Interval(0.4, 0.52)) == "0.461 (0.400 to 0.520)"
    assert "no interval" in format_exponent(0.4612, None)
    assert [format_duration(s) for s in (7.6, 75, 3600, 90_000)] == ["8 s", "1 min 15 s", "1 h", "1 d 1 h"]
    assert [join_words(words) for words in ([], ["a"], ["a", "b", "c"])] == ["", "a", "a, b and c"]


def test_a_loss_has_the_interval_of_one_run_and_that_of_the_mean() -> None:
    mean = Interval(3.18, 3.24)
    assert format_loss_intervals(mean, Interval(3.15, 3.27)) == "one run 3.150 to 3.270; mean of many 3.180 to 3.240"
    assert format_loss_intervals(mean, None) == "mean of many 3.180 to 3.240"


def test_trust_names_extrapolation_width_and_confidence() -> None:
    prediction = replace(
        law().predict(3e13),
        confidence="low",
        params_interval=Interval(1e5, 4e5),
        loss_interval=Interval(2.5, 2.7),
        run_interval=Interval(2.4, 2.9),
    )
    sentence = trust_sentence(prediction)
    assert sentence.startswith("This is ×10 the largest budget. ")
    assert "factor of 2.00" in sentence
    assert "the mean loss to ±0.100, that of one run to ±0.250;" in sentence
    assert "the mean loss to ±0.100;" in trust_sentence(replace(prediction, run_interval=None))
    assert "confidence is low" in sentence
    inside = trust_sentence(law().predict(1e12))
    assert inside.startswith("This is within the budgets that were run. ")


def test_a_refused_budget_is_summed_up_once() -> None:
    refused = next(curve for curve in law(edge=3e12).curves if not curve.minima)
    summary = refusal_summary(refused)
    assert summary.count("minimum at the edge of the sizes") == 1


@pytest.mark.parametrize(
    ("flops", "text"), [(2.7e11, "2.7e11"), (4e9, "4e9"), (1e24, "1e24"), (9.999e11, "1e12"), (1.234e20, "1.23e20")]
)
def test_compute_as_one_types_it(flops: float, text: str) -> None:
    assert typed_flops(flops) == text
    assert float(text) == pytest.approx(flops, rel=5e-3)


@pytest.mark.parametrize(
    ("low", "high", "digits", "text"),
    [
        (36_200, 47_100, 3, "36.2 to 47.1 k"),
        (36_200, 47_100, 2, "36 to 47 k"),
        (950_000, 1_240_000, 3, "950 k to 1.24 M"),
        (999_600, 1_240_000, 3, "1 to 1.24 M"),
        (12, 45, 3, "12 to 45"),
        (120, 4_500, 3, "120 to 4.5 k"),
    ],
)
def test_an_interval_of_counts_writes_a_shared_suffix_once(low: float, high: float, digits: int, text: str) -> None:
    assert format_count_interval(Interval(low, high), digits) == text


def test_a_count_with_two_digits() -> None:
    assert format_count(41_250, 2) == "41 k"
    assert format_count(999_600, 2) == "1 M"


RUNS = ("r1", "r2", "r3", "r4", "r5")
SENTENCES = [
    (r.TooFewSizes(1e12, 4, 5), "4 sizes at 10¹² FLOPs; a curve needs at least 5."),
    (r.TooFewSplineSizes(4, 0.03), "4 sizes more than 3% apart."),
    (r.TooFewRuns(8, 12), "needs at least 12 runs, and a curve five sizes; this table has 8 runs."),
    (r.SizesTooAlike(), "fewer than three sizes: "),
    (r.TooFewCrossings(2, 3), "passes 2 times from one size to the next"),
    (r.TooFewBudgets(1, 3), "at least 3 budgets, two to four times apart; this table has 1."),
    (r.TooFewMinima(N.AKIMA, 2, 5, 3), "the Akima spline has a minimum at 2 of 5 budgets; power laws need 3."),
    (r.TooFewCurves(1, 5, 2), "1 of 5 budgets have a minimum by any estimator; a law needs 2. Add sizes on both sides"),
    (
        r.EdgeMinimum(N.CUBIC, 85235319.2, "smallest"),
        "the cubic's minimum, N = 85,235,319, lies below the smallest size;",
    ),
    (r.EdgeMinimum(N.AKIMA, 1e6, "largest"), "the Akima spline's minimum, N = 1,000,000, lies above the largest size;"),
    (r.OutermostSize(), "is lowest at the outermost size"),
    (r.NoCubicMinimum(), "the cubic has no minimum"),
    (r.CurvatureNotEstablished(0.01234, 0.0567), "bend, 0.0123 ± 0.057 per ln N squared, is not established"),
    (
        r.BendsBack(38.4e3, 0.00123, 0.0456, 0.00789),
        "beyond N = 38,400 (cubic against parabola: p = 0.0012; residuals 0.0456 and 0.00789)",
    ),
    (
        r.FarFromLowest(N.PARABOLA, 1.5e4, 38.4e3, 0.1234),
        "N = 15,000, is far from the lowest loss, at N = 38,400 and 0.123",
    ),
    (
        r.NoMinimum((Reason.NO_CURVATURE, Reason.EDGE_MINIMUM)),
        "no budget's curve has a minimum (curvature not established, minimum at the edge of the sizes).",
    ),
    (r.NoFiniteFit(N.JOINT_SKEW), "the joint skew surface has no finite fit"),
    (r.FitRunsOff(N.ADDITIVE), "the additive fit ran off to infinity."),
    (r.OptimumRunsOff(), "sizes that no model has"),
    (r.ErrorsUnknown(), "errors cannot be computed"),
    (r.OneLossARun(), "this table has one loss a run."),
    (r.UnknownSchedule(RUNS, ("matched", "cosine")), "of runs r1, r2, r3 and 2 more matched its length"),
    (
        r.UnknownSchedule(("r1",), ("matched", "cosine")),
        "of run r1 matched its length: add a column schedule (matched, cosine,",
    ),
    (r.UnfinishedSchedule(RUNS[:2], ("wsd", "constant")), "runs r1, r2 trained on wsd, constant: before its cooldown"),
    (r.ScheduleTooLong(RUNS[:3], 63.96), "schedule of runs r1, r2, r3 was set for up to 64 times the tokens"),
]


@pytest.mark.parametrize(("refusal", "sentence"), SENTENCES, ids=lambda value: type(value).__name__)
def test_every_kind_of_refusal_has_its_sentence_with_its_numbers(refusal: r.Refusal, sentence: str) -> None:
    text = refusal_message(refusal)
    assert sentence in text and text.endswith(".") and "{" not in text


def test_no_kind_of_refusal_lacks_a_sentence_and_no_reason_a_phrase() -> None:
    kinds = {kind for kind in vars(r).values() if isinstance(kind, type) and issubclass(kind, r.Refusal)} - {r.Refusal}
    assert {type(refusal) for refusal, _ in SENTENCES} == kinds
    assert set(REASON_PHRASES) == set(Reason)
    assert refusal_phrase(Reason.NO_PARABOLA) == "the curve is not a parabola"


def test_refusals_of_one_budget_are_grouped() -> None:
    refused = {
        N.PARABOLA: r.NoCubicMinimum(),
        N.CUBIC: r.NoCubicMinimum(),
        N.AKIMA: r.OutermostSize(),
    }
    curve = Curve(3e18, (1e8,), (1e9,), (3.0,), (), refused)
    assert curve_refusals(curve) == [
        ("parabola and cubic", "the cubic has no minimum: the loss goes on falling across the sizes."),
        ("akima", "the Akima spline is lowest at the outermost size; add sizes there."),
    ]
    assert refusal_sentence(3e18, refused) == (
        "At 3×10¹⁸ FLOPs refused: parabola and cubic (curvature not established); "
        "akima (minimum at the edge of the sizes)."
    )
    assert refusal_summary(curve) == "curvature not established; minimum at the edge of the sizes"


def test_noise_is_told_with_what_is_known_of_it() -> None:
    by_budget = (SeedNoise(1e18, 0.01, 1), SeedNoise(1e19, 0.0123456, 2))
    full = Noise(0.0105, 1, 0.011, 3, Interval(0.006, 0.04), by_budget)
    assert noise_sentences(full, "nats/token") == [
        "Runs scatter about their budget's cubic by 10.5×10⁻³ nats/token (1 degree of freedom).",
        "Runs that differ by their seed alone scatter by 11×10⁻³ nats/token (3 degrees of freedom, 95 % interval "
        "6×10⁻³ to 40×10⁻³); with its degrees of freedom, 10×10⁻³ (1) at 10¹⁸ and 12.3×10⁻³ (2) at 10¹⁹ FLOPs.",
    ]
    one = replace(full, sigma=None, seed_sigma_by_budget=by_budget[:1])
    assert noise_sentences(one, "u")[0].endswith("6×10⁻³ to 40×10⁻³).")
    assert noise_sentences(Noise(None, 0, None, 0, None), "u") == [
        "No cell was repeated, so the noise between seeds alone is not known."
    ]


def test_what_is_not_finite_is_a_dash() -> None:
    nan = math.nan
    written = [format_loss(nan), format_flops(nan), format_factor(nan), format_duration(nan), format_hours(nan)]
    assert written == ["–"] * 5 and format_interval(None) == "–"


@pytest.mark.parametrize(
    ("hours", "text"), [(1234567.0, "1,230,000"), (100.0, "100"), (99.94, "99.9"), (0.0123, "0.0123")]
)
def test_hours_keep_three_digits(hours: float, text: str) -> None:
    assert format_hours(hours) == text


@pytest.mark.parametrize(
    ("factor", "text"), [(0.9958, "×0.996"), (4.0, "×4"), (9999.0, "×1e+04"), (1e4, "×10⁴"), (5e-4, "×5×10⁻⁴")]
)
def test_multipliers_keep_three_digits(factor: float, text: str) -> None:
    assert format_multiplier(factor) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((59.4, "59 s"), (59.6, "1 min"), (60, "1 min"), (61, "1 min 1 s"), (3599, "59 min 59 s"), (86400, "1 d")),
        *((86399, "23 h 59 min"), (7322, "2 h 2 min")),
    ],
)
def test_durations_are_in_their_two_largest_units(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_noise_is_said_with_its_degrees_of_freedom_and_interval() -> None:
    law = fit(table(noise=0.01, repeats=3, seed=1), holdout=False)
    scatter, seeds = noise_sentences(law.noise, "nats/token")
    noise = law.noise
    assert f"{1000 * noise.sigma:.3g}×10⁻³ nats/token ({noise.degrees_of_freedom} degrees of freedom)" in scatter
    assert noise.seed_sigma is not None and noise.seed_sigma_interval is not None
    low, high = noise.seed_sigma_interval.low, noise.seed_sigma_interval.high
    assert noise.seed_degrees_of_freedom == 4
    assert (low / noise.seed_sigma, high / noise.seed_sigma) == pytest.approx((0.599, 2.874), rel=1e-3)
    assert f"(4 degrees of freedom, 95 % interval {1000 * low:.3g}×10⁻³ to {1000 * high:.3g}×10⁻³)" in seeds
    assert seeds.endswith("at 10¹⁸ and " + seeds.split(" and ")[-1]) and seeds.endswith("at 10²⁰ FLOPs.")
    assert [entry.degrees_of_freedom for entry in noise.seed_sigma_by_budget] == [2, 2]
    alone = noise_sentences(fit(table(), holdout=False).noise, "nats/token")[-1]
    assert alone.startswith("No cell was repeated")


@pytest.mark.parametrize(
    ("flops", "place", "mark"),
    [
        (1e21, "×10 the largest budget", "×10"),
        (1.01e20, "×1 the largest budget", "×1"),
        (1.004e20, "within the budgets that were run", "fitted"),
        (1e20, "within the budgets that were run", "fitted"),
        (3e19, "within the budgets that were run", "inside"),
        (0.996e18, "within the budgets that were run", "inside"),
        (1e17, "×10 below the smallest budget", "÷10"),
        (1e13, "×10⁵ below the smallest budget", "÷10⁵"),
    ],
)
def test_where_a_budget_lies_is_worded_once(flops: float, place: str, mark: str) -> None:
    assert budget_place(flops, 1e18, 1e20) == place
    assert budget_mark(flops, 1e18, 1e20) == mark


@pytest.mark.parametrize("flops", [3e9, 3e10, 3e11, 1e12, 3e12, 3e13, 3e15])
def test_no_sentence_about_an_answer_contradicts_another(flops: float) -> None:
    prediction = law().predict(flops)
    said = [trust_sentence(prediction), *prediction.warnings]
    places = [text for text in said if "budget" in text and text.startswith("This is ")]
    assert places and all(text.startswith(f"This is {prediction.place}.") for text in places)
    assert ("within" in prediction.place) == (3e11 <= flops <= 3e12)


def test_a_count_agrees_with_its_noun() -> None:
    assert [plural(n, "run") for n in (0, 1, 2, 1000)] == ["0 runs", "1 run", "2 runs", "1,000 runs"]
    assert refusal_message(r.TooFewSizes(1e18, 1, 5)).startswith("1 size at 10¹⁸ FLOPs")
    assert refusal_message(r.TooFewRuns(1, 12)).endswith("this table has 1 run.")
    assert "passes 1 time from" in refusal_message(r.TooFewCrossings(1, 3))
