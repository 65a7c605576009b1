"""The parts of a sweep's page that are computed: its charts, and what further runs would buy; once for each state."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from analysis.answers.ask import Question, Reply
from analysis.answers.compare import Comparison
from analysis.figures import Forecast, compute_multiplier, course_panels, forecast_record
from analysis.law import Law
from analysis.records import LawError, Prediction
from orchestrator.api.documents import Document, document, json_document
from orchestrator.use_cases.answering import compare_answers
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.use_cases.sweep_facts import facts_of_sweep
from orchestrator.use_cases.trust import Finding, findings
from orchestrator.web.charts import law_figures, multiplier_figures
from orchestrator.web.figure import Figure, fetched, figure
from orchestrator.web.next_runs import NextTable, next_table
from orchestrator.web.ranking import Ranked, ranking
from orchestrator.web.render import static_file
from orchestrator.web.sliders import Sliders, sliders

UNASKED = (3.0, 10.0)
"""Multiples of the largest budget that are answered unasked."""


@dataclass(frozen=True, slots=True)
class PageParts:
    """What a page shows of a sweep's runs besides their table."""

    figures: Mapping[str, Figure] = field(default_factory=dict)
    """Charts by name; their specifications have addresses."""
    comparisons: Sequence[Figure] = ()
    """Compute multipliers over this variant."""
    unasked: Sequence[Prediction] = ()
    """Answers at multiples of the largest budget."""
    trust: Sequence[Finding] = ()
    """How far the law can be trusted."""
    sliders: Sliders | None = None
    """Within which the page's sliders ask."""
    specs: Mapping[str, Document] = field(default_factory=dict)
    """Vega-Lite specifications by the id of their plot."""

    @property
    def size(self) -> int:
        """Bytes of memory of the specifications."""
        return sum(spec.size for spec in self.specs.values())


def page_parts(answers: SweepAnswers, variant: str, name: str, published: bool = False) -> PageParts:
    """The charts and answers of a variant of the sweep that addresses call `name`, as far as its runs allow."""
    stored = [Forecast.of(record) for record in answers.forecasts]
    figures = {"forecasts": figure(forecast_record(stored, answers.sweep.name), "forecasts")} if stored else {}
    course = answers.course()
    if course is not None:
        figures["course"] = figure(course_panels(course, answers.sweep.name), "course")
    comparisons: list[Figure] = []
    law = law_or_none(answers, variant)
    if law is not None:
        title = " ".join(filter(None, (answers.sweep.name, variant, answers.loss_key.text)))
        figures |= law_figures(law, title, published=published)
        comparisons = multiplier_figures(answers, variant)

    def address(plot: str) -> str:
        """Where a plot's specification is found."""
        named = {"variant": variant, "loss_key": answers.loss_key.text, "published": "1" if published else ""}
        query = {key: value for key, value in named.items() if value}
        return f"/sweeps/{quote(name, safe='')}/figures/{plot}.json{f'?{urlencode(query)}' if query else ''}"

    unasked = _unasked(answers, variant, law) if law is not None else []
    panels = [panel for made in (*figures.values(), *comparisons) for panel in made.panels]
    return PageParts(
        {key: fetched(made, address) for key, made in figures.items()},
        [fetched(made, address) for made in comparisons],
        unasked,
        findings(law, facts_of_sweep(answers, variant), unasked) if law is not None else (),
        sliders(law) if law is not None else None,
        {panel.id: json_document(panel.spec) for panel in panels},
    )


def _unasked(answers: SweepAnswers, variant: str, law: Law) -> list[Prediction]:
    """The answers of a law that nobody has to ask for; none where it cannot tell."""
    with contextlib.suppress(LawError):
        found = answers.variant(variant)
        band = law.band(law.limits.only([multiple * law.largest_budget for multiple in UNASKED]))
        return [answers.with_shape(found, prediction) for prediction in band]
    return []


def law_or_none(answers: SweepAnswers, variant: str) -> Law | None:
    """The law of a variant; None where there is none."""
    try:
        return answers.law(variant)
    except LawError:
        return None


def further_runs(answers: SweepAnswers, variant: str) -> NextTable | None:
    """What further runs would buy; None where that cannot be said. Takes seconds: laws are fitted to simulated runs."""
    found = answers.outlook(variant)
    return next_table(found) if found else None


def reply_to(answers: SweepAnswers, variant: str, question: Question) -> Reply:
    """A law's reply. Raises LawError, QuestionError."""
    return answers.reply(variant, question)


def ranked(answers: SweepAnswers, name: str) -> list[Ranked]:
    """The variants of a sweep in the order of their worth. Raises LawError."""
    return ranking(answers, name)


def compared(baseline: SweepAnswers, other: SweepAnswers, variants: tuple[str, str]) -> tuple[Comparison, Figure]:
    """Two sweeps against each other, and as a chart. Raises LawError."""
    made = compare_answers(baseline, other, variants)
    return made, figure(compute_multiplier(made), "multiplier")


def static(name: str) -> Document | None:
    """A file under /static; None if there is none. Vega's bundle takes seconds, in which its process does nothing else.

    A process that has made it has also loaded what laws and charts need.
    """
    found = static_file(name)
    return None if found is None else document(*found, {"Cache-Control": "max-age=3600"})
