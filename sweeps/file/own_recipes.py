"""Takes a sweep's own recipes into it: the definitions of those that it names and that isoflop does not have itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import Any

from sweeps.file.layers import Layers
from sweeps.file.parse import Key, Plain
from sweeps.recipes.recipe import RecipeError
from sweeps.recipes.registry import recipe_names

Find = Callable[[str], Plain | None]
"""The definition of a recipe by a name or a path; None where there is none. Raises RecipeError."""


def nowhere(name: str) -> None:
    """Finds no recipe: the sweep has all that it needs."""


def with_own_recipes(data: Plain, layers: Layers, find: Find) -> Plain:
    """The data of a sweep with the definitions of the recipes that it names; a path becomes the file's name.

    A recipe that cannot be read is reported to `layers`.
    """
    taken = dict(data.get("recipes") or {})
    names: dict[str, str] = {}
    for key, name in _named(data):
        if name in recipe_names() or name in taken:
            continue
        try:
            definition = find(name)
        except RecipeError as error:
            layers.report(key, str(error))
            continue
        if definition is not None:
            names[name] = PurePath(name).name.removesuffix(".yaml")
            taken[names[name]] = definition
    return _renamed(data, names) | {"recipes": taken} if names else data


def _named(data: Plain) -> Iterator[tuple[Key, str]]:
    """The recipes that a sweep names, each with where it does."""
    if isinstance(data.get("recipe"), str):
        yield ("recipe",), data["recipe"]
    for index, name in enumerate(_axis(data)):
        if isinstance(name, str):
            yield ("vary", "recipe", str(index)), name


def _axis(data: Plain) -> list[Any]:
    """The values of the axis `recipe`."""
    vary = data.get("vary")
    values = vary.get("recipe") if isinstance(vary, dict) else None
    return values if isinstance(values, list) else []


def _renamed(data: Plain, names: dict[str, str]) -> Plain:
    """The data with some recipes under other names."""
    found = data | (
        {"recipe": names.get(data["recipe"], data["recipe"])} if isinstance(data.get("recipe"), str) else {}
    )
    if _axis(data):
        axis = [names.get(name, name) if isinstance(name, str) else name for name in _axis(data)]
        found["vary"] = data["vary"] | {"recipe": axis}
    return found
