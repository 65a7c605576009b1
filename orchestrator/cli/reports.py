"""The reports of a sweep: a folder for each law, replaced as a whole."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from analysis.answers.serial import fit_json
from analysis.figures import Forecast, picture, save
from analysis.law import Law
from analysis.records import LawError, Prediction
from orchestrator.tracking.sweep_run import SweepLaw
from orchestrator.use_cases.answering import Answering
from orchestrator.use_cases.further_laws import further_laws
from orchestrator.use_cases.provenance import provenance_of
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.use_cases.workspace import Workspace
from orchestrator.web.report import write_report

HORIZONS = (10.0, 100.0)
"""Predictions of a report, in multiples of the largest budget."""
SWEEP_FILE = "sweep.yaml"
"""The sweep as it was submitted, next to its report."""


def write_reports(
    workspace: Workspace, answers: SweepAnswers, laws: Mapping[str, Law], command: str = ""
) -> dict[str, SweepLaw]:
    """Write the report of each law of a sweep; returns what wandb shows of each, the report last, by variant.

    An earlier report of the sweep is replaced as a whole, so that no file of another revision stays beside the new
    ones; an earlier revision has folders of its own. `command` is what a reader types to repeat the sweep; empty for
    a run of the sweep file that lies next to the report.
    """
    name = Answering(workspace).handle(answers.sweep)
    return {variant: _write(workspace, answers, name, variant, law, command) for variant, law in laws.items()}


_IN_A_NAME = str.maketrans({" ": "_", "=": "-", ",": "_", "/": "_"})
"""What stands in a folder's name for characters of a label, among them the paths of a tokenizer or a corpus."""


def report_folder(reports: Path, name: str, variant: str) -> Path:
    """The folder of a law's report among all reports, by the sweep's name and the variant's label."""
    return reports / f"{name} {variant}".strip().translate(_IN_A_NAME)


def _write(workspace: Workspace, answers: SweepAnswers, name: str, variant: str, law: Law, command: str) -> SweepLaw:
    """Write a law's report, its interactive chart and its sweep file."""
    further = further_laws(answers, variant)
    sweep, title = answers.sweep, f"{name} {variant}".strip()
    folder = report_folder(workspace.home.reports, name, variant)
    workspace.home.reports.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".report-", dir=workspace.home.reports))
    try:
        files = write_report(
            fresh,
            title=title,
            law=law,
            runs=answers.table,
            predictions=_predictions(answers, law, variant),
            provenance=provenance_of(answers, law, variant),
            command=command or f"isoflop run {SWEEP_FILE} --yes",
            dropped=sweep.dropped,
            forecasts=[Forecast.of(record) for record in answers.forecasts],
            outlook=answers.outlook(variant),
            course=answers.course(),
            further=further,
        )
        page = save(picture("isoflop", law, name=title), fresh / "isoflop.html")
        (fresh / SWEEP_FILE).write_text(sweep.source, encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    images = tuple(folder / path.name for path in files.values() if path.suffix == ".png")
    pages = (folder / page.name, folder / files["report"].name)
    others = {one.key: fit_json(one.law) for one in further if one.law is not None}
    return SweepLaw(variant, law.law_id, fit_json(law), images, pages, others)


def _predictions(answers: SweepAnswers, law: Law, variant: str) -> list[Prediction]:
    """The report's predictions with their shapes; none without a law."""
    chosen = answers.variant(variant)
    try:
        band = law.band(law.limits.only([law.largest_budget * horizon for horizon in HORIZONS]))
    except LawError:
        return []
    return [answers.with_shape(chosen, prediction) for prediction in band]
