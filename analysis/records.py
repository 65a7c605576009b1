"""The records that a fit consists of: curves, minima, refusals, intervals, power laws, predictions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tokenizer.errors import ExpectedError


class LawError(ExpectedError, ValueError):
    """A table cannot be fitted or a question cannot be answered; the message says why and what to do."""

    kind = "no-law"


class QuestionError(ExpectedError, ValueError):
    """A question is put wrongly: a value that cannot be, or a combination without a meaning."""

    kind = "invalid-question"


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided interval in natural units."""

    low: float
    """Lower end."""
    high: float
    """Upper end."""
    level: float = 0.95
    """Nominal coverage."""

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one estimator gives no answer. Refusals are shown, never silent."""

    reason: str
    """Code: too_few_sizes | edge_minimum | no_curvature | no_parabola | too_few_budgets | lack_of_fit | no_solution |
    one_loss_a_run | wrong_schedule."""
    message: str
    """One sentence with the figures that led to it and, where there is one, the remedy."""


@dataclass(frozen=True, slots=True)
class Minimum:
    """The optimum of one budget's IsoFLOP curve by one estimator."""

    estimator: str
    """parabola | cubic | akima."""
    params: float
    """N at the minimum, parameters."""
    tokens: float
    """D = C / F(N), tokens."""
    loss: float
    """Loss at the minimum, nats per token (or the table's unit)."""
    log_params_se: float
    """Standard error of ln N."""
    loss_se: float
    """Standard error of the loss."""
    note: str = ""
    """What a reader must know, such as `points near the minimum only`."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One budget's IsoFLOP curve: its points, what each estimator made of them, or why it refused."""

    flops: float
    """The budget C, training FLOPs."""
    params: tuple[float, ...]
    """N of each run."""
    tokens: tuple[float, ...]
    """D of each run."""
    losses: tuple[float, ...]
    """Loss of each run."""
    minima: tuple[Minimum, ...]
    """One per estimator that answered."""
    refusals: dict[str, Refusal] = field(default_factory=dict)
    """By estimator."""
    parabola: tuple[float, ...] = ()
    """Coefficients of the parabola, lowest power first, in ln(N / centre)."""
    cubic: tuple[float, ...] = ()
    """Coefficients of the cubic, lowest power first, in ln(N / centre)."""
    centre: float = 1.0
    """Geometric mean of the sizes, the origin of the polynomials."""
    residual: float = float("nan")
    """Residual standard deviation of the cubic, degrees of freedom counted."""
    seed_sigma: float | None = None
    """Standard deviation between seeds of equal cells at this budget, or None without repeats."""
    flags: tuple[str, ...] = ()
    """Sentences that say where a check of the recipe failed on this curve."""


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """y = coefficient · C^exponent, fitted in log space."""

    quantity: str
    """params | tokens | loss (the loss: y = floor + coefficient · C^exponent)."""
    estimator: str
    """Estimator whose minima it goes through."""
    coefficient: float
    """Multiplier."""
    exponent: float
    """Exponent of C."""
    exponent_interval: Interval | None
    """Interval of the exponent; None where the budgets leave no degree of freedom."""
    floor: float = 0.0
    """Irreducible part, for the loss only."""


@dataclass(frozen=True, slots=True)
class Surface:
    """One fitted surface L(N, D)."""

    name: str
    """additive | skaling | joint_skew."""
    parameters: dict[str, float]
    """By the symbol of the source's formula: E, A, B, alpha, beta, …"""
    objective: float
    """The minimised sum."""
    loss_function: str
    """The objective's name, with its δ where it has one."""
    lack_of_fit: dict[str, float] | None
    """F, p and degrees of freedom against the per-budget cubic, or None where it cannot be tested."""
    residual: float
    """Residual standard deviation."""


@dataclass(frozen=True, slots=True)
class EstimatorAnswer:
    """What one estimator alone says to a question at one budget."""

    estimator: str
    """Name."""
    params: float | None
    """N*."""
    tokens: float | None
    """D*."""
    loss: float | None
    """L*."""
    log_params_se: float | None = None
    """Standard error of ln N*."""
    loss_se: float | None = None
    """Standard error of L*."""
    used: bool = True
    """Whether the headline leans on it."""
    note: str = ""
    """Why it is not used, or what inflated its error."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer to: which model at this budget, and what loss will it reach?"""

    flops: float
    """The asked budget C."""
    params: float
    """N*, in the law's convention."""
    tokens: float
    """D* = C / F(N*)."""
    loss: float
    """L*."""
    params_interval: Interval
    """Interval of N*."""
    tokens_interval: Interval
    """Interval of D*."""
    loss_interval: Interval
    """Interval of L*."""
    largest_budget: float
    """Largest fitted budget."""
    extrapolation: float
    """C over the largest fitted budget."""
    confidence: str
    """high | medium | low."""
    estimators: tuple[EstimatorAnswer, ...]
    """Every estimator's own answer."""
    convention: str
    """How N and C were counted."""
    loss_unit: str
    """nats/token | bits/byte | as in the data."""
    law_id: str
    """Content hash of the law."""
    warnings: tuple[str, ...] = ()
    """Plain sentences."""
    shape: dict[str, Any] | None = None
    """Nearest buildable shape of the recipe with its own N, D and FLOPs, filled in by the caller that knows one."""


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
