"""Validation of a sweep's values: every contradiction has its key and says what to do."""

from __future__ import annotations

from typing import Any

import pytest

from sweeps.file.check import cells_at_most, checked
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
