"""The report of a sweep: one HTML file that opens offline, its charts as PNG, and the runs as CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from analysis.figures import Chart, Forecast, charts, forecast_record, javascript, save
from analysis.law import Law
from analysis.records import Prediction
from orchestrator.web.render import STATIC, figure, render
from orchestrator.web.tables import dropped_rows, power_law_groups, run_rows
from sweeps.plan.records import DroppedCell


def write_report(
    folder: Path,
    *,
    title: str,
    law: Law,
    runs: pd.DataFrame,
    predictions: Sequence[Prediction],
    provenance: Mapping[str, str],
    command: str,
    dropped: Sequence[DroppedCell] = (),
    forecasts: Sequence[Forecast] = (),
) -> dict[str, Path]:
    """Write report.html, runs.csv and one PNG a chart into a folder; files of an earlier report are replaced.

    `runs` has one row a run, in the columns of `isoflop export`; `dropped` the cells that were not run;
    `forecasts` what was stored before validation runs were trained; `command` is
    what a reader types to repeat the sweep. A law that could not be fitted is reported too: its curves, refusals and
    runs, without predictions.

    Returns the files by name: report, runs, and each chart's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made: dict[str, Chart] = charts(law, name=title)
    if forecasts:
        made["forecasts"] = forecast_record(forecasts, title)
    files = {name: save(chart, folder / f"{name}.png") for name, chart in made.items()}
    curves = sorted(law.curves, key=lambda curve: curve.flops)
    page = render(
        "report.html",
        title=title,
        law=law,
        curves=curves,
        points=sum(len(curve.params) for curve in curves),
        predictions=list(predictions),
        figures={name: figure(chart, name) for name, chart in made.items()},
        power_laws=power_law_groups(law.power_laws),
        runs=run_rows(_records(runs)),
        dropped=dropped_rows(dropped),
        provenance=dict(provenance),
        command=command,
        style=_inline(STATIC / "style.css"),
        script=_inline(STATIC / "charts.js"),
        library=Markup(javascript()),
    )
    files["report"] = folder / "report.html"
    files["report"].write_text(page, encoding="utf-8")
    files["runs"] = folder / "runs.csv"
    runs.to_csv(files["runs"], index=False)
    return files


def _inline(path: Path) -> Markup:
    """A file of ours as the content of a style or script element."""
    return Markup(path.read_text(encoding="utf-8"))


def _records(runs: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain dictionaries, missing values as None."""
    return [
        {str(key): None if pd.isna(value) else value for key, value in row.items()} for row in runs.to_dict("records")
    ]
