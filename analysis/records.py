"""The records that a law and its answers consist of: curves, minima, power laws, surfaces, predictions; errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from analysis.names import EstimatorName
from analysis.refusals import Refusal
from tokenizer.errors import ExpectedError


class LawError(ExpectedError, ValueError):
    """A table cannot be fitted or a question cannot be answered; the message says why and what to do."""

    kind = "no-law"


class OutOfReachError(LawError):
    """A question whose answer would be impossible or void; the message says why and what could be asked instead."""

    kind = "out-of-reach"
    quantity: str = ""
    """Which part of the question, by its name in `Question`."""
    lowest: float | None = None
    """Its least value that has an answer, None where that is not known."""
    highest: float | None = None
    """Its largest value that has an answer, None where that is not known."""

    def __init__(self, message: str, quantity: str, lowest: float | None = None, highest: float | None = None) -> None:
        """Carry what could be asked instead: a `quantity` from `lowest` to `highest`, where these are known."""
        super().__init__(message)
        self.quantity, self.lowest, self.highest = quantity, lowest, highest


class QuestionError(ExpectedError, ValueError):
    """A question is put wrongly: a value that cannot be, or a combination without a meaning."""

    kind = "invalid-question"


class TooLittleError(QuestionError):
    """A spend does not pay for what is asked."""

    def __init__(self, message: str, least: float) -> None:
        """`least` is what would pay for it, training FLOPs."""
        super().__init__(message)
        self.least = least


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
        """Whether a value lies between the ends, the ends included."""
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Minimum:
    """The optimum of one budget's IsoFLOP curve by one estimator."""

    estimator: EstimatorName
    """Whose minimum it is."""
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
    log_params_half: float = float("nan")
    """Half-width of the 95 % interval of ln N, by the degrees of freedom of the noise; NaN where they are too few."""
    loss_half: float = float("nan")
    """Half-width of the 95 % interval of the loss; NaN where there are too few degrees of freedom."""


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
    refusals: Mapping[EstimatorName, Refusal] = field(default_factory=dict)
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

    @property
    def has_minimum(self) -> bool:
        """Whether the curve has one: by a polynomial. A spline alone has one wherever noise makes a dip."""
        return any(minimum.estimator is not EstimatorName.AKIMA for minimum in self.minima)


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """y = coefficient · C^exponent, fitted in log space."""

    quantity: str
    """params | tokens | loss (the loss: y = floor + coefficient · C^exponent)."""
    estimator: EstimatorName
    """Whose optima it describes."""
    coefficient: float
    """Multiplier."""
    exponent: float
    """Exponent of C."""
    exponent_interval: Interval | None
    """Interval of the exponent; None where the budgets leave no degree of freedom."""
    floor: float = 0.0
    """Irreducible part, for the loss only."""


@dataclass(frozen=True, slots=True)
class LackOfFit:
    """F test of a surface's residuals against the scatter about the per-budget cubics."""

    f: float
    """F: extra mean square over that of the cubics."""
    p: float
    """Probability of an F as large where the surface is right."""
    freedom: float
    """Degrees of freedom of the extra squares."""
    noise_freedom: float
    """Degrees of freedom of the cubics' squares."""


@dataclass(frozen=True, slots=True)
class Surface:
    """One fitted surface L(N, D)."""

    name: EstimatorName
    """Which surface."""
    parameters: Mapping[str, float]
    """By the symbol of the source's formula: E, A, B, alpha, beta, …"""
    objective: float
    """The minimised sum."""
    loss_function: str
    """The objective's name, with its δ where it has one."""
    lack_of_fit: LackOfFit | None
    """Its test against the per-budget cubics, or None where it cannot be tested."""
    residual: float
    """Residual standard deviation."""


@dataclass(frozen=True, slots=True)
class EstimatorAnswer:
    """What one estimator alone says to a question at one budget."""

    estimator: EstimatorName
    """Which estimator."""
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
    note: str = ""
    """What inflated its error, or what else a reader must know of it."""


@dataclass(frozen=True, slots=True)
class BuildableShape:
    """The shape of a recipe's ladder nearest to an asked N, with what it really has and costs."""

    d_model: int
    """Width of the residual stream."""
    n_layers: int
    """Blocks."""
    n_heads: int
    """Heads of attention in each block."""
    d_ff: int
    """Hidden width of the MLP, or of each expert."""
    params: int
    """N: matmul parameters, the head included; of experts those of one token."""
    params_total: int
    """All parameters."""
    params_nonembedding: int
    """Parameters that a token uses, without embedding and head."""
    tokens: int
    """D: whole sequences that come nearest to the budget, tokens."""
    flops: float
    """Training FLOPs of D tokens."""
    experts: int = 1
    """MLPs of each block; more than one are experts."""
    active: int = 1
    """Experts that each token goes through."""

    @property
    def mlp(self) -> str:
        """Its MLPs in words: `MLP 64`, or `2 of 8 experts of 64`."""
        return f"MLP {self.d_ff}" if self.experts == 1 else f"{self.active} of {self.experts} experts of {self.d_ff}"


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
    """Interval of L*, the mean of many runs."""
    run_interval: Interval | None = field(default=None, kw_only=True)
    """Interval of the loss of one run at this optimum; None where the scatter of runs is not known."""
    largest_budget: float
    """Largest fitted budget."""
    extrapolation: float
    """C over the largest fitted budget."""
    place: str
    """Where C lies in relation to the budgets that were run, in words."""
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
    shape: BuildableShape | None = None
    """Nearest buildable shape of the recipe with its own N, D and FLOPs, filled in by the caller that knows one."""
