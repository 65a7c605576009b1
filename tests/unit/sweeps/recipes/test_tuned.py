"""Recipes that a sweep has found: their rules, the base under them, and definitions that cannot be read."""

from __future__ import annotations

from typing import Any

import pytest

from model.config import ModelConfig, TrainConfig
from model.flops import count_parameters
from sweeps.recipes.ladder import shape
from sweeps.recipes.recipe import RecipeError, override
from sweeps.recipes.registry import get_recipe
from sweeps.recipes.tuned import Rule, settings_of, with_settings

DEFINITION: dict[str, Any] = {
    "source": "tuned by sweep t-tune@1",
    "base": "cpu-small",
    "base_overrides": {"layers": 3},
    "reference": {"params": 20_000, "tokens": 1e6},
    "rules": {
        "batch": {"value": 512, "params": 0.1, "tokens": 0.5},
        "lr": {"value": 0.01, "params": -0.5, "tokens": 0.0},
    },
    "range": {"params": [1e4, 1e5], "tokens_per_param": [1, 100], "batch": [128, 2048]},
}


def model_of(name: str, definition: dict[str, Any]) -> ModelConfig:
    return shape(get_recipe(name, own={name: definition}), 4e4, 1024, 128, {})


def test_rules_set_their_settings_and_the_base_all_others() -> None:
    recipe, base = get_recipe("mine", own={"mine": DEFINITION}), get_recipe("cpu-small", {"layers": 3})
    model = model_of("mine", DEFINITION)
    assert model.n_layers == 3
    train, plain = recipe.optimise(model, 20_000), base.optimise(model, 20_000)
    params, tokens = count_parameters(model).nonembedding / 20_000, 20_000 * 128 / 1e6
    assert train.batch == round(512 * params**0.1 * tokens**0.5 / 128) != plain.batch
    assert train.lr == pytest.approx(0.01 * params**-0.5, rel=1e-3)
    assert with_settings(train, 128, {"batch": plain.batch * 128, "lr": plain.lr}) == plain
    assert (recipe.range_source, recipe.params_range.high) == ("tuned by sweep t-tune@1", 1e5)


def test_values_of_every_recipe_can_be_replaced_but_not_those_that_a_rule_sets() -> None:
    recipe = override(get_recipe("mine", own={"mine": DEFINITION}), {"cooldown": 0.3, "weight_decay": 0.2})
    train = recipe.optimise(model_of("mine", DEFINITION), 20_000)
    assert (train.cooldown, train.weight_decay) == (0.3, 0.2)
    decaying = DEFINITION | {"rules": {"weight_decay": {"value": 0.1, "params": 0, "tokens": 0}}}
    with pytest.raises(RecipeError, match="recipe mine sets weight_decay by a rule of its own"):
        get_recipe("mine", {"weight_decay": 0.2}, {"mine": decaying})


def test_settings_are_read_as_they_are_set() -> None:
    train = TrainConfig(sequences=1000, batch=4, lr=0.01, warmup_steps=25)
    assert settings_of(train, 128) == {"batch": 512, "lr": 0.01, "weight_decay": 0.1, "warmup": 0.1}
    changed = with_settings(train, 128, {"batch": 10, "warmup": 0.9, "embedding_lr": 0.05})
    assert (changed.batch, changed.warmup, changed.warmup_steps) == (1, 0.5, None)
    assert settings_of(changed, 128)["embedding_lr"] == 0.05


def test_a_rule_is_a_power_law() -> None:
    assert Rule(0.01, -0.5, 0.25).at(4.0, 16.0) == 0.01
    assert Rule(2 / 3, 0, 0).at(1, 1) == 0.6667, "four digits, so that runs are the same on every machine"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"base": "nosuch"}, "recipe mine: unknown recipe 'nosuch'"),
        ({"base_overrides": {"speed": 1}}, "recipe mine: unknown value 'speed' of recipe cpu-small"),
        ({"rules": {"speed": {}}}, "recipe mine cannot be read: no setting 'speed': a rule sets one of batch, lr"),
        ({"rules": {"lr": {"value": 0.1}}}, "recipe mine cannot be read: .*params"),
        ({"rules": {"lr": {"value": "x", "params": 0, "tokens": 0}}}, "recipe mine cannot be read: could not convert"),
        ({"rules": {"lr": {"value": -1, "params": 0, "tokens": 0}}}, "references and values of rules are positive"),
        ({"reference": {"params": 0, "tokens": 1}}, "references and values of rules are positive"),
        ({"range": {"params": [1]}}, "recipe mine cannot be read: not enough values"),
        ({"rules": []}, "recipe mine cannot be read"),
    ],
)
def test_definitions_that_cannot_be_read_say_why(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        get_recipe("mine", own={"mine": DEFINITION | changes})


def test_what_a_definition_lacks_is_named() -> None:
    for key in ("base", "rules", "reference", "range", "source"):
        with pytest.raises(RecipeError, match=f"recipe mine lacks '{key}': write it with isoflop tune"):
            get_recipe("mine", own={"mine": {name: value for name, value in DEFINITION.items() if name != key}})


def test_no_recipe_of_a_sweep_hides_a_built_in_one() -> None:
    with pytest.raises(RecipeError, match="recipe 'cpu-small' is built in or installed"):
        get_recipe("cpu-small", own={"cpu-small": DEFINITION})
