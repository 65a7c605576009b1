"""Suggesting further runs of a sweep: its recipe's cells, what was run of them, and the law or the plan's noise."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from analysis.fitting.cost import TokenCost
from analysis.records import LawError
from analysis.suggest.cells import Cells, joined
from analysis.suggest.first import suggest_first
from analysis.suggest.records import Suggestion, Target
from analysis.suggest.suggest import suggest, usual_spend
from analysis.wording import typed_flops
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
    found, cells = _cells(planning, spec, vary, asked)
    left = None if spec.limits.flops is None else spec.limits.flops - float((had.flops * had.runs).sum())
    allowed, note = _within_limits(asked.spend or usual_spend(had, asked.target), left)
    suggestion = suggest(
        law, joined(had, cells), asked.flops, spend=allowed, target=asked.target, per_hour=asked.per_hour
    )
    return replace(suggestion, notes=(*_notes(found), *note))


def suggest_for_file(planning: Planning, source: Path, asked: Asked) -> Suggestion:
    """The runs with which a sweep that has none should begin.

    Raises SweepError, PlanError, CorpusError, LawError, QuestionError.
    """
    spec = planning.load(source)
    if spec.vary:
        raise PlanError("vary: suggest takes one combination: leave vary out, and set its keys as they should be")
    planned = planning.plan_spec(replace(spec, limits=LimitsSpec(), adaptive=AdaptiveSpec()))
    found, cells = _cells(planning, spec, NOTHING_VARIED, asked)
    spend, note = _within_limits(asked.spend or planned.plan.flops, spec.limits.flops)
    setting = setting_of(spec, planned.data.vocab, NOTHING_VARIED)
    nodes = flops_nodes(setting.recipe, setting.vocab, setting.context, setting.parts)
    try:
        suggestion = suggest_first(
            cells,
            asked.flops,
            cost=TokenCost.from_nodes([n for n, _ in nodes], [f for _, f in nodes]),
            noise=planning.noise(planned).sigma,
            spend=spend,
            least=min(spec.budgets),
            target=asked.target,
            per_hour=asked.per_hour,
        )
    except LawError as error:
        raise LawError(": ".join(filter(None, (str(error), found.dropped)))) from None
    return replace(suggestion, notes=(*_notes(found), *note))


def _cells(planning: Planning, spec: SweepSpec, vary: Combination, asked: Asked) -> tuple[Candidates, Cells]:
    """The cells that the sweep's recipe and data allow, with hours where they count."""
    facts = planning.facts(spec)
    found = candidates(spec, facts, asked.flops, vary=vary)
    if asked.per_hour and found.runs:
        cost = planning.cost([run.run for run in found.runs], spec)
        found = candidates(spec, facts, asked.flops, vary=vary, cost=cost)
    return found, as_cells(found.runs)


def _within_limits(spend: float, left: float | None) -> tuple[float, tuple[str, ...]]:
    """A spend held to what the sweep's limits leave, and a sentence where they cut it."""
    if left is None or spend <= left:
        return spend, ()
    return max(left, 0.0), (f"limits.flops leaves {typed_flops(max(left, 0.0))} FLOPs for further runs",)


def _notes(found: Candidates) -> tuple[str, ...]:
    return (found.stopped,) if found.stopped else ()
