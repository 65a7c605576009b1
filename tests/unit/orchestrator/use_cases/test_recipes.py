"""Recipes as files: found by name in the home or by path, and refused where they cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.home import Home
from orchestrator.use_cases.recipes import recipes_of, write_recipe
from sweeps.recipes.recipe import RecipeError
from tests.unit.sweeps.recipes.test_tuned import DEFINITION


def test_a_written_recipe_is_found_by_its_name_and_by_its_path(tmp_path: Path) -> None:
    home = Home(tmp_path, "test").create()
    assert recipes_of(home)("mine") is None
    path = write_recipe(home, "mine", DEFINITION)
    assert path.read_text().startswith("# Written by isoflop tune; `recipe: mine` in a sweep file uses it.\n")
    assert recipes_of(home)("mine") == recipes_of(home)(str(path)) == DEFINITION
    write_recipe(home, "mine", DEFINITION | {"about": "Newer."})
    assert (recipes_of(home)("mine") or {})["about"] == "Newer."
    assert [each.name for each in home.recipes.iterdir()] == ["mine.yaml"]


def test_a_received_sweep_names_recipes_of_the_home_alone(tmp_path: Path) -> None:
    home = Home(tmp_path, "test").create()
    path = write_recipe(home, "mine", DEFINITION)
    received = recipes_of(home, paths=False)
    assert received("mine") == DEFINITION and received("Not a name") is None
    with pytest.raises(RecipeError, match="a received sweep names its recipe"):
        received(str(path))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("none.yaml", None, "none.yaml cannot be read: No such file or directory"),
        ("My.yaml", "", "a recipe's file is named NAME.yaml"),
        ("mine.yaml", "a: !!python/object:x {}", "mine.yaml is no recipe: the tag"),
        ("mine.yaml", "- 1", "mine.yaml is no recipe: the top level must be a mapping"),
    ],
)
def test_files_that_are_no_recipes(tmp_path: Path, name: str, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(RecipeError, match=said):
        recipes_of(Home(tmp_path, "test"))(str(tmp_path / name))


def test_what_no_sweep_could_use_is_not_written(tmp_path: Path) -> None:
    home = Home(tmp_path, "test").create()
    with pytest.raises(RecipeError, match="recipe mine lacks 'rules'"):
        write_recipe(home, "mine", {"base": "cpu-small"})
    assert not home.recipes.exists()
