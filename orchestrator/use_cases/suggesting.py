"""Suggesting further runs of a sweep: its recipe's cells, what was run of them, and the law or the plan's noise."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from analysis.fitting.cost import TokenCost
from analysis.records import LawError, TooLittleError
from analysis.suggest.cells import Cells, joined
from analysis.suggest.first import suggest_first
from analysis.suggest.records import Outcome, Suggestion, Target
from analysis.suggest.suggest import suggest, usual_spend
from analysis.wording import typed_flops, typed_up
from orchestrator.use_cases.planning import Planning
from orchestrator.use_cases.sweep_answers import SweepAnswers
from sweeps.file.spec import AdaptiveSpec, LimitsSpec, SweepSpec
from sweeps.plan.candidates import Candidates, as_cells, candidates
from sweeps.plan.combination import NOTHING_VARIED, Combination
from sweeps.plan.grid import setting_of
from sweeps.plan.records import PlanError
from sweeps.recipes.ladder import flops_nodes


@dataclass(frozen=True)
class Asked:
    """What is asked of a suggestion."""

    flops: float
    """The budget of the answer, training FLOPs."""
    spend: float | None = None
    """Training FLOPs that further runs may spend; None for as much again as the runs so far, or as a target takes."""
    target: Target = field(default_factory=Target)
    """The precision to be reached."""
    per_hour: bool = False
    """Whether narrowing counts for each predicted hour instead of each FLOP."""


def suggest_for_sweep(planning: Planning, answers: SweepAnswers, asked: Asked, label: str = "") -> Suggestion:
    """The runs that a sweep with runs should train next. Raises LawError, QuestionError, CorpusError."""
    variant = answers.variant(label)
    spec, vary = answers.spec, Combination.of(variant.values)
    law = answers.fit(variant, holdout=False)
    had = Cells.run_already(variant.table, 0)
    spend = _Spend.of(asked.spend or usual_spend(had, asked.target), spec, float((had.flops * had.runs).sum()))
    found, cells = _cells(planning, spec, vary, asked, spend.allowed)
    with spend.explained():
        suggestion = suggest(
            law, joined(had, cells), asked.flops, spend=spend.allowed, target=asked.target, per_hour=asked.per_hour
        )
    return _noted(suggestion, found, spend)


def suggest_for_file(planning: Planning, source: Path, asked: Asked) -> Suggestion:
    """The runs with which a sweep that has none should begin.

    Raises SweepError, PlanError, CorpusError, LawError, QuestionError.
    """
    spec = planning.load(source)
    if spec.vary:
        raise PlanError("vary: suggest takes one combination: leave vary out, and set its keys as they should be")
    planned = planning.plan_spec(replace(spec, limits=LimitsSpec(), adaptive=AdaptiveSpec()))
    spend = _Spend.of(asked.spend or planned.plan.flops, spec, 0.0)
    found, cells = _cells(planning, spec, NOTHING_VARIED, asked, spend.allowed)
    if not found.runs:
        raise PlanError(f"no cell of its budgets can be trained: {found.dropped}")
    setting = setting_of(spec, planned.data.vocab, NOTHING_VARIED)
    nodes = flops_nodes(setting.recipe, setting.vocab, setting.context, setting.parts)
    try:
        with spend.explained():
            suggestion = suggest_first(
                cells,
                asked.flops,
                cost=TokenCost.from_nodes([n for n, _ in nodes], [f for _, f in nodes]),
                noise=planning.noise(planned).sigma,
                spend=spend.allowed,
                least=min(spec.budgets),
                target=asked.target,
                per_hour=asked.per_hour,
            )
    except LawError as error:
        raise LawError(": ".join(filter(None, (str(error), found.dropped)))) from None
    return _noted(suggestion, found, spend)


def _cells(
    planning: Planning, spec: SweepSpec, vary: Combination, asked: Asked, spend: float
) -> tuple[Candidates, Cells]:
    """The cells that the sweep's recipe and data allow, with hours where they count."""
    facts = planning.facts(spec)
    found = candidates(spec, facts, asked.flops, vary=vary, spend=spend)
    if asked.per_hour and found.runs:
        cost = planning.cost([run.run for run in found.runs], spec)
        found = candidates(spec, facts, asked.flops, vary=vary, cost=cost, spend=spend)
    return found, as_cells(found.runs)


@dataclass(frozen=True)
class _Spend:
    """What further runs may spend, held to the sweep's limits."""

    asked: float
    """Training FLOPs, before any limit."""
    limit: float
    """`limits.flops`; infinite where there is none."""
    had: float
    """Training FLOPs of the runs so far."""

    @classmethod
    def of(cls, asked: float, spec: SweepSpec, had: float) -> _Spend:
        """A spend under the limits of a sweep."""
        return cls(asked, math.inf if spec.limits.flops is None else spec.limits.flops, had)

    @property
    def allowed(self) -> float:
        """What may be spent, training FLOPs."""
        return min(self.asked, max(self.limit - self.had, 0.0))

    @property
    def notes(self) -> tuple[str, ...]:
        """That the limits hold it down; nothing where they do not."""
        return (f"limits.flops leaves {typed_flops(self.allowed)} FLOPs for further runs",) * (
            self.allowed < self.asked
        )

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Let the refusal of a spend that the limits hold down name these, and the least that would do."""
        try:
            yield
        except TooLittleError as error:
            if self.allowed == self.asked:
                raise
            least = self.had + error.least
            raise TooLittleError(f"{error}; {self.notes[0]}: raise it to {typed_up(least)}", error.least) from None


def _noted(suggestion: Suggestion, found: Candidates, spend: _Spend) -> Suggestion:
    """A suggestion with what limited it."""
    stopped = "" if suggestion.outcome is Outcome.REACHED else found.stopped
    notes = tuple(filter(None, (stopped, *spend.notes)))
    return replace(suggestion, notes=notes, limited=spend.allowed < spend.asked)
