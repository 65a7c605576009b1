"""Reports: one folder for each law, replaced as a whole, apart from those of other revisions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli import reports as module
from orchestrator.cli.reports import HORIZONS, SWEEP_FILE, report_folder, write_reports
from orchestrator.home import Home
from orchestrator.use_cases.answering import Answering
from orchestrator.use_cases.further_laws import FurtherLaw
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.use_cases.workspace import Workspace
from sweeps.file.compose import load_sweep
from tests.unit.orchestrator.cli.stored import fill_home, store_sweep

Reports = list[dict[str, Any]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of this module's own."""
    root = tmp_path_factory.mktemp("reported") / "home"
    fill_home(root)
    return root


@pytest.fixture
def workspace(home: Path) -> Iterator[Workspace]:
    """A workspace of that home."""
    opened = Workspace(Home(home, "test"))
    yield opened
    opened.close()


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> Reports:
    """The fields of each report; in its place, two small files are written."""
    written: Reports = []

    def write(folder: Path, **fields: Any) -> dict[str, Path]:
        written.append({"folder": folder, **fields})
        files = {"isoflop": folder / "isoflop.png", "runs": folder / "runs.csv", "report": folder / "report.html"}
        for path in files.values():
            path.write_text(fields["title"])
        return files

    monkeypatch.setattr(module, "write_report", write)
    monkeypatch.setattr(SweepAnswers, "outlook", lambda _, label: f"outlook of {label!r}")
    monkeypatch.setattr(module, "save", lambda _, path: path)
    return written


def write(workspace: Workspace, name: str, command: str = "") -> dict[str, Any]:
    answers = Answering(workspace).of(name)
    return write_reports(workspace, answers, answers.laws(), command)


def test_a_law_whose_sizes_nobody_knows_is_reported_without_predictions(
    workspace: Workspace, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.limits.WIDEST_SIZE", 1.0)
    write(workspace, "lab")
    assert [one["predictions"] for one in reports] == [[]]


def test_the_report_has_shapes_at_the_horizons_and_what_it_came_from(workspace: Workspace, reports: Reports) -> None:
    (law,) = write(workspace, "lab", "isoflop run x --yes").values()
    (report,) = reports
    assert [p.extrapolation for p in report["predictions"]] == pytest.approx(HORIZONS)
    assert all(p.shape for p in report["predictions"])
    assert report["outlook"] == "outlook of ''"
    assert report["command"] == "isoflop run x --yes"
    assert report["provenance"].law == law.law_id == law.law["law_id"]
    folder = workspace.home.reports / "lab"
    assert law.images == (folder / "isoflop.png",)
    assert law.pages == (folder / "isoflop.html", folder / "report.html")
    assert law.variant == ""


def test_the_laws_of_further_losses_are_in_the_report_and_in_wandb(
    workspace: Workspace, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = Answering(workspace).of("lab")
    further = (FurtherLaw("loss.wiki", answers.law()), FurtherLaw("loss.code", None, "no run has a loss"))
    monkeypatch.setattr(module, "further_laws", lambda *_: further)
    (shown,) = write_reports(workspace, answers, answers.laws()).values()
    assert reports[0]["further"] == further
    assert shown.further == {"loss.wiki": shown.law}


def test_a_report_can_be_repeated_from_the_file_beside_it(workspace: Workspace, reports: Reports) -> None:
    write(workspace, "lab")
    assert reports[0]["command"] == "isoflop run sweep.yaml --yes"
    text = (workspace.home.reports / "lab" / SWEEP_FILE).read_bytes()
    assert load_sweep(text) == Answering(workspace).of("lab").spec


def test_an_earlier_report_is_replaced_as_a_whole(workspace: Workspace, reports: Reports) -> None:
    folder = workspace.home.reports / "lab"
    folder.mkdir(exist_ok=True)
    (folder / "forecasts.png").write_text("of another revision")
    write(workspace, "lab")
    assert sorted(path.name for path in folder.iterdir()) == ["isoflop.png", "report.html", "runs.csv", SWEEP_FILE]
    assert [path.name for path in workspace.home.reports.iterdir() if path.name.startswith(".")] == []


def test_a_report_that_fails_leaves_the_earlier_one(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = workspace.home.reports / "lab"
    folder.mkdir(exist_ok=True)
    (folder / "report.html").write_text("earlier")

    def full(_folder: Path, **_fields: Any) -> dict[str, Path]:
        raise OSError("no space left on device")

    monkeypatch.setattr(module, "write_report", full)
    with pytest.raises(OSError, match="no space"):
        write(workspace, "lab")
    assert (folder / "report.html").read_text() == "earlier"
    assert [path.name for path in workspace.home.reports.iterdir() if path.name.startswith(".")] == []


def test_each_variant_and_each_earlier_revision_has_a_folder(workspace: Workspace, reports: Reports) -> None:
    write(workspace, "varied")
    assert [report["title"] for report in reports] == ["varied context=128", "varied context=64"]
    assert (workspace.home.reports / "varied_context-64" / "report.html").read_text() == "varied context=64"
    store_sweep(workspace, "young", revision="young111", done=0)
    write(workspace, "young")
    write(workspace, "young@young000")
    assert (workspace.home.reports / "young" / "report.html").read_text() == "young"
    assert (workspace.home.reports / "young@young000" / "report.html").read_text() == "young@young000"


def test_the_folder_of_a_report() -> None:
    reports = Path("reports")
    assert report_folder(reports, "lab", "") == reports / "lab"
    assert report_folder(reports, "lab", "context=64,lr=0.1") == reports / "lab_context-64_lr-0.1"
    assert report_folder(reports, "lab", "tokenizer.path=../a.json") == reports / "lab_tokenizer.path-.._a.json"


def test_a_report_without_a_law_predicts_nothing(workspace: Workspace, reports: Reports) -> None:
    store_sweep(workspace, "half", done=24, vary={"context": [128, 32]})
    write(workspace, "half")
    assert [bool(report["predictions"]) for report in reports] == [True, False]
