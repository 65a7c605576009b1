"""Recipes that a sweep has found: another recipe's shapes, with power laws of N and D in place of its settings."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from model.config import ConfigError, ModelConfig, TrainConfig
from model.flops import count_parameters
from sweeps.recipes.recipe import Range, Recipe, RecipeError, override, values_of

SETTINGS: Final = ("batch", "lr", "embedding_lr", "weight_decay", "warmup")
"""What a rule can set: tokens of a step, peak rates of matrices and of embedding and head, weight decay, and the share
of the steps in warmup."""
LONGEST_WARMUP: Final = 0.5
"""Share of the steps that a rule's warmup takes at most."""
DIGITS: Final = 4
"""Significant digits of the settings that a rule gives."""


@dataclass(frozen=True)
class Rule:
    """A power law for one setting: value · (N / N₀)^params · (D / D₀)^tokens, N without embedding and head."""

    value: float
    """At the reference."""
    params: float
    """Exponent of N."""
    tokens: float
    """Exponent of D."""
    factor: float = 1.0
    """Half-width of the value's 95 % interval, as a factor."""
    params_half: float = 0.0
    """Half-width of the 95 % interval of the exponent of N."""
    tokens_half: float = 0.0
    """Half-width of the 95 % interval of the exponent of D."""

    def at(self, params: float, tokens: float) -> float:
        """The setting at N and D, both over the reference."""
        return float(f"{self.value * params**self.params * tokens**self.tokens:.{DIGITS}g}")

    def to_dict(self) -> dict[str, float]:
        """As a file holds it."""
        return {key: float(f"{value:.6g}") for key, value in dataclasses.asdict(self).items()}


@dataclass(frozen=True, kw_only=True)
class Tuned(Recipe):
    """A base recipe whose settings follow rules that trials have given."""

    base: Recipe
    """Recipe that sets everything else, its overrides applied."""
    rules: tuple[tuple[str, Rule], ...]
    """Settings with their rules."""
    params_at: float
    """N₀: parameters without embedding and head."""
    tokens_at: float
    """D₀."""

    def depth_of(self, width: int) -> int:
        """The base's."""
        return self._base.depth_of(width)

    def heads_of(self, width: int) -> int:
        """The base's."""
        return self._base.heads_of(width)

    def contradictions(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """A value that a rule sets, and what contradicts itself in the base."""
        if self.weight_decay != self.base.weight_decay and "weight_decay" in dict(self.rules):
            yield ("weight_decay",), f"recipe {self.name} sets weight_decay by a rule of its own: leave it out"
        yield from self._base.contradictions()

    def optimise(self, model: ModelConfig, sequences: int) -> TrainConfig:
        """The base's optimisation with the settings by the rules."""
        params = max(1, count_parameters(model).nonembedding) / self.params_at
        tokens = sequences * model.context / self.tokens_at
        found = {name: rule.at(params, tokens) for name, rule in self.rules}
        return with_settings(self._base.optimise(model, sequences), model.context, found)

    @property
    def _base(self) -> Recipe:
        """The base with the constants that the sweep has replaced."""
        return dataclasses.replace(self.base, **{key: getattr(self, key) for key in _CONSTANTS})


_CONSTANTS: Final = tuple(key for key in values_of(Recipe) if key != "tokens_per_param")
"""Values that every recipe has."""


def with_settings(train: TrainConfig, context: int, settings: Mapping[str, float]) -> TrainConfig:
    """An optimisation with some settings replaced, by their names in SETTINGS."""
    changes: dict[str, Any] = {key: value for key, value in settings.items() if key not in ("batch", "warmup")}
    if "batch" in settings:
        changes["batch"] = max(1, round(settings["batch"] / context))
    if "warmup" in settings:
        longest = min(LONGEST_WARMUP, 1 - (train.cooldown if train.schedule == "wsd" else 0.0))
        changes |= {"warmup": min(settings["warmup"], longest), "warmup_steps": None}
    return dataclasses.replace(train, **changes)


def settings_of(train: TrainConfig, context: int) -> dict[str, float]:
    """The settings of an optimisation by their names in SETTINGS; without embedding_lr where it is that of lr."""
    warmup = train.warmup if train.warmup_steps is None else train.warmup_steps / train.steps
    found = {
        "batch": float(train.batch * context),
        "lr": train.lr,
        "weight_decay": train.weight_decay,
        "warmup": warmup,
    }
    return found if train.embedding_lr is None else found | {"embedding_lr": train.embedding_lr}


def tuned(name: str, definition: Mapping[str, Any], base: Callable[[str], Recipe]) -> Tuned:
    """The recipe of a definition, as `isoflop tune` writes it.

    Args:
        name: name under which a sweep uses it.
        definition: plain data.
        base: finds a recipe by its name.

    Raises:
        RecipeError: where something is missing or of a wrong type.
    """
    try:
        found = override(base(str(definition["base"])), definition.get("base_overrides") or {})
        rules = tuple((str(key), Rule(**{k: float(v) for k, v in rule.items()})) for key, rule in _rules(definition))
        at, proven = definition["reference"], definition["range"]
        made = Tuned(
            **{key: getattr(found, key) for key in values_of(Recipe)},
            name=name,
            about=str(definition.get("about", "")),
            base=found,
            rules=rules,
            params_at=float(at["params"]),
            tokens_at=float(at["tokens"]),
            params_range=_range(proven["params"]),
            ratio_range=_range(proven["tokens_per_param"]),
            batch_range=_range(proven["batch"]),
            range_source=str(definition["source"]),
            sources=dict.fromkeys((key for key, _ in rules), str(definition["source"])),
        )
    except RecipeError as error:
        raise RecipeError(f"recipe {name}: {error}") from None
    except KeyError as error:
        raise RecipeError(f"recipe {name} lacks {error.args[0]!r}: write it with isoflop tune") from None
    except (AttributeError, TypeError, ValueError) as error:
        raise RecipeError(f"recipe {name} cannot be read: {error}; write it with isoflop tune") from None
    _check(made)
    return made


def _rules(definition: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key, rule in definition["rules"].items():
        if key not in SETTINGS:
            raise ValueError(f"no setting {key!r}: a rule sets one of {', '.join(SETTINGS)}")
        yield key, rule


def _range(ends: Any) -> Range:
    low, high = ends
    return Range(float(low), float(high))


def _check(made: Tuned) -> None:
    """Raise RecipeError where the rules give no optimisation at their own reference."""
    numbers = [value for _, rule in made.rules for value in dataclasses.astuple(rule)]
    positive = [made.params_at, made.tokens_at, *(rule.value for _, rule in made.rules)]
    if not all(math.isfinite(number) for number in numbers) or not all(0 < number < math.inf for number in positive):
        raise RecipeError(f"recipe {made.name}: references and values of rules are positive, exponents finite")
    try:
        train = TrainConfig(sequences=1, batch=1, lr=1.0, schedule=made.schedule, cooldown=made.cooldown)
        with_settings(train, 1, {key: rule.at(1.0, 1.0) for key, rule in made.rules})
    except ConfigError as error:
        raise RecipeError(f"recipe {made.name}: {error}") from None
