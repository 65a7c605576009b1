"""Checks the values of a sweep: every problem is found at once, each with its key."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from analysis.devices import GPUS, find_device
from model.config import NUMERICS, ConfigError, ModelConfig
from sweeps.file.problem import Problem, SweepError
from sweeps.file.spec import SweepSpec
from sweeps.nearest import nearest
from sweeps.recipes.ladder import PART_FIELDS
from sweeps.recipes.neighbourhood import BATCHES, CELLS, RATES
from sweeps.recipes.recipe import RecipeError, values_of
from sweeps.recipes.registry import VALUES, get_recipe, recipe_names

NAME: Final = re.compile(r"[a-z0-9-]{1,64}")
DEVICE_CLASSES: Final = ("auto", "cpu", "cuda")
"""What a sweep may ask for instead of a kind of GPU."""
SHAPE_KEYS: Final = ("d_model", "n_layers", "n_heads", "d_ff")
AXES: Final = (*VALUES, *PART_FIELDS, "recipe", "context")
"""Axes that `vary` may have with the built-in recipes."""
MAX_RUNS: Final = 100_000
"""No sweep file can raise limits.runs above this."""
MAX_BUDGET: Final = 1e30
"""Largest budget, FLOPs."""
MAX_PARAMS: Final = 10**11
"""Largest size, parameters."""
MAX_CONTEXT: Final = 131_072
"""Longest training sequence, tokens."""

Problems = Iterable[Problem]


def checked(spec: SweepSpec) -> SweepSpec:
    """The sweep itself, where its values have no problem.

    Raises:
        SweepError: with every problem that was found.
    """
    problems = problems_of(spec)
    if problems:
        raise SweepError(problems)
    return spec


def problems_of(spec: SweepSpec) -> tuple[Problem, ...]:
    """Every problem of a sweep's values, in the order of the schema."""
    checks: tuple[Callable[[SweepSpec], Problems], ...] = (
        _name_and_budgets,
        _sizes,
        _centre,
        _recipe,
        _model,
        _counts,
        _vary,
        _choices,
        _limits,
    )
    found = tuple(problem for check in checks for problem in check(spec))
    return found or tuple(_grid(spec))


def _name_and_budgets(spec: SweepSpec) -> Problems:
    if not NAME.fullmatch(spec.name):
        near = re.sub(r"[^a-z0-9]+", "-", spec.name.lower()[:64]).strip("-")
        yield Problem("must be 1 to 64 lower-case letters, digits and hyphens", "name", suggestion=near)
    if not spec.budgets:
        yield Problem("required: the training FLOPs of a run, such as [1e11, 3e11, 1e12]", "budgets")
    for index, budget in enumerate(spec.budgets):
        if not 0 < budget <= MAX_BUDGET:
            yield Problem(f"must be positive and at most {MAX_BUDGET:g}, is {budget:g}", f"budgets.{index}")
    if any(later <= former for former, later in zip(spec.budgets, spec.budgets[1:], strict=False)):
        ascending = sorted(set(spec.budgets))
        near = str([float(f"{b:g}") for b in ascending]) if len(ascending) <= 8 else ""
        yield Problem("must be ascending, without repeats", "budgets", suggestion=near)


def _sizes(spec: SweepSpec) -> Problems:
    sizes = spec.sizes
    if sizes.count < 1:
        yield Problem(f"must be at least 1, is {sizes.count}", "sizes.count")
    if not 1 < sizes.span <= 1e4:
        yield Problem(f"must be above 1 and at most 10000, is {sizes.span:g}", "sizes.span")
    if sizes.params and sizes.shapes:
        yield Problem("params and shapes exclude each other: keep one", "sizes.shapes")
    for index, params in enumerate(sizes.params):
        if not 1 <= params <= MAX_PARAMS:
            yield Problem(f"must lie between 1 and {MAX_PARAMS:.0e}, is {params}", f"sizes.params.{index}")
    for index, shape in enumerate(sizes.shapes):
        key = f"sizes.shapes.{index}"
        if "d_model" not in shape:
            yield Problem("d_model is required", key)
        for name, value in shape.items():
            if name not in SHAPE_KEYS:
                listing = f"unknown key of a shape; the keys are {', '.join(SHAPE_KEYS)}"
                yield Problem(listing, f"{key}.{name}", suggestion=nearest(name, SHAPE_KEYS))
            elif not 1 <= value <= 65_536:
                yield Problem(f"must lie between 1 and 65536, is {value}", f"{key}.{name}")


def _centre(spec: SweepSpec) -> Problems:
    centre = spec.centre
    if centre.tokens_per_param is not None and centre.params_at:
        remedy = "drop one of them (or set centre.tokens_per_param to null)"
        yield Problem(f"tokens_per_param and params_at exclude each other: {remedy}", "centre")
    if centre.tokens_per_param is not None and not 0 < centre.tokens_per_param <= 1e9:
        yield Problem(f"must be positive, is {centre.tokens_per_param:g}", "centre.tokens_per_param")
    if len(centre.params_at) > 1:
        yield Problem("takes one pair, budget: N; the exponent gives N at the other budgets", "centre.params_at")
    for budget, params in centre.params_at.items():
        if not _positive_number(budget):
            yield Problem(f"the key is a budget in FLOPs, such as 1e12, is {budget[:32]!r}", "centre.params_at")
        if not 1 <= params <= MAX_PARAMS:
            yield Problem(f"N must lie between 1 and {MAX_PARAMS:.0e}, is {params:g}", f"centre.params_at.{budget}")
    if not 0 < centre.exponent < 2:
        yield Problem(f"must lie between 0 and 2, is {centre.exponent:g}", "centre.exponent")


