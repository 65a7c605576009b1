"""Refusals: why an estimator has no answer, each kind with the numbers that led to it; `wording` has the sentences."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Literal

from analysis.names import EstimatorName


class Reason(StrEnum):
    """The codes of refusals, as JSON carries them; `wording.REASON_PHRASES` has each in words."""

    TOO_FEW_SIZES = "too_few_sizes"
    EDGE_MINIMUM = "edge_minimum"
    NO_CURVATURE = "no_curvature"
    NO_PARABOLA = "no_parabola"
    TOO_FEW_BUDGETS = "too_few_budgets"
    NO_SOLUTION = "no_solution"
    ONE_LOSS_A_RUN = "one_loss_a_run"
    WRONG_SCHEDULE = "wrong_schedule"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one estimator gives no answer. Refusals are shown, never silent; equal ones read the same."""

    reason: ClassVar[Reason]
    """The code that its kind belongs to."""


@dataclass(frozen=True, slots=True)
class TooFewSizes(Refusal):
    """A budget's curve has too few sizes."""

    reason = Reason.TOO_FEW_SIZES
    flops: float
    """The budget, training FLOPs."""
    sizes: int
    """Different sizes of the curve."""
    needed: int
    """Sizes that a curve needs."""


@dataclass(frozen=True, slots=True)
class TooFewSplineSizes(Refusal):
    """Too few sizes are far enough apart for the Akima spline."""

    reason = Reason.TOO_FEW_SIZES
    sizes: int
    """Sizes left after neighbours are merged."""
    apart: float
    """Difference in ln N below which sizes are merged."""


@dataclass(frozen=True, slots=True)
class TooFewRuns(Refusal):
    """The table has too few runs for the surfaces."""

    reason = Reason.TOO_FEW_SIZES
    runs: int
    """Runs of the table."""
    needed: int
    """Runs that a surface needs."""


@dataclass(frozen=True, slots=True)
class SizesTooAlike(Refusal):
    """The table has fewer than three different sizes."""

    reason = Reason.TOO_FEW_SIZES


@dataclass(frozen=True, slots=True)
class TooFewCrossings(Refusal):
    """The least loss of the training curves passes too rarely from one size to the next."""

    reason = Reason.TOO_FEW_SIZES
    crossings: int
    """Crossings found."""
    needed: int
    """Crossings that the envelope needs."""


@dataclass(frozen=True, slots=True)
class TooFewBudgets(Refusal):
    """The table has too few budgets for a law."""

    reason = Reason.TOO_FEW_BUDGETS
    budgets: int
    """Budgets of the table."""
    needed: int
    """Budgets that a law needs."""


@dataclass(frozen=True, slots=True)
class TooFewMinima(Refusal):
    """Too few budgets have a minimum by one estimator."""

    reason = Reason.TOO_FEW_BUDGETS
    estimator: EstimatorName
    """Whose minima."""
    minima: int
    """Budgets with a minimum."""
    budgets: int
    """All budgets."""
    needed: int
    """Minima that a power law needs."""


@dataclass(frozen=True, slots=True)
class TooFewCurves(Refusal):
    """Too few budgets have a minimum by any estimator: nothing shows how N* changes with compute."""

    reason = Reason.TOO_FEW_BUDGETS
    minima: int
    """Budgets with a minimum."""
    budgets: int
    """All budgets."""
    needed: int
    """Budgets with a minimum that a law needs."""


@dataclass(frozen=True, slots=True)
class EdgeMinimum(Refusal):
    """The fitted minimum lies outside the sizes that were run."""

    reason = Reason.EDGE_MINIMUM
    estimator: EstimatorName
    """Whose minimum."""
    params: float
    """N of the minimum."""
    edge: Literal["smallest", "largest"]
    """The size beyond which it lies."""


@dataclass(frozen=True, slots=True)
class OutermostSize(Refusal):
    """The Akima spline is lowest at the smallest or the largest size."""

    reason = Reason.EDGE_MINIMUM


@dataclass(frozen=True, slots=True)
class NoCubicMinimum(Refusal):
    """The cubic falls across all sizes."""

    reason = Reason.NO_CURVATURE


@dataclass(frozen=True, slots=True)
class CurvatureNotEstablished(Refusal):
    """The parabola's second coefficient may be zero."""

    reason = Reason.NO_CURVATURE
    bend: float
    """Second coefficient of the parabola, loss per ln N squared."""
    margin: float
    """Half-width of its 95 % interval."""


@dataclass(frozen=True, slots=True)
class BendsBack(Refusal):
    """The curve is not a parabola: inside the sizes it bends the other way."""

    reason = Reason.NO_PARABOLA
    params: float
    """N of the inflection."""
    p: float
    """p of the cubic against the parabola."""
    parabola_residual: float
    """Residual standard deviation of the parabola, in the loss's unit."""
    cubic_residual: float
    """Residual standard deviation of the cubic."""


@dataclass(frozen=True, slots=True)
class FarFromLowest(Refusal):
    """The fitted minimum is far from the lowest loss."""

    reason = Reason.NO_PARABOLA
    estimator: EstimatorName
    """Whose minimum."""
    params: float
    """N of the fitted minimum."""
    lowest: float
    """N of the lowest loss."""
    gap: float
    """How far the lowest loss lies below the run nearest the fitted minimum, in the loss's unit."""


@dataclass(frozen=True, slots=True)
class NoMinimum(Refusal):
    """No budget's curve has a minimum."""

    reason = Reason.NO_SOLUTION
    reasons: tuple[Reason, ...]
    """Why the curves have none."""


@dataclass(frozen=True, slots=True)
class NoFiniteFit(Refusal):
    """No start of a surface's fit has a finite objective."""

    reason = Reason.NO_SOLUTION
    estimator: EstimatorName
    """Which surface."""


@dataclass(frozen=True, slots=True)
class FitRunsOff(Refusal):
    """A fit ran off to infinity."""

    reason = Reason.NO_SOLUTION
    estimator: EstimatorName
    """Whose fit."""


@dataclass(frozen=True, slots=True)
class OptimumRunsOff(Refusal):
    """An estimator's optimum lies at sizes that no model has."""

    reason = Reason.NO_SOLUTION


@dataclass(frozen=True, slots=True)
class ErrorsUnknown(Refusal):
    """The headline's value or interval is not finite."""

    reason = Reason.NO_SOLUTION


@dataclass(frozen=True, slots=True)
class OneLossARun(Refusal):
    """The table has no training curves."""

    reason = Reason.ONE_LOSS_A_RUN


@dataclass(frozen=True, slots=True)
class UnknownSchedule(Refusal):
    """Nothing says that a run's schedule matched its length."""

    reason = Reason.WRONG_SCHEDULE
    runs: tuple[str, ...]
    """Names of these runs."""
    known: tuple[str, ...]
    """Schedules that the envelope accepts."""


@dataclass(frozen=True, slots=True)
class UnfinishedSchedule(Refusal):
    """A run's schedule does not come to its end."""

    reason = Reason.WRONG_SCHEDULE
    runs: tuple[str, ...]
    """Names of these runs."""
    schedules: tuple[str, ...]
    """Their schedules."""


@dataclass(frozen=True, slots=True)
class ScheduleTooLong(Refusal):
    """A run's schedule was set for more tokens than were trained."""

    reason = Reason.WRONG_SCHEDULE
    runs: tuple[str, ...]
    """Names of these runs."""
    factor: float
    """Largest ratio of the schedule's tokens to the trained ones."""
