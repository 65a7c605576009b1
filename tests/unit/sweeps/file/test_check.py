"""Validation of a sweep's values: every contradiction has its key and says what to do."""

from __future__ import annotations

from typing import Any

import pytest

from sweeps.file.check import cells_at_most, checked, problems_of
from sweeps.file.problem import SweepError
from sweeps.file.spec import CentreSpec, LimitsSpec, SeedsSpec, SizesSpec, SweepSpec

GOOD: dict[str, Any] = {"name": "good", "budgets": (1e11, 3e11, 1e12)}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "upper case": ({"name": "Good"}, "name"),
    "long name": ({"name": "a" * 65}, "name"),
    "path as name": ({"name": "../x"}, "name"),
    "no name": ({"name": ""}, "name"),
    "no budgets": ({"budgets": ()}, "budgets"),
    "descending": ({"budgets": (3e11, 1e11)}, "budgets"),
    "twice": ({"budgets": (1e11, 1e11)}, "budgets"),
    "negative": ({"budgets": (-1e11, 1e11)}, "budgets.0"),
    "huge": ({"budgets": (1e31,)}, "budgets.0"),
    "no sizes": ({"sizes": SizesSpec(count=0)}, "sizes.count"),
    "span": ({"sizes": SizesSpec(span=1.0)}, "sizes.span"),
    "params and shapes": ({"sizes": SizesSpec(params=(10,), shapes=({"d_model": 8},))}, "sizes.shapes"),
    "params 0": ({"sizes": SizesSpec(params=(0,))}, "sizes.params.0"),
    "shape without width": ({"sizes": SizesSpec(shapes=({"n_layers": 2},))}, "sizes.shapes.0"),
    "shape key": ({"sizes": SizesSpec(shapes=({"d_model": 8, "n_layer": 2},))}, "sizes.shapes.0.n_layer"),
    "two centres": ({"centre": CentreSpec(tokens_per_param=20.0, params_at={"1e12": 1e5})}, "centre"),
    "two pairs": ({"centre": CentreSpec(params_at={"1e12": 1e5, "1e13": 2e5})}, "centre.params_at"),
    "no budget as key": ({"centre": CentreSpec(params_at={"big": 1e5})}, "centre.params_at"),
    "exponent": ({"centre": CentreSpec(exponent=0.0)}, "centre.exponent"),
    "ratio": ({"centre": CentreSpec(tokens_per_param=0.0)}, "centre.tokens_per_param"),
    "recipe": ({"recipe": "cpu_small"}, "recipe"),
    "recipe value": ({"recipe_overrides": {"lrr": 0.1}}, "recipe_overrides.lrr"),
    "recipe type": ({"recipe_overrides": {"layers": 1.5}}, "recipe_overrides.layers"),
    "recipe negative": ({"recipe_overrides": {"lr": -1.0}}, "recipe_overrides.lr"),
    "recipe schedule": ({"recipe_overrides": {"schedule": "linear"}}, "recipe_overrides.schedule"),
    "model shape": ({"model": {"d_model": 64}}, "model.d_model"),
    "model vocab": ({"model": {"vocab": 64}}, "model.vocab"),
    "model part": ({"model": {"qk_nrom": False}}, "model.qk_nrom"),
    "model type": ({"model": {"qk_norm": 1}}, "model.qk_norm"),
    "model choice": ({"model": {"mlp": "relu"}}, "model.mlp"),
    "context": ({"context": 1}, "context"),
    "seeds": ({"seeds": SeedsSpec(default=0)}, "seeds.default"),
    "axis": ({"vary": {"lrx": [1]}}, "vary.lrx"),
    "seed as axis": ({"vary": {"seed": [1, 2]}}, "vary.seed"),
    "empty axis": ({"vary": {"lr": []}}, "vary.lr"),
    "axis twice": ({"vary": {"lr": [0.1, 0.1]}}, "vary.lr"),
    "axis value": ({"vary": {"mlp": ["swiglu", "relu"]}}, "vary.mlp.1"),
    "axis number": ({"vary": {"lr": [0.01, "x"]}}, "vary.lr.1"),
    "axis recipe": ({"vary": {"recipe": ["cpu-small", "x"]}}, "vary.recipe.1"),
    "axis context": ({"vary": {"context": [64, 1.5]}}, "vary.context.1"),
    "axis also set": ({"vary": {"lr": [0.01]}, "recipe_overrides": {"lr": 0.1}}, "vary.lr"),
    "epochs": ({"epochs_max": 0.0}, "epochs_max"),
    "passes above epochs_max": ({"epochs": (1.0, 2.0)}, "epochs.1"),
    "half a pass": ({"epochs": (0.5,)}, "epochs.0"),
    "no passes": ({"epochs": ()}, "epochs"),
    "passes twice": ({"epochs": (2.0, 2.0), "epochs_max": 2.0}, "epochs"),
    "numerics": ({"numerics": "fp16"}, "numerics"),
    "device": ({"device": "gpu"}, "device"),
    "device that trains nothing here": ({"device": "tpu-v4"}, "device"),
    "unknown kind": ({"device": "h1000"}, "device"),
    "limit flops": ({"limits": LimitsSpec(flops=0.0)}, "limits.flops"),
    "limit runs": ({"limits": LimitsSpec(runs=10**9)}, "limits.runs"),
    "explosion": ({"sizes": SizesSpec(count=10**9)}, "limits.runs"),
    "explosion by axes": ({"vary": {"lr": [i / 1000 for i in range(1, 501)]}}, "limits.runs"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_value_is_reported_at_its_key(case: str) -> None:
    change, key = WRONG[case]
    with pytest.raises(SweepError) as caught:
        checked(SweepSpec(**(GOOD | change)))
    assert [problem.key for problem in caught.value.problems] == [key]


def test_grid_is_counted_without_being_expanded() -> None:
    spec = SweepSpec(
        **GOOD,
        seeds=SeedsSpec(default=2, smallest_budget=5, largest_budget=1),
        vary={"lr": [0.001, 0.002, 0.003], "mlp": ["swiglu", "gelu"]},
    )
    assert cells_at_most(spec) == 6 * (3 * 7 * 2 + 3)


GOOD_AT_THE_EDGE: dict[str, dict[str, Any]] = {
    "longest name": {"name": "a" * 64},
    "largest budget": {"budgets": (1e30,)},
    "one size": {"sizes": SizesSpec(count=1)},
    "widest span": {"sizes": SizesSpec(span=1e4)},
    "smallest size": {"sizes": SizesSpec(params=(1, 10**11))},
    "widest shape": {"sizes": SizesSpec(shapes=({"d_model": 65_536, "n_layers": 1},))},
    "largest centre": {"centre": CentreSpec(params_at={"1e30": 1e11}, exponent=1.99)},
    "largest ratio": {"centre": CentreSpec(tokens_per_param=1e9)},
    "shortest context": {"context": 2},
    "longest context": {"context": 131_072, "vary": {"lr": [0.1]}},
    "context as axis": {"vary": {"context": [2, 131_072]}},
    "most seeds": {"seeds": SeedsSpec(smallest_budget=1000)},
    "most passes": {"epochs_max": 1000.0},
    "most runs": {"limits": LimitsSpec(runs=100_000)},
    "zero part": {"model": {"logit_cap": 0}},
    "bf16": {"numerics": "bf16"},
}

BEYOND_THE_EDGE: dict[str, tuple[dict[str, Any], str]] = {
    "span": ({"sizes": SizesSpec(span=10_001.0)}, "sizes.span"),
    "size": ({"sizes": SizesSpec(params=(10**11 + 1,))}, "sizes.params.0"),
    "shape": ({"sizes": SizesSpec(shapes=({"d_model": 65_537},))}, "sizes.shapes.0.d_model"),
    "no shape": ({"sizes": SizesSpec(shapes=({"d_model": 0},))}, "sizes.shapes.0.d_model"),
    "centre": ({"centre": CentreSpec(params_at={"1e12": 2e11})}, "centre.params_at.1e12"),
    "centre below one": ({"centre": CentreSpec(params_at={"1e12": 0.5})}, "centre.params_at.1e12"),
    "budget of the centre": ({"centre": CentreSpec(params_at={"2e30": 1e5})}, "centre.params_at"),
    "exponent": ({"centre": CentreSpec(exponent=2.0)}, "centre.exponent"),
    "ratio": ({"centre": CentreSpec(tokens_per_param=1.1e9)}, "centre.tokens_per_param"),
    "context": ({"context": 131_073}, "context"),
    "axis context": ({"vary": {"context": [1]}}, "vary.context.0"),
    "seeds": ({"seeds": SeedsSpec(largest_budget=1001)}, "seeds.largest_budget"),
    "passes": ({"epochs_max": 1000.5}, "epochs_max"),
    "runs": ({"limits": LimitsSpec(runs=0)}, "limits.runs"),
    "hours": ({"limits": LimitsSpec(hours=0.0)}, "limits.hours"),
    "negative part": ({"model": {"logit_cap": -1.0}}, "model.logit_cap"),
    "part also varied": ({"vary": {"qk_norm": [True]}, "model": {"qk_norm": True}}, "vary.qk_norm"),
}


@pytest.mark.parametrize("case", GOOD_AT_THE_EDGE)
def test_the_last_allowed_value_is_good(case: str) -> None:
    spec = SweepSpec(**(GOOD | GOOD_AT_THE_EDGE[case]))
    assert checked(spec) is spec


@pytest.mark.parametrize("case", BEYOND_THE_EDGE)
def test_the_first_value_beyond_is_not(case: str) -> None:
    change, key = BEYOND_THE_EDGE[case]
    with pytest.raises(SweepError) as caught:
        checked(SweepSpec(**(GOOD | change)))
    assert [problem.key for problem in caught.value.problems] == [key]


def test_a_suggestion_is_what_was_probably_meant() -> None:
    def suggestion(**change: Any) -> str:
        (problem,) = problems_of(SweepSpec(**(GOOD | change)))
        return problem.suggestion

    assert suggestion(recipe="cpu_small") == "cpu-small"
    assert suggestion(budgets=(3e11, 1e11)) == "[100000000000.0, 300000000000.0]"
    assert suggestion(budgets=tuple(float(b) for b in range(9, 0, -1))) == "", "a long list is not repeated"
    assert suggestion(recipe_overrides={"lrr": 1}) == "lr" and suggestion(model={"qk_nrom": True}) == "qk_norm"
    assert suggestion(numerics="bf61") == "bf16" and suggestion(device="H10O") == "h100"
    assert suggestion(vary={"contxt": [1]}) == "context"


def test_a_check_of_the_recipe_counts_among_the_cells() -> None:
    assert cells_at_most(SweepSpec(**GOOD, recipe_check=True)) == 21 + 6 * 14
    assert cells_at_most(SweepSpec(**GOOD, sizes=SizesSpec(params=(1, 2)))) == 6
    assert checked(SweepSpec(**GOOD, limits=LimitsSpec(runs=21)))
    with pytest.raises(SweepError, match=r"the grid has up to 21 runs, above limits\.runs = 20"):
        checked(SweepSpec(**GOOD, limits=LimitsSpec(runs=20)))
