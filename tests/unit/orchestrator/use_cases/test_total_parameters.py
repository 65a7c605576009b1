"""One law over a sweep's values of `experts`, for each combination of its other axes; losses are simulated."""

from __future__ import annotations

import pytest

from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.use_cases.total_parameters import total_parameters_of
from tests.unit.orchestrator.use_cases.simulated import simulated_answers


@pytest.fixture(scope="module")
def varied() -> SweepAnswers:
    """Losses that depend on active parameters alone."""
    return simulated_answers(vary={"experts": [1, 4], "context": [128, 64]})


def test_each_combination_of_other_axes_has_a_weight(varied: SweepAnswers) -> None:
    found = total_parameters_of(varied, "experts")
    assert list(found) == ["context=128", "context=64"]
    for law in found.values():
        assert law.interval.low < 0 < law.interval.high and law.baseline == "1"
        assert law.cells == 42 and 1.3 < law.largest_ratio < 2.5


def test_the_baseline_is_the_value_that_is_named(varied: SweepAnswers) -> None:
    assert total_parameters_of(varied, "experts", "4")["context=64"].baseline == "4"
    assert total_parameters_of(varied, "experts", "7") == {}


@pytest.mark.parametrize("axis", ["context", "active", "lr"])
def test_other_axes_have_none(varied: SweepAnswers, axis: str) -> None:
    assert total_parameters_of(varied, axis) == {}
