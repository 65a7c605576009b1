"""Law: what a fit found, and its predictions; `fit`: from a table of runs to a law."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from analysis.evidence import CheckedCell, HoldoutRecord, NgramBaseline, Noise
from analysis.fitting import headline
from analysis.fitting.confidence import judge
from analysis.fitting.cost import TokenCost
from analysis.fitting.envelope import envelope
from analysis.fitting.estimators import FittedEstimator
from analysis.fitting.headline import Headline
from analysis.fitting.holdout import far, holdout_sentences, rolling_holdout
from analysis.fitting.parts import fit_parts
from analysis.fitting.plausible import exponent_warnings
from analysis.fitting.powerlaws import power_laws
from analysis.fitting.refused import RefusedError, refusals_text
from analysis.fitting.repetition.fresh import as_fresh
from analysis.fitting.repetition.own import FittedWorth
from analysis.fitting.spikes import set_aside_spikes
from analysis.fitting.surface import Origin
from analysis.fitting.threads import one_thread
from analysis.fitting.uncertainty import Uncertainty
from analysis.fitting.valley.drift import drift_sentences
from analysis.fitting.valley.posterior import Valley
from analysis.fitting.valley.runs import OneRun, one_run
from analysis.limits import LEAST_COUNT, Limits, budget_limits, check_budgets, possible, worst_loss
from analysis.loss_budget import compute_for_loss
from analysis.names import EstimatorName
from analysis.records import Curve, EstimatorAnswer, Interval, LawError, PowerLaw, Prediction, Surface
from analysis.refusals import Refusal
from analysis.scatter import one_run_interval
from analysis.summary import Summary
from analysis.table.excluded import ExcludedRow
from analysis.table.table import RunTable
from analysis.wording import budget_place

Floats = NDArray[np.float64]

FIT_VERSION = 5
"""Incremented when the same table would give other numbers."""


@dataclass(frozen=True, eq=False)
class Law:
    """Everything that a fit found, and the questions that it answers. Equal tables give equal `law_id`s."""

    law_id: str
    """Content hash of the runs, the cost of a token and the version of the fit."""
    curves: tuple[Curve, ...]
    """One a budget, ascending."""
    power_laws: tuple[PowerLaw, ...]
    """N*, D* and L* against C, by estimator and for the headline."""
    surfaces: tuple[Surface, ...]
    """Fitted surfaces L(N, D), approach 3 among them."""
    refusals: Mapping[EstimatorName, Refusal]
    """Estimators that have no answer, by name, and why."""
    noise: Noise
    """Standard deviations of the losses: pooled, between seeds, by source."""
    holdout: tuple[HoldoutRecord, ...]
    """Rolling hold-out: predictions of later budgets from the earlier ones."""
    excluded: tuple[ExcludedRow, ...]
    """Rows left out, with reasons."""
    warnings: tuple[str, ...]
    """Plain sentences about the data and the fit."""
    convention: str
    """How N and C were counted."""
    loss_unit: str
    """nats/token | bits/byte | as in the data."""
    cost: TokenCost
    """Training FLOPs a token as a function of N: the tie of N*, D* and C."""
    estimators: tuple[FittedEstimator, ...] = ()
    """Each estimator with its parameters; none where no law could be fitted."""
    uncertainty: Uncertainty = field(default_factory=Uncertainty)
    """Joint covariance of the estimators' parameters, in their order, by source of noise."""
    origin: Origin = field(default_factory=lambda: Origin(0.0, 0.0, 0.0))
    """Origins of the centred logarithms."""
    valley: Valley | None = None
    """The drifting valley behind the headline; None where no law could be fitted."""
    worth: FittedWorth | None = None
    """What repetition is worth by runs that repeat tokens; None where there are none, or they do not tell."""
    recipe_check: tuple[CheckedCell, ...] = ()
    """What a check of the recipe found, by budget and N; empty where the sweep has none."""
    ngrams: NgramBaseline | None = None
    """N-gram models of the same tokens; None where they were not measured."""

    def __repr__(self) -> str:
        """The budgets, N*, the loss and the exponent, in two lines."""
        return self._summary().text()

    def _repr_html_(self) -> str:
        """A small table of the budgets and the law's answer, for notebooks."""
        return self._summary().html()

    def _summary(self) -> Summary:
        optimum = None
        with contextlib.suppress(LawError):
            optimum = self.predict(self.largest_budget)
        return Summary(self.curves, self.power_laws, optimum, self.loss_unit)

    @property
    def largest_budget(self) -> float:
        """Largest fitted budget, FLOPs."""
        return max(curve.flops for curve in self.curves)

    @property
    def smallest_budget(self) -> float:
        """Smallest fitted budget, FLOPs."""
        return min(curve.flops for curve in self.curves)

    def outside(self, flops: float) -> float:
        """Ratio of a budget to the nearest fitted one, 1 and less within them."""
        return max(flops / self.largest_budget, self.smallest_budget / flops)

    @cached_property
    def limits(self) -> Limits:
        """The budgets that the law can answer for. Raises LawError where no law could be fitted."""
        self._require_estimators()
        return budget_limits(self.combined, self.cost, self.smallest_budget, self.largest_budget, self.worst_loss)

    @property
    def worst_loss(self) -> float:
        """Above which no loss can be, in the law's unit."""
        return worst_loss(self.loss_unit, max(max(curve.losses, default=0.0) for curve in self.curves))

    def predict(self, flops: float) -> Prediction:
        """The compute-optimal size, tokens and loss at one budget.

        Raises LawError where no law could be fitted, OutOfReachError for a budget outside its `limits`.
        """
        return self.band([flops])[0]

    def band(self, flops: Sequence[float]) -> list[Prediction]:
        """As `predict`, for many budgets at once, in their order."""
        budgets = np.asarray(flops, dtype=float)
        if budgets.ndim != 1 or not np.isfinite(budgets).all() or (budgets <= 0).any():
            raise LawError("budgets must be positive numbers of FLOPs")
        check_budgets(budgets.tolist(), self.limits, self.smallest_budget, self.largest_budget)
        if not len(budgets):
            return []
        result = self.combined(budgets)
        low, high = self.loss_ends(budgets, result)
        alone = headline.alone(self.estimators, self.uncertainty, self.origin, self.cost, budgets)
        ends = [Interval(*pair) for pair in zip(low.tolist(), high.tolist(), strict=True)]
        return [
            possible(self._prediction(float(budget), index, result, ends[index], alone[index]))
            for index, budget in enumerate(budgets)
        ]

    def loss_ends(self, budgets: Floats, result: Headline) -> tuple[Floats, Floats]:
        """The ends of the loss's interval at budgets, (T,) each, of what `combined` says there."""
        return headline.loss_ends(result, self._top, self.worst_loss, budgets > self.largest_budget)

    @cached_property
    def _top(self) -> Headline:
        """What the valley says at the largest budget."""
        return self.combined(np.array([self.largest_budget]))

    def combined(self, budgets: Floats) -> Headline:
        """What the valley says at budgets (T,), also where that is no answer: outside the `limits`.

        Raises LawError where the valley has no optimum.
        """
        self._require_estimators()
        assert self.valley is not None
        with one_thread(), np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            return headline.answer(self.valley, budgets)

    def compute_for_loss(self, loss: float) -> tuple[float, Interval]:
        """FLOPs after which compute-optimal training reaches a loss, with the interval that its band cuts out.

        Raises LawError where no law could be fitted, OutOfReachError where the band does not enclose the loss.
        """
        budgets = np.geomspace(self.limits.lowest, self.limits.highest, 400)
        result = self.combined(budgets)
        return compute_for_loss(budgets, result.loss, *self.loss_ends(budgets, result), loss)

    def one_run(self, flops: float, params: float) -> OneRun | None:
        """What a run of N parameters at a budget is expected to add to the law's loss; None without a law."""
        return None if self.valley is None else one_run(self.valley, params, flops)

    @property
    def _budgets(self) -> int:
        """Budgets whose curve has a minimum."""
        return len({curve.flops for curve in self.curves if curve.has_minimum})

    @cached_property
    def _held(self) -> float | None:
        """Share of the hold-out's later budgets inside the intervals, of N* or of L*, the lesser; None without any."""
        records = far(self.holdout)
        if not records:
            return None
        return min(sum(r.params_covered for r in records), sum(r.loss_covered for r in records)) / len(records)

    def _require_estimators(self) -> None:
        if self.estimators:
            return
        refusals = [refusal for name, refusal in self.refusals.items() if name is not EstimatorName.ENVELOPE]
        raise LawError("no law could be fitted: " + refusals_text(refusals))

    def _prediction(
        self, flops: float, index: int, result: Headline, loss: Interval, alone: tuple[EstimatorAnswer, ...]
    ) -> Prediction:
        params = float(np.exp(result.log_params[index]))
        half = float(result.log_params_half[index])
        low, high = max(params * np.exp(-half), LEAST_COUNT), params * np.exp(half)
        tokens = [float(self.cost.tokens(flops, size)) for size in (params, high, low)]
        place = budget_place(flops, self.smallest_budget, self.largest_budget)
        extrapolation = flops / self.largest_budget
        confidence, warnings = judge(
            place=place,
            extrapolation=extrapolation,
            below=self.smallest_budget / flops,
            half_width=half,
            budgets=self._budgets,
            span=self.largest_budget / self.smallest_budget,
            held=self._held,
        )
        return Prediction(
            flops=flops,
            params=params,
            tokens=tokens[0],
            loss=float(result.loss[index]),
            params_interval=Interval(float(low), float(high)),
            tokens_interval=Interval(max(tokens[1], LEAST_COUNT), tokens[2]),
            loss_interval=loss,
            run_interval=one_run_interval(
                float(result.loss[index]), loss, self.one_run(flops, params), self.worst_loss
            ),
            largest_budget=self.largest_budget,
            extrapolation=extrapolation,
            place=place,
            confidence=confidence,
            estimators=alone,
            convention=self.convention,
            loss_unit=self.loss_unit,
            law_id=self.law_id,
            warnings=(*warnings, *self.warnings),
        )


