"""The one wandb run of a sweep, with a wandb that remembers; and where offline runs are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import wandb

from orchestrator.attempts import Tracking
from orchestrator.tracking import sweep_run
from orchestrator.tracking.sweep_run import SweepLaw, log_sweep, offline_runs
from tests.unit.orchestrator.tracking.test_wandb_mirror import Run

OFFLINE = Tracking("offline", "/my home/wandb", "p", "test")
PLAIN = SweepLaw(
    "", "law1", {"law_id": "law1", "curves": []}, (Path("isoflop.png"), Path("scaling.png")), (Path("report.html"),)
)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    made = Run()
    made.options = {}  # type: ignore[attr-defined]

    def start(tracking: Tracking, **options: Any) -> Run:
        made.options = options  # type: ignore[attr-defined]
        return made

    monkeypatch.setattr(sweep_run, "start_wandb", start)
    monkeypatch.setattr(wandb, "Image", lambda path: f"image {path}")
    monkeypatch.setattr(wandb, "Html", lambda path, inject: f"page {path} {inject}")
    monkeypatch.setattr(wandb, "teardown", lambda: setattr(made, "torn_down", True))
    return made


def test_a_sweep_has_one_run_with_its_law_charts_and_report(run: Any) -> None:
    assert log_sweep(OFFLINE, name="demo", revision="0123456789abcdef", laws=[PLAIN]) == ""
    assert run.options["run_id"] == "fit-0123456789abcdef" and run.options["job_type"] == "fit"
    assert run.options["group"] == "demo@01234567", "as its training runs"
    assert run.options["config"] == {"sweep": "demo", "revision": "0123456789abcdef", "laws": {"": "law1"}}
    assert run.summary == {"law_id": "law1", "curves": []}
    assert run.rows == [
        {
            "chart/isoflop": "image isoflop.png",
            "chart/scaling": "image scaling.png",
            "page/report": "page report.html False",
        }
    ]
    assert run.finished and run.torn_down


def test_each_variants_law_chart_and_page_is_below_its_name(run: Any) -> None:
    laws = [SweepLaw(f"lr={lr}", f"law{lr}", {"law_id": lr}, (Path("a.png"),), (Path("r.html"),)) for lr in (1, 2)]
    assert log_sweep(OFFLINE, name="demo", revision="r", laws=laws) == ""
    assert run.summary == {"lr=1": {"law_id": 1}, "lr=2": {"law_id": 2}}
    assert set(run.rows[0]) == {"chart/lr=1/a", "page/lr=1/r", "chart/lr=2/a", "page/lr=2/r"}


def test_the_law_of_a_further_loss_is_below_its_key(run: Any) -> None:
    further = {"loss.wiki": {"law_id": "w"}}
    plain = SweepLaw("", "law1", {"law_id": "law1"}, (), (), further)
    assert log_sweep(OFFLINE, name="demo", revision="r", laws=[plain]) == ""
    assert run.summary == {"law_id": "law1", "loss.wiki": {"law_id": "w"}}
    run.summary.clear()
    varied = SweepLaw("lr=1", "law1", {"law_id": "law1"}, (), (), further)
    assert log_sweep(OFFLINE, name="demo", revision="r", laws=[varied]) == ""
    assert run.summary == {"lr=1": {"law_id": "law1", "loss.wiki": {"law_id": "w"}}}


def test_a_disabled_mirror_logs_nothing(run: Any) -> None:
    assert log_sweep(Tracking("disabled", "", "p", "test"), name="demo", revision="r", laws=[PLAIN]) == ""
    assert run.options == {} and run.rows == []


def test_what_wandb_raises_is_the_note_and_no_error(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(row: dict[str, Any]) -> None:
        raise OSError("no space")

    monkeypatch.setattr(run, "log", full)
    assert log_sweep(OFFLINE, name="demo", revision="r", laws=[PLAIN]) == "wandb mirror off: OSError: no space"
    assert run.torn_down, "its service must not outlive the sweep"


def test_offline_runs_have_a_folder_and_a_command() -> None:
    found = offline_runs(OFFLINE)
    assert found is not None and found.folder == Path("/my home/wandb/wandb")
    assert found.sync_command == "wandb sync '/my home/wandb/wandb'/offline-run-*"
    assert offline_runs(Tracking("online", "f", "p", "test")) is None
    assert offline_runs(Tracking("disabled", "f", "p", "test")) is None
