"""Recipes that sweeps have found, as files: those of the home by their names, and any other by its path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.home import Home
from sweeps.file.check import NAME
from sweeps.file.own_recipes import Find
from sweeps.file.parse import MAX_BYTES, Plain, parse
from sweeps.file.problem import SweepError
from sweeps.file.serialise import plain_yaml
from sweeps.recipes.recipe import RecipeError
from sweeps.recipes.registry import get_recipe, recipe_names

ENDING = ".yaml"
"""Of a recipe's file."""


def recipes_of(home: Home, *, paths: bool = True) -> Find:
    """What finds a recipe by its name in the home, or by its path unless paths are refused."""

    def find(name: str) -> Plain | None:
        if NAME.fullmatch(name):
            path = home.recipes / f"{name}{ENDING}"
            return read_recipe(path) if path.is_file() else None
        if "/" not in name and not name.endswith(ENDING):
            return None
        if not paths:
            raise RecipeError(
                "a received sweep names its recipe, or has its definition under `recipes`: a path is neither"
            )
        return read_recipe(Path(name))

    return find


def read_recipe(path: Path) -> Plain:
    """The definition in a file. Raises RecipeError where there is none."""
    if not NAME.fullmatch(path.name.removesuffix(ENDING)):
        raise RecipeError(f"{path}: a recipe's file is named NAME{ENDING}, in lower-case letters, digits and hyphens")
    try:
        with path.open("rb") as file:
            data = parse(file.read(MAX_BYTES + 1), str(path)).data
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {error.strerror or error}") from None
    except SweepError as error:
        raise RecipeError(f"{path} is no recipe: {error.problems[0].message}") from None
    return dict(data)


def check_name(name: str) -> None:
    """Refuse a name that a recipe of the home cannot have. Raises RecipeError."""
    if not NAME.fullmatch(name):
        raise RecipeError(f"{name[:64]!r} is no name of a recipe: lower-case letters, digits and hyphens, at most 64")
    if name in recipe_names():
        raise RecipeError(f"recipe {name!r} is built in or installed: choose another name")


def write_recipe(home: Home, name: str, definition: Mapping[str, Any]) -> Path:
    """Write a recipe into the home, checked as it is read; one of the same name is replaced. Raises RecipeError."""
    text = f"# Written by isoflop tune; `recipe: {name}` in a sweep file uses it.\n{plain_yaml(definition)}"
    get_recipe(name, own={name: parse(text).data})
    home.recipes.mkdir(exist_ok=True)
    path, new = home.recipes / f"{name}{ENDING}", home.recipes / f".{name}.new"
    new.write_text(text, encoding="utf-8")
    new.replace(path)
    return path
