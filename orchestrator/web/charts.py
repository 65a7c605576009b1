"""The charts of a page: those of a law, and the compute multipliers between the variants of a sweep."""

from __future__ import annotations

from dataclasses import replace

from analysis.answers.compare import compare
from analysis.answers.published import PUBLISHED
from analysis.answers.verdict import verdict_sentence
from analysis.figures import charts, compute_multiplier
from analysis.law import Law
from analysis.records import LawError
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.web.figure import Figure, figure
from orchestrator.web.variants import neighbours


def law_figures(law: Law, sweep: str, *, published: bool = False) -> dict[str, Figure]:
    """Every chart that a law allows, by name; `sweep` names it in their titles; `published` laws are drawn, too."""
    shown = tuple(PUBLISHED.values()) if published else ()
    return {name: figure(chart, name) for name, chart in charts(law, name=sweep, published=shown).items()}


def multiplier_figures(answers: SweepAnswers, variant: str) -> list[Figure]:
    """The compute multiplier over a variant of each one that differs from it in a single axis.

    A pair that cannot be compared is a figure without panels, whose note says why.
    """
    made = []
    for number, label in enumerate(neighbours(answers.spec.vary, variant), start=1):
        name = f"multiplier-{number}"
        try:
            baseline, other = (replace(answers.side(each), name=each) for each in (variant, label))
            compared = compare(baseline, other)
            drawn = figure(compute_multiplier(compared), name)
            verdict = f"{verdict_sentence(compared.baseline, compared.other, compared.verdict)}."
            made.append(replace(drawn, notes=(*drawn.notes, verdict)))
        except LawError as error:
            made.append(Figure(name, f"{label} over {variant}", (f"{error}.",)))
    return made
