"""What the data say about how far to trust a law: noise, hold-out, and the check of its recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from analysis.records import EstimatorAnswer, Interval


@dataclass(frozen=True, slots=True)
class SeedNoise:
    """The scatter between seeds of equal cells at one budget."""

    flops: float
    """The budget, training FLOPs."""
    sigma: float
    """Standard deviation, in the loss's unit."""
    degrees_of_freedom: int
    """Repeats beyond the first of each cell."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Standard deviations of the losses, all in the loss's unit."""

    sigma: float | None
    """About the budgets' cubics, pooled, at least that between seeds; None where it cannot be known."""
    degrees_of_freedom: int
    """Degrees of freedom of `sigma`."""
    seed_sigma: float | None
    """Between runs that differ by their seed alone, pooled; None without repeats."""
    seed_degrees_of_freedom: int
    """Degrees of freedom of `seed_sigma`."""
    seed_sigma_interval: Interval | None
    """95 % interval of `seed_sigma`."""
    seed_sigma_by_budget: tuple[SeedNoise, ...] = ()
    """`seed_sigma` by budget, ascending."""
    sources: Mapping[str, float] = field(default_factory=dict)
    """By source: run, and where they are found size, trunk, budget, tilt."""


@dataclass(frozen=True, slots=True)
class HoldoutRecord:
    """A budget predicted from the smaller ones, against the minimum of its own curve near its lowest loss."""

    flops: float
    """The budget that was held out, training FLOPs."""
    trained_to: float
    """Largest budget that the law was fitted to, training FLOPs."""
    extrapolation: float
    """`flops` over `trained_to`."""
    params: float
    """N* of its own curve."""
    params_error: float
    """Standard error of ln of that."""
    params_predicted: float
    """N* as predicted."""
    params_interval: Interval
    """Interval of the predicted N*."""
    params_covered: bool
    """Whether the interval holds `params`, whose own error is added to its halves in quadrature."""
    loss: float
    """L* of its own curve."""
    loss_error: float
    """Standard error of that."""
    loss_predicted: float
    """L* as predicted."""
    loss_interval: Interval
    """Interval of the predicted L*."""
    loss_covered: bool
    """Whether the interval holds `loss`, likewise."""
    answers: tuple[EstimatorAnswer, ...]
    """What each estimator alone predicted."""


@dataclass(frozen=True, slots=True)
class CheckedCell:
    """What the check of one cell found."""

    flops: float
    """Budget, training FLOPs."""
    params: float
    """N."""
    place: str
    """left end | centre | right end."""
    verdict: str
    """passes | fails | open (not all runs are trained, and none of those that are beats the rule)."""
    rule_loss: float | None
    """Loss under the rule."""
    best_loss: float | None
    """Least loss found, the rule's among them."""
    best_batch: float | None
    """Batch over the rule's where it was found."""
    best_lr: float | None
    """Learning rate over the rule's where it was found."""
    gap: float | None
    """rule_loss − best_loss."""
    threshold: float
    """Largest gap that passes."""
    trained: int
    """Runs of the check that have ended."""
    runs: int
    """Runs of the check."""
