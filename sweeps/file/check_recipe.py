"""Checks what a sweep says about its recipe and the parts of its model, one by one and in combination."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from model.config import ConfigError, ModelConfig
from sweeps.file.data_axes import DATA_AXES, WEIGHT, data_type, with_data
from sweeps.file.problem import Problem
from sweeps.file.spec import SweepSpec
from sweeps.nearest import nearest
from sweeps.recipes.ladder import PART_FIELDS, build_shape, ladder
from sweeps.recipes.recipe import Recipe, RecipeError, override, typed, values_of
from sweeps.recipes.registry import VALUES, get_recipe, recipe_names
from tokenizer.corpus import CorpusError
from tokenizer.vocabulary import TokenizerError

SHAPE_KEYS: Final = ("d_model", "n_layers", "n_heads", "d_ff")
"""Keys of an explicit shape."""
ROUTING_FIELDS: Final = ("active", "balance", "balance_weight")
"""Parts of a model that only experts have."""
AXES: Final = (*VALUES, *PART_FIELDS, "recipe", "context", *DATA_AXES, f"{WEIGHT}DOMAIN")
"""Axes that `vary` may have with the built-in recipes."""
MAX_CONTEXT: Final = 131_072
"""Longest training sequence, tokens."""
MAX_COMBINATIONS: Final = 1000
"""Combinations of axes that are tried before a plan tries the others."""
_ANY_VOCAB: Final = 2
"""Entries of a vocabulary that stands for any: it has no part in whether a shape can be built."""

Problems = Iterable[Problem]


def recipe_problems(spec: SweepSpec) -> Problems:
    """Problems of the recipe and of each value that the sweep replaces."""
    found = tuple(_recipe_name(spec.recipe, "recipe"))
    yield from found
    if found:
        return
    for key, value in spec.recipe_overrides.items():
        yield from _recipe_value(spec.recipe, key, value, f"recipe_overrides.{key}")


def _recipe_name(name: Any, where: str) -> Problems:
    """A problem where there is no such recipe or it cannot be loaded."""
    if name not in recipe_names():
        listing = f"unknown recipe {str(name)[:64]!r}; the recipes are {', '.join(recipe_names())}"
        yield Problem(listing, where, suggestion=nearest(str(name), recipe_names()))
        return
    try:
        get_recipe(name)
    except RecipeError as error:
        yield Problem(str(error), where)


def _recipe_value(recipe: str, key: str, value: Any, where: str) -> Problems:
    known = values_of(get_recipe(recipe))
    if key not in known:
        listing = f"not a value of recipe {recipe}; its values are {', '.join(known)}"
        yield Problem(listing, where, suggestion=nearest(key, known))
        return
    try:
        typed(get_recipe(recipe), key, value)
    except RecipeError as error:
        yield Problem(str(error), where)


def model_problems(spec: SweepSpec) -> Problems:
    """Problems of the parts of the model."""
    for key, value in spec.model.items():
        yield from _model_value(key, value, f"model.{key}")
    if "experts" not in (*spec.model, *spec.vary):
        for where in (f"{section}.{key}" for section in ("model", "vary") for key in getattr(spec, section)):
            if where.partition(".")[2] in ROUTING_FIELDS:
                yield Problem("has no effect without experts: set model.experts too", where)


_PART_TYPES: Final[Mapping[str, type]] = {
    field.name: {"bool": bool, "int": int, "str": str}.get(str(field.type), float)
    for field in dataclasses.fields(ModelConfig)
    if field.name in PART_FIELDS
}

_OPTIONAL_PARTS: Final = tuple(field.name for field in dataclasses.fields(ModelConfig) if field.default is None)


def _model_value(key: str, value: Any, where: str) -> Problems:
    """Problems of one ModelConfig field."""
    if key in SHAPE_KEYS:
        remedy = "use sizes.shapes, or recipe_overrides with layers, heads or ff_ratio"
        yield Problem(f"set by sizes and recipe: {remedy}", where)
    elif key in ("vocab", "context"):
        yield Problem("set by " + ("tokenizer.vocab" if key == "vocab" else "the sweep's own key `context`"), where)
    elif key not in PART_FIELDS:
        listing = f"not a part of a model; the parts are {', '.join(PART_FIELDS)}"
        yield Problem(listing, where, suggestion=nearest(key, PART_FIELDS))
    else:
        yield from _part_value(key, value, where)


def _tiny(parts: Mapping[str, Any], heads: int = 1) -> ModelConfig:
    """A tiny model with these parts. Raises ConfigError where they do not go together."""
    return ModelConfig(vocab=2, context=2, d_model=2 * heads, n_layers=1, n_heads=heads, d_ff=1, **parts)


def _part_value(key: str, value: Any, where: str) -> Problems:
    if value is None and key in _OPTIONAL_PARTS:
        return
    wanted = _PART_TYPES[key]
    names = {bool: "true or false", float: "a number", int: "a whole number", str: "text"}
    fits = isinstance(value, int | float) and not isinstance(value, bool) if wanted is float else type(value) is wanted
    if not fits:
        yield Problem(f"expected {names[wanted]}, got {str(value)[:40]!r}", where)
        return
    if wanted in (float, int) and value < 0:
        yield Problem(f"must not be negative, is {value}", where)
        return
    try:
        heads = max(1, value) if key == "kv_heads" else 1  # whether they divide the recipe's is a combination's matter
        _tiny({key: value}, heads)
    except ConfigError as error:
        yield Problem(str(error), where)


def vary_problems(spec: SweepSpec) -> Problems:
    """Problems of the axes and of each of their values."""
    axes = _axes(spec)
    for axis, values in spec.vary.items():
        where = f"vary.{axis}"
        if axis not in axes and not data_type(axis):
            yield Problem(f"unknown axis; the axes are {', '.join(axes)}", where, suggestion=nearest(axis, axes))
            continue
        if not values:
            yield Problem("needs at least one value", where)
        if len({(type(value), str(value)) for value in values}) < len(values):
            yield Problem("has the same value twice", where)
        if axis in spec.recipe_overrides or axis in spec.model:
            yield Problem("is also set for the whole sweep: keep one of the two", where)
        for index, value in enumerate(values):
            yield from _axis_value(spec, axis, value, f"{where}.{index}")


def _axes(spec: SweepSpec) -> tuple[str, ...]:
    """Axes that `vary` may have with the sweep's recipe."""
    if tuple(_recipe_name(spec.recipe, "recipe")):
        return AXES  # the unknown recipe is already reported
    return (*values_of(get_recipe(spec.recipe)), *AXES[len(VALUES) :])


