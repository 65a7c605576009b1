"""Bounds of a recipe's values: their ends are usable, and nothing beyond them is."""

from __future__ import annotations

import math

import pytest

from model.flops import count_parameters
from sweeps.recipes.bounds import Bounds, bounds_of
from sweeps.recipes.ladder import shape
from sweeps.recipes.recipe import CHOICES, Recipe, RecipeError, optimised, override, values_of
from sweeps.recipes.registry import RECIPES
from tokenizer.errors import ExpectedError

NUMBERS = [(recipe, key) for recipe in RECIPES.values() for key in values_of(recipe) if key not in CHOICES]


def test_the_ends_count_and_the_refusal_says_what_is_possible() -> None:
    bounds = Bounds(0.5, 2.0)
    assert bounds.refusal(0.5) is None and bounds.refusal(2.0) is None
    assert bounds.refusal(2.01) == "must lie between 0.5 and 2, is 2.01"
    assert bounds.refusal(0.49) == "must lie between 0.5 and 2, is 0.49"
    assert bounds.refusal(0) == "must be positive, is 0"
    assert Bounds(0, 1).refusal(-1e-9) == "must be at least 0, is -1e-09"
    assert Bounds(-10, 10).refusal(-11) == "must lie between -10 and 10, is -11"


def test_exponents_and_unknown_values_have_bounds() -> None:
    assert bounds_of("my_own_exponent") == Bounds(-10, 10)
    assert bounds_of("my_own_value") == Bounds(0, 1e18)


@pytest.mark.parametrize(("recipe", "key"), NUMBERS, ids=lambda x: getattr(x, "name", x))
def test_own_values_lie_within_and_beyond_the_ends_is_refused(recipe: Recipe, key: str) -> None:
    bounds = bounds_of(key)
    assert bounds.refusal(getattr(recipe, key)) is None
    whole = isinstance(getattr(recipe, key), int)
    for beyond in (bounds.low - 1, bounds.high * 1.01 + whole):
        with pytest.raises(RecipeError, match=key):
            override(recipe, {key: math.floor(beyond) if whole else beyond})


@pytest.mark.parametrize("end", ["low", "high"])
@pytest.mark.parametrize(("recipe", "key"), NUMBERS, ids=lambda x: getattr(x, "name", x))
def test_the_ends_overflow_nothing(recipe: Recipe, key: str, end: str) -> None:
    """A shape and an optimisation, or a refusal that is expected; at tiny and at huge lengths."""
    value = getattr(bounds_of(key), end)
    made = None
    try:
        made = override(recipe, {key: math.ceil(value) if isinstance(getattr(recipe, key), int) else value})
        model = shape(made, 1e6, 512, 64)
        optimised(made, model, 3)
        optimised(made, model, 10**20)
    except ExpectedError as error:
        assert made is None or str(error)
    else:
        assert count_parameters(model).matmul > 0
