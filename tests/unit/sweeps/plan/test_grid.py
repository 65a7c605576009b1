"""The grid: one ladder for all budgets, its centre, and the seeds of each cell."""

from __future__ import annotations

import itertools
import math

import pytest

from model.flops import count_parameters, flops_per_token
from sweeps.file.spec import CentreSpec, SeedsSpec, SizesSpec
from sweeps.plan.combination import NOTHING_VARIED, Combination
from sweeps.plan.grid import Setting, buildable, cells, centre, setting_of
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
    with pytest.raises(PlanError, match="not a multiple of n_heads"):
        make_plan(spec_of(sizes=SizesSpec(shapes=({"d_model": 16, "n_heads": 3},))), FACTS)


def setting(**changes: object) -> Setting:
    return setting_of(spec_of(**changes), 1024, NOTHING_VARIED)


def test_a_combination_sets_recipe_values_parts_and_context() -> None:
    values = Combination.of({"lr": 0.5, "qk_norm": False, "context": 64, "recipe": "porian-olmo"})
    found = setting_of(spec_of(recipe_overrides={"clip": 2.0}, model={"tied_head": True}), 1024, values)
    assert (found.recipe.name, found.recipe.clip, found.context, found.vocab) == ("porian-olmo", 2.0, 64, 1024)
    assert found.recipe.lr == 0.5 and found.parts == {"tied_head": True, "qk_norm": False}
    assert found.vary == values
    values = Combination.of({"lr": 0.5, "tied_head": False})
    varied = setting_of(spec_of(recipe_overrides={"lr": 0.1}, model={"tied_head": True}), 1024, values)
    assert (varied.recipe.lr, varied.parts) == (0.5, {"tied_head": False}), "an axis comes before what the file fixes"
    with pytest.raises(PlanError, match="unknown recipe 'x'"):
        setting_of(spec_of(), 1024, Combination.of({"recipe": "x"}))


@pytest.mark.parametrize("budget", [1e8, 1e11, 1e13, 1e16])
def test_the_centre_has_the_wanted_tokens_per_parameter(budget: float) -> None:
    for ratio in (5.0, 20.0, 100.0):
        params = centre(spec_of(centre=CentreSpec(tokens_per_param=ratio)), setting(), budget)
        model = buildable(setting(), params)
        exact = count_parameters(model).matmul
        tokens = budget / flops_per_token(model)
        # The shape is the nearest one: its own ratio differs as the square of its size.
        assert tokens / exact * (exact / params) ** 2 == pytest.approx(ratio, rel=0.25)


def test_a_centre_without_a_rule_is_the_recipes_own() -> None:
    none, own = CentreSpec(), CentreSpec(tokens_per_param=setting().recipe.tokens_per_param)
    assert centre(spec_of(centre=none), setting(), 1e12) == centre(spec_of(centre=own), setting(), 1e12)
    pair = CentreSpec(params_at={"1e12": 1e5}, exponent=0.4)
    assert centre(spec_of(centre=pair), setting(), 1e14) == pytest.approx(1e5 * 100**0.4)


def test_one_size_is_the_centre_of_its_budget() -> None:
    alone = spec_of(sizes=SizesSpec(count=1), centre=CentreSpec(params_at={"1e11": 3e4}, exponent=0.5))
    found = [count_parameters(cell.model).matmul for cell in cells(alone, FACTS)]
    assert found == pytest.approx([3e4, 3e4 * math.sqrt(3), 3e4 * math.sqrt(10)], rel=0.15)


def test_the_ends_of_a_curve_are_the_span_from_its_centre() -> None:
    first = [count_parameters(cell.model).matmul for cell in cells(spec_of(), FACTS) if cell.budget == 1e11]
    middle = centre(spec_of(), setting(), 1e11)
    assert len(first) == 7
    assert (first[0], first[3], first[-1]) == pytest.approx((middle / 3, middle, 3 * middle), rel=0.1)


def test_cells_repeat_a_shape_only_where_the_ladder_is_too_coarse() -> None:
    assert not any(cell.repeats_shape for cell in cells(spec_of(), FACTS))
    crowded = list(cells(spec_of(sizes=SizesSpec(count=9, span=1.01)), FACTS))
    assert sum(cell.repeats_shape for cell in crowded) == len(crowded) - len({(c.budget, c.model) for c in crowded}) > 0


def test_seeds_of_one_budget_are_the_larger_of_both_counts_and_never_below_the_default() -> None:
    only = spec_of(budgets=(1e11,), seeds=SeedsSpec(1, 2, 4))
    assert sorted(cell.seeds for cell in cells(only, FACTS)) == [1] * 6 + [4]
    many = spec_of(budgets=(1e11,), seeds=SeedsSpec(5, 2, 4))
    assert {cell.seeds for cell in cells(many, FACTS)} == {5}
