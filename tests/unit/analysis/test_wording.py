"""Numbers, intervals and trust in words."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.records import Interval
from analysis.wording import (
    format_count,
    format_count_interval,
    format_duration,
    format_exponent,
    format_factor,
    format_flops,
    format_interval,
    format_loss,
    join_words,
    refusal_summary,
    trust_sentence,
    typed_flops,
)
from tests.unit.orchestrator.report_fixtures import law

UNITS = {"k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


@pytest.mark.parametrize(
    ("flops", "text"),
    [(3e11, "3×10¹¹"), (1e12, "10¹²"), (9.996e11, "10¹²"), (1.234e20, "1.23×10²⁰"), (1e-3, "10⁻³"), (0.0, "–")],
)
def test_flops_are_powers_of_ten(flops: float, text: str) -> None:
    assert format_flops(flops) == text


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


def test_trust_names_extrapolation_width_and_confidence() -> None:
    prediction = replace(
        law().predict(3e13),
        confidence="low",
        params_interval=Interval(1e5, 4e5),
        loss_interval=Interval(2.5, 2.7),
    )
    sentence = trust_sentence(prediction)
    assert "10 times the largest budget that was run (3×10¹² FLOPs)" in sentence
    assert "factor of 2.00" in sentence
    assert "±0.100" in sentence
    assert "confidence is low" in sentence
    inside = trust_sentence(replace(prediction, extrapolation=0.5))
    assert "within the budgets that were run" in inside


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
