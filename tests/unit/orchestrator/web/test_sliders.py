"""The sliders: they begin at the largest budget and ask nothing that the law must refuse."""

from __future__ import annotations

import math

import pytest

from orchestrator.web.sliders import sliders
from tests.unit.orchestrator.report_fixtures import law


def test_sliders_reach_from_below_the_smallest_budget_to_far_beyond_the_largest() -> None:
    made = sliders(law())
    assert made is not None
    best = law().predict(law().largest_budget)
    assert made.budget.start == pytest.approx(math.log10(best.flops), abs=0.01)
    assert 10**made.budget.low < law().smallest_budget and 10**made.budget.high == pytest.approx(3e14, rel=0.02)
    for slider, optimum in zip(made.model, (best.params, best.tokens), strict=True):
        assert slider.low < slider.start < slider.high
        assert slider.start == pytest.approx(math.log10(optimum), abs=0.01)


def test_without_a_law_there_are_none() -> None:
    assert sliders(law(sizes=2)) is None
