"""Writes the report of a law: one HTML file that opens offline, its charts as PNG, and the runs as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from analysis.figures import Forecast, charts, forecast_record, javascript, save
from analysis.law import Law
from analysis.records import Prediction
from orchestrator.use_cases.provenance import Provenance
from orchestrator.web.figure import figure
from orchestrator.web.render import STATIC, render
from orchestrator.web.tables import dropped_rows, power_law_groups, run_rows
from orchestrator.web.views import ReportPage
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
) -> dict[str, Path]:
    """Write report.html, runs.csv and one PNG for each chart into a folder; files of an earlier report are replaced.

    A law that could not be fitted is reported, too: its curves, refusals and runs, without predictions.

    Args:
        folder: made if it does not exist.
        title: name of the sweep, with its variant.
        law: the law.
        runs: one row for each run, in the columns of `isoflop export`.
        predictions: answers at larger budgets.
        provenance: what the law was made of and with.
        command: what a reader types to repeat the sweep.
        dropped: cells of the grid that did not run.
        forecasts: predictions that were stored before their runs were trained.

    Returns:
        The files by name: `report`, `runs`, and one name for each chart.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = charts(law)
    if forecasts:
        made["forecasts"] = forecast_record(forecasts)
    files = {name: save(chart, folder / f"{name}.png") for name, chart in made.items()}
    curves = sorted(law.curves, key=lambda curve: curve.flops)
    page = ReportPage(
        title=title,
        law=law,
        curves=curves,
        points=sum(len(curve.params) for curve in curves),
        predictions=list(predictions),
        figures={name: figure(chart, name) for name, chart in made.items()},
        power_laws=power_law_groups(law.power_laws),
        runs=run_rows(runs),
        dropped=dropped_rows(dropped),
        provenance=provenance,
        command=command,
        style=_inline(STATIC / "style.css"),
        script=_inline(STATIC / "charts.js"),
        library=Markup(javascript()),
    )
    files["report"] = folder / "report.html"
    files["report"].write_text(render(page), encoding="utf-8")
    files["runs"] = folder / "runs.csv"
    runs.to_csv(files["runs"], index=False)
    return files


def _inline(path: Path) -> Markup:
    """A static file as the content of a style or script element."""
    return Markup(path.read_text(encoding="utf-8"))
