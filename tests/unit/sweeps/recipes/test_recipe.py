"""Recipes: sources, shapes that can be built, and the published figures of each rule."""

from __future__ import annotations

import pytest

from model.config import ModelConfig, RunConfig, TrainConfig
from sweeps.recipes.cpu_small import CPU_SMALL
from sweeps.recipes.ladder import shape
from sweeps.recipes.recipe import Range, Recipe, RecipeError, train_config, values_of
from sweeps.recipes.registry import RECIPES, get_recipe

GOLDEN = {
    "cpu-small 12000 2000": "1aec7e42b9161422",
    "cpu-small 12000 20000": "83cc95e5969abeb4",
    "cpu-small 50000 2000": "0e866857c3a7dfdb",
    "cpu-small 50000 20000": "fe5783530514febf",
    "cpu-small 300000 2000": "0c46299942214d0b",
    "cpu-small 300000 20000": "c21d07e2fe75729c",
    "porian-olmo 5e+06 4000": "5bd6cf85e4440e23",
    "porian-olmo 5e+06 900000": "d7f5172cbd8a8a93",
    "porian-olmo 3e+07 4000": "96e0be98b200e210",
    "porian-olmo 3e+07 900000": "d4ae8fc635116529",
    "porian-olmo 4e+08 4000": "196f27d600577489",
    "porian-olmo 4e+08 900000": "0c7a9da686362e4f",
}


def identity(model: ModelConfig, train: TrainConfig) -> str:
    """The run's id under the first version of the arithmetic."""
    return RunConfig(model, train, "d" * 64, math_version=1).run_id


@pytest.mark.parametrize("cell", GOLDEN)
def test_runs_of_the_first_recipes_keep_their_identity(cell: str) -> None:
    name, params, sequences = cell.split()
    vocab, context = (1024, 128) if name == "cpu-small" else (8192, 512)
    recipe = get_recipe(name)
    model = shape(recipe, float(params), vocab, context)
    train = train_config(recipe, model, int(sequences), seed=1, numerics="bf16")
    assert identity(model, train) == GOLDEN[cell]


def test_overridden_runs_keep_their_identity() -> None:
    values = {"lr": 0.001, "layers": 6, "warmup_per_param": 0.0, "warmup": 0.03, "schedule": "cosine"}
    recipe = get_recipe("porian-olmo", values)
    model = shape(recipe, 2e7, 4096, 256)
    assert identity(model, train_config(recipe, model, 9999)) == "8259b2dae7b6c8e2"
    recipe = get_recipe("cpu-small", {"embedding_lr": 0, "batch_tokens": 2048, "batch_length_exponent": 0, "heads": 2})
    model = shape(recipe, 6e4, 1024, 64, {"mlp": "gelu"})
    assert identity(model, train_config(recipe, model, 9999)) == "1fa9f22c3718b571"


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_value_has_a_source(recipe: Recipe) -> None:
    assert set(recipe.sources) == set(values_of(recipe))


def test_overrides_replace_single_values() -> None:
    recipe = get_recipe("cpu-small", {"lr": 0.01, "layers": 3.0, "schedule": "cosine", "embedding_lr": 0})
    assert (recipe.lr, recipe.layers, recipe.schedule) == (0.01, 3, "cosine")
    train = train_config(recipe, shape(recipe, 5e4, 1024, 128), 1000, seed=3, numerics="bf16")
    assert (train.lr, train.schedule, train.seed, train.numerics) == (0.01, "cosine", 3, "bf16")
    assert train.embedding_lr is None
    assert train_config(CPU_SMALL, shape(CPU_SMALL, 5e4, 1024, 128), 10).embedding_lr == CPU_SMALL.embedding_lr


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"lrr": 1.0}, "did you mean lr?"),
        ({"lr": 0.0}, "lr must be positive"),
        ({"clip": -1.0}, "clip must be at least 0"),
        ({"lr": "big"}, "lr must be a number"),
        ({"lr": True}, "lr must be a number"),
        ({"layers": 1.5}, "layers must be a whole number"),
        ({"params_range": 3}, "unknown value"),
        ({"schedule": 1}, "choose wsd or cosine"),
        ({"optimizer": "sgd"}, "optimizer is 'sgd': choose adamw or muon"),
        ({"momentum": 1.0}, "momentum must lie between 0 and 1"),
    ],
)
def test_wrong_overrides_are_refused(overrides: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        get_recipe("cpu-small", overrides)


def test_the_ends_of_a_range_belong_to_it() -> None:
    inside = Range(2.0, 5.0)
    assert 2.0 in inside and 5.0 in inside and 3 in inside
    assert 1.99 not in inside and 5.01 not in inside


def test_settings_are_the_recipes_constants_unless_replaced() -> None:
    train = CPU_SMALL.settings(7, batch=2, lr=0.5, clip=0.25)
    assert (train.sequences, train.batch, train.lr, train.clip) == (7, 2, 0.5, 0.25)
    assert (train.schedule, train.cooldown, train.weight_decay) == ("wsd", CPU_SMALL.cooldown, CPU_SMALL.weight_decay)
    assert (train.final_lr, train.beta1, train.eps) == (0.0, 0.9, 1e-8)


def test_what_describes_a_recipe_is_none_of_its_values() -> None:
    values = values_of(CPU_SMALL)
    assert {"lr", "clip", "schedule", "min_steps"} <= set(values)
    assert not {"name", "about", "differs", "sources", "params_range", "ratio_range", "batch_range"} & set(values)


def test_exponents_may_be_negative_and_zero_switches_off() -> None:
    assert get_recipe("cpu-small", {"lr_exponent": -1}).lr_exponent == -1.0
    assert get_recipe("cpu-small", {"clip": 0}).clip == 0.0
    with pytest.raises(RecipeError, match="min_steps must be positive, is 0"):
        get_recipe("cpu-small", {"min_steps": 0})
    with pytest.raises(RecipeError, match="warmup must be at least 0, is -1"):
        get_recipe("cpu-small", {"warmup": -1})
