"""The parts of a sweep's page that are computed: its charts, and what further runs would buy; once for each state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from analysis.figures import Forecast, course_panels, forecast_record
from analysis.law import Law
from analysis.records import LawError
from orchestrator.api.documents import Document, document, json_document
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.web.charts import law_figures, multiplier_figures
from orchestrator.web.figure import Figure, fetched, figure
from orchestrator.web.next_runs import NextTable, next_table
from orchestrator.web.render import static_file


@dataclass(frozen=True, slots=True)
class PageParts:
    """What a page shows of a sweep's runs besides their table."""

    figures: Mapping[str, Figure] = field(default_factory=dict)
    """Charts by name; their specifications have addresses."""
    comparisons: Sequence[Figure] = ()
    """Compute multipliers over this variant."""
    specs: Mapping[str, Document] = field(default_factory=dict)
    """Vega-Lite specifications by the id of their plot."""

    @property
    def size(self) -> int:
        """Bytes of memory of the specifications."""
        return sum(spec.size for spec in self.specs.values())


def page_parts(answers: SweepAnswers, variant: str, name: str) -> PageParts:
    """The charts of a variant of the sweep that addresses call `name`, as far as its runs allow."""
    stored = [Forecast.of(record) for record in answers.forecasts]
    figures = {"forecasts": figure(forecast_record(stored, answers.sweep.name), "forecasts")} if stored else {}
    course = answers.course()
    if course is not None:
        figures["course"] = figure(course_panels(course, answers.sweep.name), "course")
    comparisons: list[Figure] = []
    law = law_or_none(answers, variant)
    if law is not None:
        figures |= law_figures(law, f"{answers.sweep.name} {variant}".strip())
        comparisons = multiplier_figures(answers, variant)

    def address(plot: str) -> str:
        """Where a plot's specification is found."""
        query = f"?{urlencode({'variant': variant})}" if variant else ""
        return f"/sweeps/{quote(name, safe='')}/figures/{plot}.json{query}"

    panels = [panel for made in (*figures.values(), *comparisons) for panel in made.panels]
    return PageParts(
        {key: fetched(made, address) for key, made in figures.items()},
        [fetched(made, address) for made in comparisons],
        {panel.id: json_document(panel.spec) for panel in panels},
    )


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


def static(name: str) -> Document | None:
    """A file under /static; None if there is none. Vega's bundle takes seconds, in which its process does nothing else.

    A process that has made it has also loaded what laws and charts need.
    """
    found = static_file(name)
    return None if found is None else document(*found, {"Cache-Control": "max-age=3600"})
