"""Recipes that sweeps have found become part of the sweep that names them."""

from __future__ import annotations

from sweeps.file.compose import load_sweep
from sweeps.file.parse import Plain
from sweeps.file.problem import SweepError
from sweeps.file.serialise import spec_hash, to_yaml
from sweeps.recipes.recipe import RecipeError
from tests.unit.sweeps.recipes.test_tuned import DEFINITION

import pytest  # isort: skip

GRID = "name: t\nbudgets: [1e11, 3e11]\n"


def find(name: str) -> Plain | None:
    """Knows `mine`, by its name and by a path."""
    if name == "broken":
        raise RecipeError("broken.yaml cannot be read")
    return DEFINITION if name in ("mine", "lab/mine.yaml") else None


def test_a_recipe_is_taken_in_by_its_name_or_its_path() -> None:
    named = load_sweep(f"{GRID}recipe: mine\n".encode(), recipes=find)
    assert named.recipe == "mine" and named.recipes == {"mine": DEFINITION}
    assert load_sweep(f"{GRID}recipe: lab/mine.yaml\n".encode(), recipes=find) == named
    assert load_sweep(GRID.encode(), ["recipe=mine"], recipes=find) == named
    again = load_sweep(to_yaml(named).encode())
    assert again == named, "a stored sweep needs no file"
    assert spec_hash(named) != spec_hash(load_sweep(GRID.encode()))
    assert "recipes" not in to_yaml(load_sweep(GRID.encode(), recipes=find)), "other sweeps stay as they were"


def test_recipes_of_an_axis_are_taken_in() -> None:
    spec = load_sweep(f"{GRID}vary: {{recipe: [cpu-small, lab/mine.yaml]}}\n".encode(), recipes=find)
    assert spec.vary == {"recipe": ["cpu-small", "mine"]} and list(spec.recipes) == ["mine"]


def test_what_the_sweep_has_goes_before_what_is_found() -> None:
    own = DEFINITION | {"about": "Mine."}
    text = to_yaml(load_sweep(f"{GRID}recipe: mine\n".encode(), recipes=lambda name: own))
    assert load_sweep(text.encode(), recipes=find).recipes["mine"]["about"] == "Mine."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("recipe: other\n", ":3:1 recipe: unknown recipe 'other'; the recipes are cpu-small"),
        ("recipe: broken\n", ":3:1 recipe: broken.yaml cannot be read"),
        ("recipes: {mine: {base: cpu-small}}\n", "recipes.mine: recipe mine lacks 'rules'"),
        ("recipe: mine\nrecipe_overrides: {lr: 1}\n", "recipe_overrides.lr: not a value of recipe mine"),
    ],
)
def test_recipes_that_cannot_be_had_are_named_where_they_stand(text: str, said: str) -> None:
    with pytest.raises(SweepError, match=said):
        load_sweep(f"{GRID}{text}".encode(), recipes=find)
