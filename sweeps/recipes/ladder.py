"""A recipe's ladder: the shapes that it can build, by width, and the one nearest to a size."""

from __future__ import annotations

import bisect
import contextlib
import dataclasses
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from model.config import ConfigError, ModelConfig
from model.flops import count_parameters, flops_per_token
from sweeps.recipes.recipe import Recipe, RecipeError, applied

SHAPE_FIELDS: Final = ("vocab", "context", "d_model", "n_layers", "n_heads", "d_ff")
"""ModelConfig fields that recipe, tokenizer and context set."""
PART_FIELDS: Final = tuple(f.name for f in dataclasses.fields(ModelConfig) if f.name not in SHAPE_FIELDS)
"""ModelConfig fields that a sweep's `model` may set."""


def build_shape(
    recipe: Recipe, vocab: int, context: int, d_model: int, parts: Mapping[str, Any] | None = None
) -> ModelConfig:
    """The recipe's shape of a given width; `parts` may hold any further ModelConfig field.

    The experts of a token together are as wide as the recipe's MLP.

    Raises:
        ConfigError: where no model of that width can be built.
        RecipeError: where the recipe's rules give no depth or no heads.
    """
    mlp_ratio = recipe.ff_ratio * (1.0 if (parts or {}).get("mlp", "swiglu") == "swiglu" else 1.5)
    active = 1 if (parts or {}).get("experts", 1) == 1 else max(1, (parts or {}).get("active", 1))
    d_ff = max(1, round(mlp_ratio * d_model / active / recipe.ff_step)) * recipe.ff_step
    shape: dict[str, Any] = {
        "d_model": d_model,
        "n_layers": applied(recipe, f"depth for width {d_model}", lambda: recipe.depth_of(d_model)),
        "n_heads": applied(recipe, f"heads for width {d_model}", lambda: recipe.heads_of(d_model)),
        "d_ff": d_ff,
    }
    return ModelConfig(vocab=vocab, context=context, **(shape | dict(parts or {})))


MAX_WIDTH: Final = 65_536
"""No ladder goes beyond this width."""
FINEST: Final = 0.02
"""Neighbouring widths of a ladder differ by at least about this share, so that a ladder has few hundred rungs."""


def ladder(
    recipe: Recipe, vocab: int, context: int, parts: Mapping[str, Any] | None = None, *, upto: float
) -> tuple[ModelConfig, ...]:
    """Every buildable shape of the recipe from the narrowest to the first with more than `upto` matmul parameters."""
    return _ladder(recipe, vocab, context, tuple(sorted((parts or {}).items())), upto)


@lru_cache(maxsize=256)
def _ladder(
    recipe: Recipe, vocab: int, context: int, parts: tuple[tuple[str, Any], ...], upto: float
) -> tuple[ModelConfig, ...]:
    rungs: list[ModelConfig] = []
    step = width = recipe.width_step
    while width <= MAX_WIDTH:
        with contextlib.suppress(ConfigError):
            rungs.append(build_shape(recipe, vocab, context, width, dict(parts)))
            if count_parameters(rungs[-1]).matmul > upto:
                break
        width += step * max(1, round(FINEST * width / step))
    return tuple(rungs)


def shape(
    recipe: Recipe, params_target: float, vocab: int, context: int, model_overrides: Mapping[str, Any] | None = None
) -> ModelConfig:
    """The buildable shape of the recipe's ladder whose matmul parameters are nearest to `params_target` in log N.

    Raises:
        RecipeError: where the recipe can build no shape.
    """
    # A coarse ceiling lets neighbouring targets share one cached ladder.
    ceiling = 4.0 ** math.ceil(math.log(max(params_target, 1.0), 4) + 0.5)
    rungs = ladder(recipe, vocab, context, model_overrides, upto=ceiling)
    if not rungs:
        raise RecipeError(f"recipe {recipe.name} can build no shape with vocabulary {vocab} and context {context}")
    sizes = [count_parameters(rung).matmul for rung in rungs]
    above = bisect.bisect_left(sizes, params_target)
    near = rungs[max(0, above - 1) : above + 1] or rungs[-1:]
    return min(near, key=lambda rung: abs(math.log(count_parameters(rung).matmul / params_target)))


def flops_nodes(
    recipe: Recipe,
    vocab: int,
    context: int,
    model_overrides: Mapping[str, Any] | None = None,
    *,
    low: float = 1.0,
    high: float = 1e10,
) -> tuple[tuple[float, float], ...]:
    """Nodes (N, F(N)) of the recipe's ladder between two sizes, ascending: training FLOPs a token of each shape.

    A law interpolates ln F in ln N through them, so that D* = C / F(N*) holds for shapes that can be built.
    """
    rungs = ladder(recipe, vocab, context, model_overrides, upto=high)
    nodes = sorted({(float(count_parameters(rung).matmul), flops_per_token(rung)) for rung in rungs})
    inside = [index for index, (params, _) in enumerate(nodes) if low <= params <= high]
    if not inside:
        return tuple(nodes[-1:])
    return tuple(nodes[max(0, inside[0] - 1) : inside[-1] + 2])
