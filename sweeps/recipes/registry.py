"""Recipes by name: built in, offered by installed distributions as entry points, or a sweep's own as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from sweeps.recipes.cpu_small import CPU_SMALL
from sweeps.recipes.marin import MARIN_2025
from sweeps.recipes.muon_small import MUON_SMALL
from sweeps.recipes.nanochat import NANOCHAT
from sweeps.recipes.porian_olmo import PORIAN_OLMO
from sweeps.recipes.recipe import Recipe, RecipeError, override, values_of
from sweeps.recipes.tuned import tuned

GROUP: Final = "isoflop.recipes"
"""Entry-point group in which a distribution offers a recipe under its name."""

Own = Mapping[str, Mapping[str, Any]]
"""Recipes that a sweep brings along: definitions, as `isoflop tune` writes them, by name."""

RECIPES: Final[Mapping[str, Recipe]] = {r.name: r for r in (CPU_SMALL, PORIAN_OLMO, MARIN_2025, NANOCHAT, MUON_SMALL)}
"""The built-in recipes."""

VALUES: Final = tuple(dict.fromkeys(key for recipe in RECIPES.values() for key in values_of(recipe)))
"""Values of any built-in recipe."""


def recipe_names() -> tuple[str, ...]:
    """Names of all recipes, the installed ones last, without loading any."""
    return tuple(dict.fromkeys((*RECIPES, *sorted(_offers()))))


def get_recipe(name: str, overrides: Mapping[str, Any] | None = None, own: Own | None = None) -> Recipe:
    """A recipe with single values replaced; of the installed ones, only the one asked for is loaded.

    Args:
        name: its name.
        overrides: values to replace.
        own: definitions of a sweep's own recipes by their names.

    Raises:
        RecipeError: for an unknown or unusable recipe, an unknown value, or one of the wrong type.
    """
    offers = _offers().get(name, ())
    if own and name in own:
        if name in RECIPES or offers:
            raise RecipeError(f"recipe {name!r} is built in or installed: give the sweep's own another name")
        return override(tuned(name, own[name], get_recipe), overrides or {})
    if name in RECIPES and offers:
        raise RecipeError(f"recipe {name!r} is built in, and {_named(offers)} offers another: rename or uninstall it")
    if len(offers) > 1:
        raise RecipeError(f"recipe {name!r} is offered by {_named(offers)}: uninstall all but one")
    if name not in RECIPES and not offers:
        raise RecipeError(f"unknown recipe {name!r}: choose one of {', '.join((*recipe_names(), *(own or ())))}")
    recipe = RECIPES[name] if name in RECIPES else _load(offers[0])
    return override(recipe, overrides or {})


@lru_cache(maxsize=1)
def _offers() -> dict[str, tuple[EntryPoint, ...]]:
    """Entry points of the group by name. A distribution found in two folders of sys.path counts once."""
    found: dict[str, dict[tuple[str, str], EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        found.setdefault(point.name, {})[(_distribution(point), point.value)] = point
    return {name: tuple(points.values()) for name, points in found.items()}


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "an unnamed distribution"


def _named(points: tuple[EntryPoint, ...]) -> str:
    return " and ".join(sorted({f"the installed distribution {_distribution(point)}" for point in points}))


def _load(point: EntryPoint) -> Recipe:
    """The recipe of an entry point, checked. What its code raises becomes a RecipeError that names its origin."""
    where = f"recipe {point.name!r} of the installed distribution {_distribution(point)} ({point.value})"
    try:
        recipe = point.load()
    except Exception as error:
        raise RecipeError(f"{where} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(recipe, Recipe):
        kind = recipe.__name__ if isinstance(recipe, type) else type(recipe).__name__
        raise RecipeError(f"{where} is not a sweeps.recipes.recipe.Recipe but {kind}")
    if recipe.name != point.name:
        raise RecipeError(f"{where} is named {recipe.name!r}: the entry point must have the same name")
    try:
        hash(recipe)
    except TypeError as error:
        raise RecipeError(f"{where} must be frozen, with hashable values: {error}") from None
    return recipe
