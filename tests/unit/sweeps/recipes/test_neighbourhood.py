"""The batches and rates of a recipe check, and how many cells it has."""

from __future__ import annotations

import pytest

from sweeps.plan.plan import make_plan
from sweeps.recipes.neighbourhood import BATCHES, CELLS, RATES
from tests.unit.sweeps.plans import FACTS, spec_of


@pytest.mark.parametrize("factors", [BATCHES, RATES])
def test_factors_are_symmetric_about_the_rule_and_reach_four_times(factors: tuple[float, ...]) -> None:
    assert 1.0 in factors and (min(factors), max(factors)) == (0.25, 4.0)
    assert sorted(1 / factor for factor in factors) == list(factors)


def test_a_sweep_without_axes_has_no_more_than_the_stated_cells() -> None:
    overrides = {"min_steps": 1, "batch_length_exponent": 0}
    plan = make_plan(spec_of(recipe_check=True, recipe_overrides=overrides), FACTS)
    trials = [(run.budget, trial.place) for run in plan.all_runs for trial in run.checks]
    assert len(set(trials)) == CELLS
    assert len(trials) == CELLS * len(BATCHES) * len(RATES)
