"""The charts of a page: those of a law, and the compute multipliers between the variants of a sweep."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from analysis.answers.compare import compare
from analysis.figures import charts, compute_multiplier
from analysis.law import Law
from analysis.records import LawError
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.web.render import figure
from orchestrator.web.variants import neighbours


def law_figures(law: Law, sweep: str) -> dict[str, dict[str, Any]]:
    """Every chart that a law allows, by name, as the templates need it; `sweep` names it in the titles."""
    return {name: figure(chart, name) for name, chart in charts(law, name=sweep).items()}


def multiplier_figures(laws: SweepAnswers, variant: str) -> list[dict[str, Any]]:
    """The compute multiplier of each variant that differs from the chosen one in a single axis, where both have a law.

    A pair that cannot be compared is a figure without panels whose notes say why.
    """
    made = []
    for number, label in enumerate(neighbours(laws.spec.vary, variant), start=1):
        name = f"multiplier-{number}"
        try:
            baseline, other = (replace(laws.side(each), name=each) for each in (variant, label))
            made.append(figure(compute_multiplier(compare(baseline, other)), name))
        except LawError as error:
            made.append({"name": name, "panels": [], "title": f"{label} over {variant}", "notes": [f"{error}."]})
    return made