def _positive_number(text: str) -> bool:
    try:
        return 0 < float(text) <= MAX_BUDGET
    except ValueError:
        return False


def _recipe(spec: SweepSpec) -> Problems:
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
        get_recipe(recipe, {key: value})
    except RecipeError as error:
        yield Problem(str(error), where)


def _model(spec: SweepSpec) -> Problems:
    for key, value in spec.model.items():
        yield from _model_value(key, value, f"model.{key}")


_PART_TYPES: Final[Mapping[str, type]] = {
    name: type(getattr(ModelConfig(vocab=2, context=2, d_model=2, n_layers=1, n_heads=1, d_ff=1), name))
    for name in PART_FIELDS
}


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


def _part_value(key: str, value: Any, where: str) -> Problems:
    wanted = _PART_TYPES[key]
    names = {bool: "true or false", float: "a number", str: "text"}
    fits = isinstance(value, int | float) and not isinstance(value, bool) if wanted is float else type(value) is wanted
    if not fits:
        yield Problem(f"expected {names[wanted]}, got {str(value)[:40]!r}", where)
        return
    if wanted is float and value < 0:
        yield Problem(f"must not be negative, is {value}", where)
        return
    try:
        ModelConfig(vocab=2, context=2, d_model=2, n_layers=1, n_heads=1, d_ff=1, **{key: value})
    except ConfigError as error:
        yield Problem(str(error), where)


def _counts(spec: SweepSpec) -> Problems:
    if not 2 <= spec.context <= MAX_CONTEXT:
        yield Problem(f"must lie between 2 and {MAX_CONTEXT} tokens, is {spec.context}", "context")
    for key in ("default", "smallest_budget", "largest_budget"):
        seeds = getattr(spec.seeds, key)
        if not 1 <= seeds <= 1000:
            yield Problem(f"must lie between 1 and 1000, is {seeds}", f"seeds.{key}")


def _vary(spec: SweepSpec) -> Problems:
    axes = _axes(spec)
    for axis, values in spec.vary.items():
        where = f"vary.{axis}"
        if axis not in axes:
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
    return (*values_of(get_recipe(spec.recipe)), *PART_FIELDS, "recipe", "context")


def _axis_value(spec: SweepSpec, axis: str, value: Any, where: str) -> Problems:
    if axis == "recipe":
        yield from _recipe_name(value, where)
    elif axis == "context":
        if type(value) is not int or not 2 <= value <= MAX_CONTEXT:
            yield Problem(f"must be a whole number between 2 and {MAX_CONTEXT}", where)
    elif axis in PART_FIELDS:
        yield from _part_value(axis, value, where)
    elif not tuple(_recipe_name(spec.recipe, "recipe")):
        yield from _recipe_value(spec.recipe, axis, value, where)


def _choices(spec: SweepSpec) -> Problems:
    if spec.numerics not in NUMERICS:
        listing = f"is {spec.numerics[:32]!r}: choose one of {', '.join(NUMERICS)}"
        yield Problem(listing, "numerics", suggestion=nearest(spec.numerics, NUMERICS))
    found = find_device(spec.device)
    if spec.device not in DEVICE_CLASSES and not (found and found.trains):
        listing = f"is {spec.device[:32]!r}: choose one of {', '.join(DEVICE_CLASSES)}, or a GPU: {', '.join(GPUS)}"
        yield Problem(listing, "device", suggestion=nearest(spec.device.lower(), (*DEVICE_CLASSES, *GPUS)))
    if not 0 < spec.epochs_max <= 1000:
        yield Problem(f"must be positive and at most 1000, is {spec.epochs_max:g}", "epochs_max")


def _limits(spec: SweepSpec) -> Problems:
    for key in ("flops", "hours"):
        value = getattr(spec.limits, key)
        if value is not None and not value > 0:
            yield Problem(f"must be positive, is {value:g}", f"limits.{key}")
    if not 1 <= spec.limits.runs <= MAX_RUNS:
        yield Problem(f"must lie between 1 and {MAX_RUNS}, is {spec.limits.runs}", "limits.runs")


def cells_at_most(spec: SweepSpec) -> int:
    """Upper bound of the number of runs, counted without expanding the grid."""
    sizes = len(spec.sizes.params) or len(spec.sizes.shapes) or spec.sizes.count
    extra = sum(max(0, n - spec.seeds.default) for n in (spec.seeds.smallest_budget, spec.seeds.largest_budget))
    combinations = math.prod(len(values) for values in spec.vary.values())
    checks = CELLS * (len(BATCHES) * len(RATES) - 1) if spec.recipe_check else 0
    return combinations * (len(spec.budgets) * sizes * spec.seeds.default + extra + checks)


def _grid(spec: SweepSpec) -> Problems:
    runs = cells_at_most(spec)
    if runs > spec.limits.runs:
        yield Problem(f"the grid has up to {runs} runs, above limits.runs = {spec.limits.runs}", "limits.runs")
