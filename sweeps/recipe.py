"""From size and budget to shape, batch, learning rate and the rest: every number with its source and valid range."""

from __future__ import annotations

import bisect
import contextlib
import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from model.config import ConfigError, ModelConfig, TrainConfig
from model.flops import count_parameters, flops_per_token
from sweeps.problem import nearest

OURS: Final = "our runs at 1e11 to 1e12 FLOPs on Python source (experiments/cpu-small.md)"
OLMO: Final = "OLMo-core's model ladder, wsds_chinchilla_run_configurator.py, after Porian et al. 2024 (2406.19146)"
NANOCHAT: Final = "nanochat's fixed-FLOP sweeps: d = 64 · L"
LLAMA: Final = "Shazeer 2020 (2002.05202): three matrices of 8/3 d cost as much as two of 4 d"
USUAL: Final = "usual AdamW setting of all peers compared"


class RecipeError(ValueError):
    """A recipe cannot give what was asked of it; the message says why."""


@dataclass(frozen=True)
class Range:
    """Values between which runs have shown a recipe good."""

    low: float
    """Lower end."""
    high: float
    """Upper end."""

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Recipe:
    """A rule that turns a size N and a budget into everything else. Power laws run in N without embedding and head."""

    name: str
    """Registry key."""
    about: str
    """One sentence."""
    layers: int
    """Blocks L of every size; 0 lets depth grow as d_model / width_per_layer, with at least 4."""
    width_per_layer: int
    """d_model per block where `layers` is 0."""
    heads: int
    """Attention heads of every size; 0 uses d_model / head_size."""
    head_size: int
    """Channels of one head where `heads` is 0."""
    width_step: int
    """d_model is a multiple of this."""
    ff_ratio: float
    """d_ff / d_model, rounded to a multiple of ff_step."""
    ff_step: int
    """d_ff is a multiple of this."""
    batch_tokens: float
    """Tokens of one optimizer step at N = reference_params."""
    batch_exponent: float
    """Exponent of N in the batch."""
    lr: float
    """Peak learning rate at N = reference_params."""
    lr_exponent: float
    """Exponent of N in the learning rate."""
    lr_cap: float
    """Ceiling of the learning rate."""
    embedding_lr: float
    """Peak learning rate of embedding and head at every size; 0 uses that of the matrices."""
    reference_params: float
    """N at which batch_tokens and lr hold."""
    warmup: float
    """Share of the steps in warmup."""
    warmup_per_param: float
    """Tokens of warmup per parameter instead, never more than 10 % of the run; 0 uses `warmup`."""
    cooldown: float
    """Share of the steps in WSD's linear cooldown."""
    weight_decay: float
    """Decoupled weight decay of the matrices."""
    beta2: float
    """AdamW's second-moment decay below large_batch tokens."""
    beta2_large: float
    """The same from large_batch tokens on."""
    large_batch: float
    """Batch in tokens from which beta2_large holds."""
    tokens_per_param: float
    """D/N on which curves are centred where the sweep says nothing."""
    min_steps: int
    """Optimizer steps under which a cell is dropped, as its loss tells of too few steps and not of its size."""
    params_range: Range
    """N within which the recipe has been shown good."""
    ratio_range: Range
    """D/N within which it has been."""
    batch_range: Range
    """Batch in tokens within which it has been."""
    schedule: str = "wsd"
    """Learning-rate schedule: wsd | cosine."""
    final_lr: float = 0.0
    """Learning rate at the end as a share of the peak."""
    beta1: float = 0.9
    """AdamW's first-moment decay."""
    eps: float = 1e-8
    """AdamW's epsilon."""
    clip: float = 1.0
    """Global gradient-norm limit; 0 switches it off."""
    sources: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Source of each value by its field."""


NOT_VALUES: Final = ("name", "about", "params_range", "ratio_range", "batch_range", "sources")
VALUES: Final = tuple(f.name for f in dataclasses.fields(Recipe) if f.name not in NOT_VALUES)
"""Fields that `recipe_overrides` and `vary` may set."""

_COMMON: Final = {
    "ff_ratio": LLAMA,
    "schedule": "WSD as epfml's schedules-and-scaling (2405.18392): matches cosine",
    "final_lr": "the same: cooldown to zero",
    "beta1": USUAL,
    "eps": USUAL,
    "clip": USUAL,
    "weight_decay": USUAL,
}

CPU_SMALL: Final = Recipe(
    name="cpu-small",
    about="Two blocks of one head each and one batch for every size: tiny models on a CPU.",
    layers=2,
    width_per_layer=0,
    heads=1,
    head_size=0,
    width_step=2,
    ff_ratio=8 / 3,
    ff_step=2,
    batch_tokens=1024,
    batch_exponent=0.0,
    lr=0.006,
    lr_exponent=-0.5,
    lr_cap=0.01,
    embedding_lr=0.06,
    reference_params=38_400,
    warmup=0.02,
    warmup_per_param=0.0,
    cooldown=0.2,
    weight_decay=0.1,
    beta2=0.99,
    beta2_large=0.95,
    large_batch=524_288,
    tokens_per_param=15.0,
    min_steps=100,
    params_range=Range(9_000, 350_000),
    ratio_range=Range(1, 300),
    batch_range=Range(512, 1024),
    sources=_COMMON
    | dict.fromkeys(
        (
            "layers",
            "heads",
            "width_step",
            "ff_step",
            "batch_tokens",
            "batch_exponent",
            "lr",
            "lr_exponent",
            "embedding_lr",
        ),
        OURS,
    )
    | dict.fromkeys(("lr_cap", "reference_params", "warmup", "cooldown", "tokens_per_param", "min_steps"), OURS)
    | dict.fromkeys(("width_per_layer", "head_size", "warmup_per_param"), "not used by this recipe")
    | dict.fromkeys(("beta2", "beta2_large", "large_batch"), OLMO),
)

PORIAN_OLMO: Final = Recipe(
    name="porian-olmo",
    about="OLMo's ladder rule, for 5 M parameters and more at D/N near 20.",
    layers=0,
    width_per_layer=64,
    heads=0,
    head_size=64,
    width_step=64,
    ff_ratio=8 / 3,
    ff_step=64,
    batch_tokens=2048 * 160,
    batch_exponent=2 / 3,
    lr=0.0047 / 2,
    lr_exponent=-1 / 3,
    lr_cap=0.01,
    embedding_lr=0.0,
    reference_params=108e6,
    warmup=0.0,
    warmup_per_param=1.0,
    cooldown=0.2,
    weight_decay=0.1,
    beta2=0.99,
    beta2_large=0.95,
    large_batch=524_288,
    tokens_per_param=20.0,
    min_steps=200,
    params_range=Range(5e6, 5e9),
    ratio_range=Range(5, 200),
    batch_range=Range(30_000, 8e6),
    sources=_COMMON
    | dict.fromkeys(("batch_tokens", "batch_exponent", "lr", "lr_exponent", "reference_params"), OLMO)
    | dict.fromkeys(("warmup_per_param", "beta2", "beta2_large", "large_batch"), OLMO)
    | dict.fromkeys(("layers", "width_per_layer", "width_step", "ff_step"), NANOCHAT)
    | dict.fromkeys(("heads", "head_size"), "core peers: head size 64 below d = 512 and above")
    | {
        "embedding_lr": "not used by this recipe",
        "lr_cap": "Marin's cap of the learning rate",
        "warmup": "not used by this recipe",
        "cooldown": "Hägele et al. 2024 (2405.18392): 20 % matches cosine",
        "tokens_per_param": "Hoffmann et al. 2022 (2203.15556)",
        "min_steps": OURS,
    },
)

RECIPES: Final[Mapping[str, Recipe]] = {recipe.name: recipe for recipe in (CPU_SMALL, PORIAN_OLMO)}
"""The registry."""

SHAPE_FIELDS: Final = ("vocab", "context", "d_model", "n_layers", "n_heads", "d_ff")
PART_FIELDS: Final = tuple(f.name for f in dataclasses.fields(ModelConfig) if f.name not in SHAPE_FIELDS)
"""ModelConfig fields that a sweep's `model` may set."""


