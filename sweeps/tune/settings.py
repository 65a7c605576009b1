"""The settings that a tuning searches: how far to each side of the start, and between which ends at each cell. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model.config import ModelConfig, TrainConfig
from sweeps.recipes.tuned import SETTINGS, settings_of, with_settings

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Setting:
    """How one setting is searched."""

    span: float
    """Factor to each side of the start."""
    curvature: float
    """Usual second derivative of the loss by its logarithm, nats per token."""
    low: float
    """Least value."""
    high: float
    """Greatest value."""
    exponents: tuple[float, float] | None = None
    """Usual exponents of N and D of its best value; None for those of the start."""


SEARCHED: Final[Mapping[str, Setting]] = {
    "batch": Setting(16, 0.12, 1, 1e12, (0.0, 0.5)),
    "lr": Setting(16, 0.12, 1e-7, 10, (-0.4, 0.0)),
    "embedding_lr": Setting(16, 0.12, 1e-7, 10),
    "weight_decay": Setting(4, 0.02, 1e-4, 10),
    "warmup": Setting(4, 0.02, 1e-3, 0.3),
}
"""The settings by name. Curvatures are those of this project's own cells (docs/experiments/cpu-small.md), exponents are
about the mean of the recipes that isoflop has from others and of its own (docs/recipes.md)."""

assert tuple(SEARCHED) == SETTINGS


@dataclass(frozen=True)
class Box:
    """The search at one cell: logarithms of the settings, in the order in which the tuning names them."""

    start: Array
    """The start's, moved to where the cell can be trained."""
    low: Array
    """Lower ends."""
    high: Array
    """Upper ends."""

    def clipped(self, settings: Array) -> Array:
        """The nearest settings between the ends."""
        inside: Array = np.clip(settings, self.low, self.high)
        return inside


def spans_of(names: tuple[str, ...]) -> Array:
    """How far the search reaches to each side, in logarithms."""
    return np.array([math.log(SEARCHED[name].span) for name in names])


def box_of(names: tuple[str, ...], start: TrainConfig, context: int, min_steps: int) -> Box:
    """The search about a start: no batch is below one sequence or leaves fewer than `min_steps` steps."""
    own = np.log(_values(names, start, context))
    ends = [(SEARCHED[name].low, SEARCHED[name].high) for name in names]
    if "batch" in names:
        ends[names.index("batch")] = (context, context * max(1, start.sequences // max(1, min_steps)))
    least, most = np.log(np.array(ends)).T
    middle = np.clip(own, least, most)
    spans = spans_of(names)
    low, high = np.clip(own - spans, least, most), np.clip(own + spans, least, most)
    return Box(middle, low, high)


def _values(names: tuple[str, ...], train: TrainConfig, context: int) -> Array:
    """The values of some settings of an optimisation."""
    found = settings_of(train, context)
    return np.array([found[name] for name in names])


def point_of(names: tuple[str, ...], train: TrainConfig, context: int) -> Array:
    """The logarithms of some settings of an optimisation."""
    point: Array = np.log(_values(names, train, context))
    return point


def train_at(names: tuple[str, ...], point: Array, start: TrainConfig, model: ModelConfig) -> TrainConfig:
    """The start's optimisation with the settings of a point, rounded to four digits."""
    values = {name: float(f"{value:.4g}") for name, value in zip(names, np.exp(point), strict=True)}
    return with_settings(start, model.context, values)
