"""Writes the report of a law: one HTML file that opens offline, its charts as PNG, and the runs as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from analysis.answers.next_runs import Outlook
from analysis.figures import Chart, Forecast, charts, course_panels, forecast_record, javascript, save
from analysis.law import Law
from analysis.records import Prediction
from analysis.suggest.course import Course
from orchestrator.use_cases.further_laws import FurtherLaw
from orchestrator.use_cases.provenance import Provenance
from orchestrator.web.figure import figure
from orchestrator.web.losses import loss_table
from orchestrator.web.next_runs import next_table
from orchestrator.web.render import STATIC, curves_of, render
from orchestrator.web.report_view import ReportPage
from orchestrator.web.tables import dropped_rows, power_law_groups, run_rows
from sweeps.plan.records import DroppedCell


def write_report(
    folder: Path,
    *,
    title: str,
    law: Law,
    runs: pd.DataFrame,
    predictions: Sequence[Prediction],
    provenance: Provenance,
    command: str,
    dropped: Sequence[DroppedCell] = (),
    forecasts: Sequence[Forecast] = (),
    outlook: Outlook | None = None,
    course: Course | None = None,
    further: Sequence[FurtherLaw] = (),
) -> dict[str, Path]:
    """Write report.html, runs.csv and one PNG for each chart into a folder; files of an earlier report are replaced.

    `title` names the sweep with its variant, `runs` has the columns of `isoflop export`, `command` is what repeats the
    sweep; `outlook` is what further runs would buy, where that is known, `course` how an adaptive sweep narrowed its
    answer, `further` the laws of its further losses. A law that could not be fitted is reported, too, without
    predictions. Returns the files by name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = _charts(law, title, forecasts, course)
    files = {name: save(chart, folder / f"{name}.png") for name, chart in made.items()}
    curves = curves_of(law)
    page = ReportPage(
        title=title,
        law=law,
        curves=curves,
        points=sum(len(curve.params) for curve in curves),
        predictions=predictions,
        figures={name: figure(chart, name) for name, chart in made.items()},
        losses=loss_table(law, further),
        next_runs=next_table(outlook) if outlook else None,
        power_laws=power_law_groups(law.power_laws),
        runs=run_rows(runs),
        dropped=dropped_rows(dropped),
        provenance=provenance,
        command=command,
        style=_inline(STATIC / "style.css"),
        script=_inline(STATIC / "charts.js"),
        library=Markup(javascript()),
    )
    files |= {"report": folder / "report.html", "runs": folder / "runs.csv"}
    files["report"].write_text(render(page), encoding="utf-8")
    runs.to_csv(files["runs"], index=False)
    return files


def _charts(law: Law, title: str, forecasts: Sequence[Forecast], course: Course | None) -> dict[str, Chart]:
    """The charts of a report by name."""
    made: dict[str, Chart] = charts(law, name=title)
    if forecasts:
        made["forecasts"] = forecast_record(forecasts, title)
    if course is not None:
        made["course"] = course_panels(course, title)
    return made


def _inline(path: Path) -> Markup:
    """A static file as the content of a style or script element."""
    return Markup(path.read_text(encoding="utf-8"))
