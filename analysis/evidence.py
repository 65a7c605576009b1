"""What the data say about how far to trust a law: noise, hold-out, the check of its recipe, n-grams as a baseline."""

from __future__ import annotations

import itertools
import math
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


@dataclass(frozen=True, slots=True)
class NgramScore:
    """The loss of one n-gram model on the validation tokens of the runs."""

    tokens: int
    """Training tokens D, the first ones that a run reads."""
    order: int
    """Tokens of its n-grams."""
    loss: float
    """Nats per token."""
    bits_per_byte: float
    """Bits per UTF-8 byte of the text."""


@dataclass(frozen=True, slots=True)
class NgramBaseline:
    """N-gram models of several orders, trained on ever more tokens: what a loss is worth that a run reached."""

    scores: tuple[NgramScore, ...]
    """By tokens, then order, both ascending."""
    unique_tokens: int
    """Tokens of one epoch: an n-gram learns nothing from a second one."""

    @property
    def best(self) -> tuple[NgramScore, ...]:
        """The best order at each number of tokens."""
        groups = itertools.groupby(self.scores, key=lambda score: score.tokens)
        return tuple(min(scores, key=lambda score: score.loss) for _, scores in groups)

    def at(self, tokens: float) -> NgramScore | None:
        """The best n-gram of D tokens, its loss between neighbours straight in ln D; None where none was measured."""
        known = min(tokens, float(self.unique_tokens))
        for low, high in itertools.pairwise(self.best):
            if low.tokens <= known <= high.tokens:
                share = math.log(known / low.tokens) / math.log(high.tokens / low.tokens)
                return NgramScore(
                    round(known),
                    (low if share < 0.5 else high).order,
                    low.loss + share * (high.loss - low.loss),
                    low.bits_per_byte + share * (high.bits_per_byte - low.bits_per_byte),
                )
        return None
