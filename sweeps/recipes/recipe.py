"""Recipe: the rules that turn size and length into shape and optimisation, each number with its source and range."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from model.config import MOMENTUM, OPTIMIZERS, SCHEDULES, ModelConfig, TrainConfig
from sweeps.nearest import nearest
from sweeps.recipes.bounds import bounds_of
from tokenizer.errors import ExpectedError

T = TypeVar("T")


class RecipeError(ExpectedError, ValueError):
    """A recipe is unknown or unusable, or has no such value; the message says why."""

    kind = "recipe"


@dataclass(frozen=True)
class Range:
    """Values between which runs have proven a recipe."""

    low: float
    """Lower end."""
    high: float
    """Upper end."""

    def __contains__(self, value: float) -> bool:
        """Whether a value lies between the ends, which count."""
        return self.low <= value <= self.high


@dataclass(frozen=True, kw_only=True)
class Recipe(ABC):
    """Rules that turn a size N and a budget into everything else.

    A subclass adds the numbers of its rules as fields and applies them in three methods: `depth_of`, `heads_of` and
    `optimise`. A sweep's `recipe_overrides` and `vary` can replace any of the numbers, its own and these.
    """

    name: str
    """Registry key."""
    about: str
    """One sentence."""
    differs: str = ""
    """How it differs from its source in this training core; `plan` says it."""
    width_step: int
    """d_model is a multiple of this."""
    ff_ratio: float
    """d_ff / d_model of the MLP with three matrices, rounded to a multiple of ff_step; with two, half as much more."""
    ff_step: int
    """d_ff is a multiple of this."""
    cooldown: float
    """Share of the steps in WSD's linear cooldown."""
    weight_decay: float
    """Decoupled weight decay of the matrices."""
    tokens_per_param: float
    """D/N on which curves are centred where the sweep gives no centre."""
    min_steps: int
    """Optimizer steps below which a cell is dropped: its loss would reflect the few steps and not its size."""
    params_range: Range
    """N within which runs have proven the recipe."""
    ratio_range: Range
    """D/N within which they have."""
    batch_range: Range
    """Batch in tokens within which they have."""
    range_source: str
    """Which runs they are."""
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
    optimizer: str = "adamw"
    """adamw | muon: Muon for the matrices of the blocks, at the same learning rate and weight decay, AdamW for the
    rest."""
    momentum: float = MOMENTUM
    """Muon's momentum; AdamW has none."""
    sources: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Source of each value by its field."""

    @abstractmethod
    def depth_of(self, width: int) -> int:
        """Blocks L of the shape of a given d_model."""

    @abstractmethod
    def heads_of(self, width: int) -> int:
        """Attention heads of the shape of a given d_model."""

    def contradictions(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Values that do not go together, each time with what is wrong. A recipe without such values has none."""
        yield from ()

    @abstractmethod
    def optimise(self, model: ModelConfig, sequences: int) -> TrainConfig:
        """Batch, learning rate and the rest for a model trained on `sequences` sequences of its context."""

    def settings(self, sequences: int, **values: Any) -> TrainConfig:
        """A TrainConfig of the constants above, with `values` added or replacing them."""
        constants: dict[str, Any] = {
            "schedule": self.schedule,
            "cooldown": self.cooldown,
            "final_lr": self.final_lr,
            "weight_decay": self.weight_decay,
            "beta1": self.beta1,
            "eps": self.eps,
            "clip": self.clip,
            "optimizer": self.optimizer,
            "momentum": self.momentum,
        }
        return TrainConfig(sequences=sequences, **(constants | values))


NOT_VALUES: Final = (
    *("name", "about", "differs", "sources"),
    *("params_range", "ratio_range", "batch_range", "range_source"),
    *("base", "rules", "params_at", "tokens_at"),
)
"""Fields of a recipe that describe it and cannot be replaced."""
CHOICES: Final = {"schedule": SCHEDULES, "optimizer": OPTIMIZERS}
"""Values that are words, with those that each may be."""


def values_of(recipe: Recipe | type[Recipe]) -> tuple[str, ...]:
    """Fields of a recipe that `recipe_overrides` and `vary` may set."""
    return tuple(f.name for f in dataclasses.fields(recipe) if f.name not in NOT_VALUES)


def override(recipe: Recipe, overrides: Mapping[str, Any]) -> Recipe:
    """The recipe with single values replaced.

    Raises:
        RecipeError: for a value that the recipe does not have, one of the wrong type, or values that contradict.
    """
    made = dataclasses.replace(recipe, **{key: typed(recipe, key, value) for key, value in overrides.items()})
    for _, message in made.contradictions():
        raise RecipeError(message)
    return made


def typed(recipe: Recipe, key: str, value: Any) -> Any:
    """An override in its field's type. Raises RecipeError where it has another, and beyond the bounds of the value."""
    if key not in values_of(recipe):
        near = nearest(key, values_of(recipe))
        hint = f", did you mean {near}?" if near else f"; its values are {', '.join(values_of(recipe))}"
        raise RecipeError(f"unknown value {key!r} of recipe {recipe.name}{hint}")
    wanted = type(getattr(recipe, key))
    if key in CHOICES:
        if value not in CHOICES[key]:
            raise RecipeError(f"{key} is {value!r}: choose {' or '.join(CHOICES[key])}")
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf
    if not number or (wanted is int and value != int(value)):
        raise RecipeError(f"{key} must be a {'whole ' if wanted is int else ''}number, is {value!r}")
    refusal = bounds_of(key).refusal(value)
    if refusal:
        raise RecipeError(f"{key} {refusal}")
    return wanted(value)


def applied(recipe: Recipe, what: str, rule: Callable[[], T]) -> T:
    """What a rule of the recipe gives. Raises RecipeError where its code fails, with what was asked of it."""
    try:
        return rule()
    except ExpectedError:
        raise
    except Exception as error:
        raise RecipeError(f"recipe {recipe.name} gives no {what}: {type(error).__name__}: {error}") from error


def optimised(recipe: Recipe, model: ModelConfig, sequences: int) -> TrainConfig:
    """Optimisation by the recipe's rules at a shape and length.

    Raises:
        ConfigError: for values that contradict each other, such as warmup and cooldown above the whole run.
        RecipeError: where the rules give no numbers.
    """
    return applied(recipe, f"optimisation for {sequences} sequences", lambda: recipe.optimise(model, sequences))


def train_config(
    recipe: Recipe, model: ModelConfig, sequences: int, *, seed: int = 0, numerics: str = "fp32"
) -> TrainConfig:
    """Optimisation of one run by the recipe's rules at this shape and length.

    Raises:
        ConfigError: for values that contradict each other, such as warmup and cooldown above the whole run.
        RecipeError: where the rules give no numbers.
    """
    return dataclasses.replace(optimised(recipe, model, sequences), seed=seed, numerics=numerics)
