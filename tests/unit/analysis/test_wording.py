"""Numbers, intervals and trust in words."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.law import fit
from analysis.records import Interval
from analysis.wording import (
    format_count,
    format_duration,
    format_exponent,
    format_factor,
    format_flops,
    format_interval,
    format_loss,
    join_words,
    noise_sentences,
    refusal_summary,
    trust_sentence,
)
from tests.unit.analysis.law_tables import table
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


def test_noise_is_said_with_its_degrees_of_freedom_and_interval() -> None:
    fitted = fit(table(noise=0.01, repeats=3, seed=1), holdout=False)
    scatter, seeds = noise_sentences(fitted.noise, "nats/token")
    noise = fitted.noise
    assert f"{1000 * noise['sigma']:.3g}×10⁻³ nats/token ({noise['degrees_of_freedom']} degrees of freedom)" in scatter
    low, high = noise["seed_sigma_interval"]
    assert noise["seed_degrees_of_freedom"] == 4
    assert (low / noise["seed_sigma"], high / noise["seed_sigma"]) == pytest.approx((0.599, 2.874), rel=1e-3)
    assert f"(4 degrees of freedom, 95 % interval {1000 * low:.3g}×10⁻³ to {1000 * high:.3g}×10⁻³)" in seeds
    assert seeds.endswith("at 10¹⁸ and " + seeds.split(" and ")[-1]) and seeds.endswith("at 10²⁰ FLOPs.")
    assert [entry["degrees_of_freedom"] for entry in noise["seed_sigma_by_budget"]] == [2, 2]
    alone = noise_sentences(fit(table(), holdout=False).noise, "nats/token")[-1]
    assert alone.startswith("No cell was repeated")
