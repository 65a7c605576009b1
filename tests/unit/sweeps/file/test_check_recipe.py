"""Values of a recipe that are good one by one and not together, each at the place that set it."""

from __future__ import annotations

from typing import Any

import pytest

from sweeps.file.check import checked
from sweeps.file.check_recipe import combination_problems, model_problems, recipe_problems, vary_problems
from sweeps.file.problem import SweepError
from sweeps.file.spec import SizesSpec, SweepSpec

GOOD: dict[str, Any] = {"name": "good", "budgets": (1e11, 3e11, 1e12)}

CONTRADICTIONS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no layers": ({"recipe_overrides": {"layers": 0}}, "recipe_overrides.layers", "layers and width_per_layer"),
    "no heads": ({"recipe_overrides": {"heads": 0}}, "recipe_overrides.heads", "heads and head_size"),
    "no width": (
        {"recipe": "porian-olmo", "recipe_overrides": {"layers": 0, "width_per_layer": 0}},
        "recipe_overrides.layers",
        "both 0",
    ),
    "marin": (
        {"recipe": "marin-2025", "recipe_overrides": {"head_size": 0}},
        "recipe_overrides.head_size",
        "head_size must be positive",
    ),
    "marin's depth": (
        {"recipe": "marin-2025", "recipe_overrides": {"depth_offset": 0, "depth_slope": 0}},
        "recipe_overrides.depth_offset",
        "depth_slope are both 0",
    ),
    "nanochat": (
        {"recipe": "nanochat", "recipe_overrides": {"width_per_layer": 0}},
        "recipe_overrides.width_per_layer",
        "must be positive",
    ),
    "varied": ({"vary": {"heads": [1, 0]}}, "vary.heads.1", "heads and head_size are both 0"),
    "varied head size": ({"recipe": "nanochat", "vary": {"head_size": [0]}}, "vary.head_size.0", "must be positive"),
    "varied beside set": (
        {"vary": {"layers": [2, 0]}, "recipe_overrides": {"width_per_layer": 0}},
        "vary.layers.1",
        "both 0",
    ),
    "of another recipe": (
        {"vary": {"recipe": ["cpu-small", "marin-2025"]}, "recipe_overrides": {"layers": 3}},
        "vary.recipe.1",
        "recipe marin-2025 has no value layers",
    ),
    "grouped heads": ({"model": {"kv_heads": 2}}, "model.kv_heads", "or kv_heads does not divide them"),
    "varied grouped heads": ({"vary": {"kv_heads": [0, 2]}}, "vary.kv_heads.1", "can build no model"),
    "odd heads": ({"recipe_overrides": {"heads": 0, "head_size": 1}}, "recipe_overrides.heads", "can build no model"),
    "shape": ({"sizes": SizesSpec(shapes=({"d_model": 6, "n_heads": 4},))}, "sizes.shapes.0", "not a multiple"),
    "active experts": ({"model": {"experts": 4, "active": 8}}, "model.experts", "model.active is 8, above"),
    "varied experts": (
        {"model": {"active": 3}, "vary": {"experts": [1, 4, 2]}},
        "vary.experts.2",
        "active is 3, above",
    ),
    "shape of varied heads": (
        {"sizes": SizesSpec(shapes=({"d_model": 8}, {"d_model": 10})), "vary": {"heads": [1, 4]}},
        "sizes.shapes.1",
        "not a multiple",
    ),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_contradiction_is_reported_where_it_was_set(case: str) -> None:
    change, key, message = CONTRADICTIONS[case]
    with pytest.raises(SweepError) as caught:
        checked(SweepSpec(**(GOOD | change)))
    (problem,) = caught.value.problems
    assert problem.key == key and message in problem.message


@pytest.mark.parametrize(
    "change",
    [
        {"recipe_overrides": {"layers": 0, "width_per_layer": 16}},
        {"recipe_overrides": {"heads": 0, "head_size": 8}},
        {"recipe": "marin-2025", "recipe_overrides": {"depth_offset": 0}},
        {"vary": {"layers": [2, 0]}, "recipe_overrides": {"width_per_layer": 16}},
        {"vary": {"recipe": ["cpu-small", "porian-olmo"]}, "recipe_overrides": {"lr": 0.01}},
        {"vary": {"optimizer": ["adamw", "muon"], "kv_heads": [0, 1], "mlp": ["swiglu", "relu2"]}},
        {"model": {"kv_heads": 2, "window": 64, "window_pattern": "SSSL"}, "recipe": "porian-olmo"},
    ],
)
def test_values_that_go_together_are_no_problem(change: dict[str, Any]) -> None:
    spec = SweepSpec(**(GOOD | change))
    assert checked(spec) is spec


@pytest.mark.parametrize(
    "value", [0, -1, 1e308, 1e-300, float("nan"), float("inf"), 10**40, "", None, [], {"a": 1}, True]
)
@pytest.mark.parametrize("key", ["ff_ratio", "tokens_per_param", "lr", "width_step", "min_steps"])
def test_odd_values_of_a_recipe_are_problems_of_their_key(key: str, value: Any) -> None:
    (problem,) = recipe_problems(SweepSpec(**GOOD, recipe_overrides={key: value}))
    assert problem.key == f"recipe_overrides.{key}"
    assert any(words in problem.message for words in ("must be", "must lie between"))
    (problem,) = vary_problems(SweepSpec(**GOOD, vary={key: [value]}))
    assert problem.key == f"vary.{key}.0"


def test_parts_of_a_model_are_checked_alone() -> None:
    assert list(model_problems(SweepSpec(**GOOD, model={"logit_cap": 30}))) == []
    assert [p.key for p in model_problems(SweepSpec(**GOOD, model={"logit_cap": float("inf")}))] == ["model.logit_cap"]


def test_parts_of_experts_need_experts() -> None:
    alone = SweepSpec(**GOOD, model={"balance": "bias"}, vary={"active": [1, 2]})
    assert [p.key for p in model_problems(alone)] == ["model.balance", "vary.active"]
    for change in (
        {"experts": 4, "balance_weight": None},
        {"experts": 4, "active": 2, "balance": "bias", "balance_weight": 0.01},
    ):
        assert list(model_problems(SweepSpec(**GOOD, model=change))) == []
    varied = SweepSpec(**GOOD, model={"balance": "bias"}, vary={"experts": [1, 4]})
    assert list(model_problems(varied)) == []
    for value, words in (
        (0, "at least 1"),
        (2.5, "a whole number"),
        (True, "a whole number"),
        (None, "a whole number"),
    ):
        (problem,) = model_problems(SweepSpec(**GOOD, model={"experts": value}))
        assert problem.key == "model.experts" and words in problem.message
    (problem,) = model_problems(SweepSpec(**GOOD, model={"experts": 4, "balance_weight": -1}))
    assert problem.key == "model.balance_weight"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("kv_heads", -1, "must not be negative"),
        ("kv_heads", 1.5, "expected a whole number"),
        ("window", "long", "expected a whole number"),
        ("window", True, "expected a whole number"),
        ("window_pattern", "SXL", "write S and L"),
    ],
)
def test_parts_of_attention_are_checked_alone(key: str, value: Any, message: str) -> None:
    (problem,) = model_problems(SweepSpec(**GOOD, model={key: value}))
    assert problem.key == f"model.{key}" and message in problem.message


def test_the_same_contradiction_of_many_combinations_is_reported_once() -> None:
    spec = SweepSpec(**GOOD, vary={"heads": [0], "lr": [0.1, 0.2, 0.3]})
    assert [problem.key for problem in combination_problems(spec)] == ["vary.heads.0"]
