"""Confidence: the word and the sentences at each threshold."""

from __future__ import annotations

import math
from typing import Any

import pytest

from analysis.fitting.confidence import judge, place_warnings

GOOD: dict[str, Any] = {
    "place": "somewhere",
    "extrapolation": 1.0,
    "below": 0.5,
    "half_width": 0.1,
    "budgets": 5,
    "span": 100.0,
    "held": 0.9,
}


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({}, "high", None),
        ({"extrapolation": 10.0}, "high", "This is somewhere."),
        ({"extrapolation": 10.1}, "medium", "Beyond 10×"),
        ({"extrapolation": 100.0}, "medium", "Beyond 10×"),
        ({"extrapolation": 100.1}, "low", "No public data"),
        ({"below": 3.0}, "high", "This is somewhere."),
        ({"below": 3.1}, "medium", "This is somewhere."),
        ({"below": 10.0}, "medium", "This is somewhere."),
        ({"below": 10.1}, "medium", "So far below its runs"),
        ({"below": 100.0}, "medium", "So far below its runs"),
        ({"below": 100.1}, "low", "So far below its runs"),
        ({"budgets": 4}, "high", None),
        ({"budgets": 3}, "medium", "Only 3 budgets"),
        ({"budgets": 1}, "medium", "Only 1 budget has a minimum"),
        ({"budgets": 3, "extrapolation": 10.0}, "medium", "Only 3 budgets"),
        ({"budgets": 3, "extrapolation": 10.1}, "low", "Only 3 budgets"),
        ({"held": None}, "medium", "No prediction of this fit was tested"),
        ({"held": None, "budgets": 3, "extrapolation": 10.1}, "low", "No prediction of this fit was tested"),
        ({"span": 1.2}, "high", None),
        ({"span": 3.9, "extrapolation": 3.9}, "high", "This is somewhere."),
        ({"span": 3.9, "extrapolation": 4.0}, "medium", "The budgets span only ×3.9 in all"),
        ({"span": 4.0, "extrapolation": 9.0}, "high", "This is somewhere."),
        ({"span": 1.2, "below": 1.3}, "medium", "The budgets span only ×1.2 in all"),
        ({"held": 0.8}, "high", None),
        ({"held": 0.79}, "medium", "held only 79% of its own hold-out"),
        ({"held": 0.5}, "medium", "held only 50%"),
        ({"held": 0.49}, "low", "held only 49%"),
        ({"half_width": math.log(1.29)}, "high", None),
        ({"half_width": math.log(1.31)}, "medium", None),
        ({"half_width": math.log(2.01)}, "low", "spans ×2 to each side"),
        ({"half_width": math.log(1.99)}, "medium", None),
    ],
)
def test_each_threshold_lowers_the_word_and_says_why(change: dict[str, Any], level: str, words: str | None) -> None:
    found, sentences = judge(**GOOD | change)
    assert found == level
    if words is None:
        assert sentences == ()
    else:
        assert any(words in sentence for sentence in sentences)


@pytest.mark.parametrize("change", [{"extrapolation": 10.0}, {"extrapolation": 10.000000000000064}, {"below": 10.0}])
def test_at_a_threshold_only_the_place_is_said(change: dict[str, Any]) -> None:
    assert judge(**GOOD | change)[1] == ("This is somewhere.",)


@pytest.mark.parametrize("change", [{"extrapolation": 10.000000000000064}, {"below": 3.00000000000001}])
def test_the_rounding_of_a_mean_budget_passes_no_threshold(change: dict[str, Any]) -> None:
    """`fit` called ten times the largest budget high, and `predict` the same budget, as it was typed, medium."""
    assert judge(**GOOD | change)[0] == "high"


def test_the_worst_reason_counts() -> None:
    assert judge(**GOOD | {"below": 100.1, "budgets": 3})[0] == "low"
    assert judge(**GOOD | {"extrapolation": 100.1, "budgets": 3})[0] == "low"
    assert judge(**GOOD | {"extrapolation": 200.0, "below": 4.0, "half_width": 0.3})[0] == "low"
    assert judge(**GOOD | {"held": 0.4, "half_width": 0.3})[0] == "low"


def test_within_the_budgets_nothing_is_said_of_reach() -> None:
    assert place_warnings("within the budgets that were run", 1.05) == ()
    assert place_warnings("×2 the largest budget", 1.06) == ("This is ×2 the largest budget.",)