def content_hash(table: RunTable, cost: TokenCost) -> str:
    """Hash of the runs, the cost of a token and the version of the fit."""
    text = json.dumps([FIT_VERSION, table.digest, cost.log_params, cost.log_flops])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def with_holdout(law: Law, records: tuple[HoldoutRecord, ...]) -> Law:
    """The law with its hold-out table and, where it has later budgets from ×1.5 on, a sentence about it."""
    return replace(law, holdout=records, warnings=(*law.warnings, *holdout_sentences(records)))


def _of_fresh_tokens(table: RunTable, cost: TokenCost, *, holdout: bool) -> Law:
    """The law of fresh tokens, from a table some of whose runs repeat them."""
    fresh = as_fresh(table, cost, lambda once: fit(once, cost=cost, holdout=False).valley)
    law = fit(fresh.table, cost=cost, holdout=holdout)
    warnings = (*law.warnings, *fresh.warnings)
    return replace(law, law_id=content_hash(table, cost), worth=fresh.worth, warnings=warnings)


def fit(table: RunTable, *, cost: TokenCost | None = None, holdout: bool = True) -> Law:
    """Fit a law: every estimator, their refusals, noise and, with enough budgets, a rolling hold-out.

    Runs whose loss no curve explains are set aside first, by name. `cost` ties N*, D* and C; by default it is read off
    the table's own C/(N D). A law with refusals is still a law:
    its `predict` raises LawError where nothing could be fitted.
    """
    if table.unique is not None:
        return _of_fresh_tokens(table, cost or TokenCost.from_table(table), holdout=holdout)
    table = set_aside_spikes(table)
    cost = cost or TokenCost.from_table(table)
    # Tables without a law run into overflows on the way to their refusal; what is not finite is refused by name.
    with one_thread(), np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        parts = fit_parts(table, cost)
        states = tuple(FittedEstimator.of(estimator) for estimator in parts.estimators)
        refusals = dict(parts.refusals)
        try:
            laws = power_laws(states, parts, cost)
        except RefusedError as error:
            states, laws = (), ()
            refusals[EstimatorName.HEADLINE] = error.refusal
        drift = drift_sentences(parts.valley, [curve.flops for curve in parts.curves])
    first = envelope(table.curves)
    if isinstance(first, Refusal):
        refusals[EstimatorName.ENVELOPE] = first
    else:
        laws += first.laws
    law = Law(
        law_id=content_hash(table, cost),
        curves=parts.curves,
        power_laws=laws,
        surfaces=parts.surfaces,
        refusals=refusals,
        noise=parts.noise,
        holdout=(),
        excluded=table.excluded,
        warnings=(*parts.warnings, *exponent_warnings(laws), *drift),
        convention=table.convention,
        loss_unit=table.loss_unit,
        cost=cost,
        estimators=states,
        uncertainty=parts.uncertainty,
        origin=parts.origin,
        valley=parts.valley if states else None,
    )
    if not holdout or not states:
        return law
    records = rolling_holdout(table, lambda earlier: fit(earlier, cost=cost, holdout=False))
    return with_holdout(law, records)