def _axis_value(spec: SweepSpec, axis: str, value: Any, where: str) -> Problems:
    if axis == "recipe":
        yield from _recipe_name(value, where)
    elif axis == "context":
        if type(value) is not int or not 2 <= value <= MAX_CONTEXT:
            yield Problem(f"must be a whole number between 2 and {MAX_CONTEXT}", where)
    elif wanted := data_type(axis):
        if type(value) is not wanted and (wanted is not float or type(value) is not int):
            names = {int: "a whole number", float: "a number", str: "text"}
            yield Problem(f"must be {names[wanted]}, is {str(value)[:40]!r}", where)
    elif axis in PART_FIELDS:
        yield from _part_value(axis, value, where)
    elif not tuple(_recipe_name(spec.recipe, "recipe")):
        yield from _recipe_value(spec.recipe, axis, value, where)


def combination_problems(spec: SweepSpec) -> Problems:
    """Problems of values that are good one by one: of the recipe's, of the axes' and of explicit shapes."""
    seen: set[tuple[str, str]] = set()
    values = itertools.product(*(enumerate(axis) for axis in spec.vary.values()))
    for indexed in itertools.islice(values, MAX_COMBINATIONS):
        chosen = {axis: value for axis, (_, value) in zip(spec.vary, indexed, strict=True)}
        places = {axis: f"vary.{axis}.{index}" for axis, (index, _) in zip(spec.vary, indexed, strict=True)}
        for keys, message in _of_combination(spec, chosen):
            varied = [places[key] for key in keys if key in places]
            own = [f"recipe_overrides.{key}" for key in keys if key in spec.recipe_overrides]
            part = [f"model.{key}" for key in keys if key in spec.model]
            whole = [key for key in keys if key.startswith("sizes")]
            where = next(iter((*varied, *own, *part, *whole)), "recipe")
            if (where, message) not in seen:
                seen.add((where, message))
                yield Problem(message, where)


def _of_combination(spec: SweepSpec, chosen: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is wrong with one combination of axes, each time with the keys that have to do with it."""
    yield from _of_data(spec, chosen)
    parts = spec.model | {key: value for key, value in chosen.items() if key in PART_FIELDS}
    try:
        _tiny({key: value for key, value in parts.items() if key in ("experts", *ROUTING_FIELDS)})
    except ConfigError as error:
        yield ("experts", *ROUTING_FIELDS), str(error)
        return
    own = {key: value for key, value in chosen.items() if key not in AXES[len(VALUES) :] and not data_type(key)}
    overrides = spec.recipe_overrides | own
    recipe = get_recipe(chosen.get("recipe", spec.recipe))
    foreign = [key for key in overrides if key not in values_of(recipe)]
    for key in foreign:
        yield ("recipe", key), f"recipe {recipe.name} has no value {key}, which the sweep sets: leave one of them out"
    if foreign:
        return
    try:
        made = override(recipe, overrides)
        context = int(chosen.get("context", spec.context))
        if not ladder(made, _ANY_VOCAB, context, parts, upto=0):
            grouped = [key for key in ("kv_heads",) if parts.get(key)]
            why = "its heads divide none of its widths evenly" + ", or kv_heads does not divide them" * len(grouped)
            yield (*grouped, *overrides), f"recipe {made.name} can build no model: {why}"
        yield from _shapes(spec, made, context, parts)
    except RecipeError as error:
        yield tuple(k for keys, _ in _contradictions(recipe, overrides) for k in keys) or tuple(overrides), str(error)


def _of_data(spec: SweepSpec, chosen: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is wrong with the corpus and the tokenizer of one combination of axes."""
    try:
        with_data(spec, chosen)
    except (CorpusError, TokenizerError) as error:
        section = "corpus" if isinstance(error, CorpusError) else "tokenizer"
        varied = [axis for axis in chosen if axis.startswith(f"{section}.")]
        own = f"{section}.{error.key}"
        yield (own, *varied), error.message if own in chosen else str(error)


def _contradictions(recipe: Recipe, overrides: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """The contradictions of a recipe with overrides that are good one by one."""
    yield from dataclasses.replace(recipe, **overrides).contradictions()


def _shapes(
    spec: SweepSpec, recipe: Recipe, context: int, parts: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Explicit shapes that cannot be built."""
    for index, entry in enumerate(spec.sizes.shapes):
        try:
            build_shape(recipe, _ANY_VOCAB, context, entry["d_model"], {**parts, **entry})
        except ConfigError as error:
            yield (f"sizes.shapes.{index}",), str(error)
