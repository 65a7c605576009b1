"""The grid of a sweep: the shapes of each budget's curve on one ladder, and the seeds of each cell. Pure."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from model.config import ConfigError, ModelConfig
from model.flops import count_parameters
from sweeps.file.data_axes import data_type, data_values
from sweeps.file.spec import SweepSpec
from sweeps.plan.combination import Combination
from sweeps.plan.records import DataFacts, PlanError
from sweeps.recipes.ladder import PART_FIELDS, build_shape, flops_nodes, shape
from sweeps.recipes.recipe import Recipe, RecipeError
from sweeps.recipes.registry import get_recipe


@dataclass(frozen=True)
class Setting:
    """One combination of the sweep's axes, resolved."""

    vary: Combination
    """Values of the axes."""
    recipe: Recipe
    """Recipe with its overrides."""
    parts: dict[str, Any]
    """ModelConfig fields apart from the shape."""
    context: int
    """Tokens of a sequence."""
    vocab: int
    """Entries of the vocabulary."""


@dataclass(frozen=True)
class Cell:
    """One model at one budget, with its seeds."""

    setting: Setting
    """Combination of axes."""
    budget: float
    """Training FLOPs."""
    model: ModelConfig
    """Shape."""
    seeds: int
    """Runs of this cell that differ in their seed alone."""
    repeats_shape: bool = False
    """Whether another cell of this budget has the same shape already."""


NOT_OF_RECIPE: Final = (*PART_FIELDS, "recipe", "context")
"""Axes that set something other than a value of the recipe."""


def is_of_recipe(axis: str) -> bool:
    """Whether an axis sets a value of the recipe."""
    return axis not in NOT_OF_RECIPE and data_type(axis) is None


def data_combinations(spec: SweepSpec) -> tuple[Combination, ...]:
    """Every combination of the axes that set the data; only the empty one where none does."""
    axes = data_values(spec.vary)
    return tuple(Combination(tuple(zip(axes, values, strict=True))) for values in itertools.product(*axes.values()))


def _settings(spec: SweepSpec, facts: DataFacts) -> Iterator[Setting]:
    for values in itertools.product(*spec.vary.values()):
        vary = Combination(tuple(zip(spec.vary, values, strict=True)))
        yield setting_of(spec, facts.of(vary).vocab, vary)


def setting_of(spec: SweepSpec, vocab: int, vary: Combination) -> Setting:
    """Recipe, parts and context of one combination of axes. Raises PlanError where the recipe has no such value."""
    values = vary.to_dict()
    try:
        overrides = spec.recipe_overrides | {key: value for key, value in values.items() if is_of_recipe(key)}
        recipe = get_recipe(values.get("recipe", spec.recipe), overrides)
    except RecipeError as error:
        raise PlanError(str(error)) from None
    parts = spec.model | {key: value for key, value in values.items() if key in PART_FIELDS}
    return Setting(vary, recipe, parts, int(values.get("context", spec.context)), vocab)


def buildable(setting: Setting, params: float) -> ModelConfig:
    """The setting's shape nearest to `params`. Raises PlanError where the recipe can build none."""
    try:
        return shape(setting.recipe, params, setting.vocab, setting.context, setting.parts)
    except RecipeError as error:
        raise PlanError(str(error)) from None


def cells(spec: SweepSpec, facts: DataFacts) -> Iterator[Cell]:
    """The grid: for each combination of axes and each budget its shapes, ascending in N.

    Raises:
        PlanError: where the recipe can build no model.
    """
    for setting in _settings(spec, facts):
        first_centre = centre(spec, setting, spec.budgets[0])
        for budget in spec.budgets:
            middle = centre(spec, setting, budget)
            models = _models(spec, setting, middle, first_centre)
            nearest = min(models, key=lambda m: abs(math.log(count_parameters(m).matmul / middle)))
            seen: set[ModelConfig] = set()
            for model in models:
                seeds = _seeds(spec, budget) if model == nearest else spec.seeds.default
                yield Cell(setting, budget, model, seeds, repeats_shape=model in seen)
                seen.add(model)


def _seeds(spec: SweepSpec, budget: float) -> int:
    """Seeds of the centre cell of a budget."""
    seeds = spec.seeds.default
    if budget == spec.budgets[0]:
        seeds = max(seeds, spec.seeds.smallest_budget)
    if budget == spec.budgets[-1]:
        seeds = max(seeds, spec.seeds.largest_budget)
    return seeds


def centre(spec: SweepSpec, setting: Setting, budget: float) -> float:
    """N at the centre of a budget's curve, by the sweep's rule."""
    if spec.centre.params_at:
        ((at, params),) = spec.centre.params_at.items()
        return float(params * (budget / float(at)) ** spec.centre.exponent)
    ratio = spec.centre.tokens_per_param or setting.recipe.tokens_per_param
    return _params_with_ratio(setting, budget, ratio)


def _params_with_ratio(setting: Setting, budget: float, ratio: float) -> float:
    """N whose D/N equals `ratio` at a budget: N · F(N) = C / ratio, inverted through the ladder's nodes."""
    wanted = math.log(budget / ratio)
    high = _power_of_4(budget / ratio)
    try:
        nodes = flops_nodes(setting.recipe, setting.vocab, setting.context, setting.parts, high=high)
    except RecipeError as error:
        raise PlanError(str(error)) from None
    if not nodes:
        raise PlanError(f"recipe {setting.recipe.name} can build no shape")
    logs = [(math.log(params), math.log(params * flops)) for params, flops in nodes]
    above = bisect.bisect_left([y for _, y in logs], wanted)
    if above in (0, len(logs)):
        # Outside the ladder N · F(N) grows about as N², which is close enough for a centre.
        x, y = logs[min(above, len(logs) - 1)]
        return math.exp(x + (wanted - y) / 2)
    (x0, y0), (x1, y1) = logs[above - 1], logs[above]
    return math.exp(x0 + (x1 - x0) * (wanted - y0) / (y1 - y0))


def _power_of_4(product: float) -> float:
    """An upper bound of the N with 6 · N² = `product`, coarse so that budgets share cached ladders."""
    return 4.0 ** math.ceil(math.log(max(product, 6.0) / 6, 16) + 0.5)


def _models(spec: SweepSpec, setting: Setting, middle: float, first_centre: float) -> list[ModelConfig]:
    """Shapes of one budget's curve, ascending in N."""
    sizes = spec.sizes
    if sizes.shapes:
        models = [_explicit(setting, entry) for entry in sizes.shapes]
    else:
        targets = sizes.params or _targets(sizes.count, sizes.span, middle, first_centre)
        models = [buildable(setting, target) for target in targets]
    return sorted(models, key=lambda model: count_parameters(model).matmul)


def _explicit(setting: Setting, entry: Mapping[str, int]) -> ModelConfig:
    try:
        return build_shape(
            setting.recipe, setting.vocab, setting.context, entry["d_model"], setting.parts | dict(entry)
        )
    except (ConfigError, RecipeError) as error:
        raise PlanError(f"sizes.shapes: {error}") from None


def _targets(count: int, span: float, middle: float, first_centre: float) -> list[float]:
    """Sizes from centre ÷ span to centre × span on one ladder of equal ratios that all budgets share."""
    if count == 1:
        return [middle]
    step = 2 * math.log(span) / (count - 1)
    rung = round(math.log(middle / first_centre) / step)
    return [first_centre * math.exp(step * (rung + index - (count - 1) / 2)) for index in range(count)]
