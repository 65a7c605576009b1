"""The grid: one ladder for all budgets, its centre, and the seeds of each cell."""

from __future__ import annotations

import itertools
import math

import pytest

from sweeps.file.spec import CentreSpec, SeedsSpec, SizesSpec
from sweeps.plan.plan import make_plan
from sweeps.plan.records import PlanError
from tests.unit.sweeps.plans import FACTS, sizes_at, spec_of


def test_sizes_of_all_budgets_are_on_one_ladder() -> None:
    plan = make_plan(spec_of(), FACTS)
    curves = [sizes_at(plan, budget) for budget in plan.spec.budgets]
    assert [len(curve) for curve in curves] == [7, 7, 7]
    for smaller, larger in itertools.pairwise(curves):
        assert len(set(smaller) & set(larger)) >= 4
    every = sorted({size for curve in curves for size in curve})
    assert max(b / a for a, b in itertools.pairwise(every)) < 1.6


def test_centre_follows_the_rule() -> None:
    by_pair = make_plan(spec_of(centre=CentreSpec(params_at={"3e11": 5e4}, exponent=0.5)), FACTS)
    # Half a rung, ×1.2, is what snapping to the shared ladder may cost.
    assert sizes_at(by_pair, 1e11)[3] == pytest.approx(5e4 / math.sqrt(3), rel=0.05)
    assert sizes_at(by_pair, 3e11)[3] == pytest.approx(5e4, rel=0.25)
    assert sizes_at(by_pair, 1e12)[3] == pytest.approx(5e4 * math.sqrt(10 / 3), rel=0.25)
    by_ratio = make_plan(spec_of(centre=CentreSpec(tokens_per_param=20.0)), FACTS)
    for budget in by_ratio.spec.budgets:
        middle = sizes_at(by_ratio, budget)[3]
        run = next(run for run in by_ratio.runs if run.params == middle and run.budget == budget)
        assert run.tokens / run.params == pytest.approx(20, rel=0.5)


def test_seeds_repeat_the_centre_cells_only() -> None:
    plan = make_plan(spec_of(seeds=SeedsSpec(default=1, smallest_budget=3, largest_budget=2)), FACTS)
    counts = {
        budget: [len([r for r in plan.runs if r.budget == budget and r.params == n]) for n in sizes_at(plan, budget)]
        for budget in plan.spec.budgets
    }
    assert counts == {1e11: [1, 1, 1, 3, 1, 1, 1], 3e11: [1] * 7, 1e12: [1, 1, 1, 2, 1, 1, 1]}
    assert len({run.run_id for run in plan.runs}) == len(plan.runs) == 24
    assert {run.seed for run in plan.runs} == {0, 1, 2}


def test_explicit_sizes_and_shapes() -> None:
    plan = make_plan(spec_of(sizes=SizesSpec(params=(60_000, 20_000, 40_000))), FACTS)
    assert sizes_at(plan, 3e11) == pytest.approx([20_000, 40_000, 60_000], rel=0.15)
    shapes = ({"d_model": 16}, {"d_model": 32, "n_layers": 3, "n_heads": 2, "d_ff": 64})
    plan = make_plan(spec_of(sizes=SizesSpec(shapes=shapes)), FACTS)
    assert {run.shape for run in plan.runs} == {"L2 d16 h1 ff42", "L3 d32 h2 ff64"}
    assert any("depths [2, 3] are mixed" in warning for warning in plan.warnings)
    with pytest.raises(PlanError, match="no multiple of n_heads"):
        make_plan(spec_of(sizes=SizesSpec(shapes=({"d_model": 16, "n_heads": 3},))), FACTS)