def get_recipe(name: str, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """A recipe of the registry with single values replaced.

    Raises:
        RecipeError: for an unknown recipe or value, or one of the wrong type.
    """
    if name not in RECIPES:
        raise RecipeError(f"unknown recipe {name!r}: choose one of {', '.join(RECIPES)}")
    recipe = RECIPES[name]
    return dataclasses.replace(recipe, **{key: _typed(recipe, key, v) for key, v in (overrides or {}).items()})


def _typed(recipe: Recipe, key: str, value: Any) -> Any:
    """An override as its field's type, or a RecipeError."""
    if key not in VALUES:
        near = nearest(key, VALUES)
        raise RecipeError(f"unknown value {key!r} of a recipe" + (f", did you mean {near}?" if near else ""))
    wanted = type(getattr(recipe, key))
    if key == "schedule":
        if value not in ("wsd", "cosine"):
            raise RecipeError(f"schedule is {value!r}: choose wsd or cosine")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or (wanted is int and value != int(value)):
        raise RecipeError(f"{key} must be a {'whole ' if wanted is int else ''}number, is {value!r}")
    signed = key in ("batch_exponent", "lr_exponent")
    if not signed and (value < 0 or (value == 0 and key in _POSITIVE)):
        raise RecipeError(f"{key} must be {'positive' if key in _POSITIVE else 'at least 0'}, is {value}")
    return wanted(value)


_POSITIVE: Final = (
    *("width_step", "ff_ratio", "ff_step", "batch_tokens", "lr", "lr_cap"),
    *("reference_params", "large_batch", "tokens_per_param", "min_steps", "eps"),
)


def build_shape(
    recipe: Recipe, vocab: int, context: int, d_model: int, parts: Mapping[str, Any] | None = None
) -> ModelConfig:
    """The recipe's shape of a given width; `parts` may hold any further ModelConfig field.

    Raises:
        ConfigError: where no model of that width can be built.
    """
    layers = recipe.layers or max(4, round(d_model / recipe.width_per_layer))
    heads = recipe.heads or max(1, d_model // recipe.head_size)
    mlp_ratio = recipe.ff_ratio * (1.5 if (parts or {}).get("mlp") == "gelu" else 1.0)
    d_ff = max(1, round(mlp_ratio * d_model / recipe.ff_step)) * recipe.ff_step
    shape: dict[str, Any] = {"d_model": d_model, "n_layers": layers, "n_heads": heads, "d_ff": d_ff}
    return ModelConfig(vocab=vocab, context=context, **(shape | dict(parts or {})))


MAX_WIDTH: Final = 65_536
"""No ladder goes beyond this width."""
FINEST: Final = 0.02
"""Neighbouring widths of a ladder differ by at least about this share, which keeps long ladders short."""


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
        RecipeError: where the recipe can build no shape at all.
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


def train_config(
    recipe: Recipe, model: ModelConfig, sequences: int, *, seed: int = 0, numerics: str = "fp32"
) -> TrainConfig:
    """Optimisation of one run: the recipe's rules at this shape and length.

    Raises:
        ConfigError: for values that contradict each other, such as warmup and cooldown above the whole run.
    """
    scale = max(1, count_parameters(model).nonembedding) / recipe.reference_params
    batch = max(1, round(recipe.batch_tokens * scale**recipe.batch_exponent / model.context))
    tokens = sequences * model.context
    warmup = recipe.warmup
    if recipe.warmup_per_param:
        # OLMo warms up for one token a parameter; in short runs that would outlast the run itself.
        warmup = min(0.1, recipe.warmup_per_param * count_parameters(model).nonembedding / tokens)
    return TrainConfig(
        sequences=sequences,
        batch=batch,
        lr=min(recipe.lr_cap, recipe.lr * scale**recipe.lr_exponent),
        embedding_lr=recipe.embedding_lr or None,
        schedule=recipe.schedule,
        warmup=warmup,
        cooldown=recipe.cooldown,
        final_lr=recipe.final_lr,
        weight_decay=recipe.weight_decay,
        beta1=recipe.beta1,
        beta2=recipe.beta2 if batch * model.context < recipe.large_batch else recipe.beta2_large,
        eps=recipe.eps,
        clip=recipe.clip,
        seed=seed,
        numerics=numerics,
    )
