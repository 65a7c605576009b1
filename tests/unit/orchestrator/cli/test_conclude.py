"""The end of a run: its answer last, the reports' places, and the exit code; reports and wandb are stand-ins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analysis.law import Law
from orchestrator.attempts import Tracking
from orchestrator.cli import conclude as module
from orchestrator.cli.conclude import (
    conclude,
    ending,
    pointers_of,
    run_lines,
    short_of,
    tracking_lines,
)
from orchestrator.cli.reports import report_folder
from orchestrator.home import Home
from orchestrator.states import RunState
from orchestrator.tracking.sweep_run import SweepLaw
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.use_cases.workspace import Workspace
from sweeps.plan.rounds import Round, Stop
from tests.unit.orchestrator.cli.laws import no_law
from tests.unit.orchestrator.cli.stored import fill_home, store_sweep

Reports = list[dict[str, Any]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of this module's own."""
    root = tmp_path_factory.mktemp("concluded") / "home"
    fill_home(root)
    return root


@pytest.fixture
def workspace(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A workspace whose wandb is off."""
    monkeypatch.setenv("WANDB_MODE", "disabled")
    opened = Workspace(Home(home, "test"))
    yield opened
    opened.close()


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> Reports:
    """What would be written as reports and mirrored to wandb."""
    written: Reports = []

    def write(home: Workspace, answers: SweepAnswers, laws: dict[str, Law], command: str) -> dict[str, SweepLaw]:
        written.append({"laws": laws, "command": command})
        folders = {variant: report_folder(home.home.reports, answers.sweep.name, variant) for variant in laws}
        return {
            variant: SweepLaw(variant, law.law_id, {}, (), (folders[variant] / "report.html",))
            for variant, law in laws.items()
        }

    def mirror(_: Tracking, **fields: Any) -> str:
        written.append(fields)
        return "wandb mirror off: no disk" if fields["name"] == "lab" else ""

    monkeypatch.setattr(module, "write_reports", write)
    monkeypatch.setattr(module, "log_sweep", mirror)
    return written


def _conclude(workspace: Workspace, name: str) -> tuple[int, list[str]]:
    lines: list[str] = []
    return conclude(workspace, workspace.store.sweep(name), "isoflop run x --yes", lines.append), lines


@pytest.mark.parametrize(
    ("stop", "until", "short", "said"),
    [
        (Stop.REACHED, "{loss: 0.1}", False, "it ends: the precision asked for is reached"),
        (Stop.SPENT, "{loss: 0.1}", True, "it ends: the spend pays for no further run"),
        (Stop.SPENT, "{}", False, "it ends: the spend pays for no further run"),
        (None, "{}", True, ""),
    ],
)
def test_an_adaptive_sweep_ends_with_the_reason(
    lab: SweepAnswers, stop: Stop | None, until: str, short: bool, said: str
) -> None:
    adaptive = f"{lab.sweep.source}\nadaptive: {{ask: 1e13, spend: 1e14, until: {until}}}\n"
    rounds = (Round(("a",), 0.0), Round((), 1e12, stop=stop))
    answers = SweepAnswers(replace(lab.sweep, source=adaptive, rounds=rounds), lab.runs, Path())
    assert short_of(answers) is short and not short_of(lab)
    assert [line.partition(": ")[2] for line in ending(answers)] == ([said] if said else [])


def test_a_finished_sweep_ends_with_its_answer(workspace: Workspace, reports: Reports, lab: SweepAnswers) -> None:
    code, lines = _conclude(workspace, "lab")
    assert code == 0
    assert lines[0] == "wandb mirror off: no disk" and lines[1] == ""
    runs = len(lab.runs)
    assert lines[2] == f"lab: {runs} of {runs} runs, budgets 1e11 to 1e12"
    assert lines[-1] == "Next    isoflop validate lab --flops 3e12"
    assert lines[-2] == "wandb   disabled (WANDB_MODE)"
    assert any(line.startswith("Report  ") and "reports/lab/report.html" in line for line in lines)
    assert len(lines) <= 18


def test_the_reports_are_mirrored(workspace: Workspace, reports: Reports) -> None:
    _conclude(workspace, "lab")
    report, mirrored = reports
    assert report["command"] == "isoflop run x --yes" and list(report["laws"]) == [""]
    assert (mirrored["name"], mirrored["revision"]) == ("lab", "lab0000")
    (law,) = mirrored["laws"]
    assert law.law_id == report["laws"][""].law_id


def test_a_sweep_that_varies_something_ends_with_a_ranking(workspace: Workspace, reports: Reports) -> None:
    code, lines = _conclude(workspace, "varied")
    assert code == 0
    assert [law.variant for law in reports[1]["laws"]] == ["context=128", "context=64"]
    at = next(index for index, line in enumerate(lines) if line.startswith("Compute that context=128 needs"))
    assert lines[at - 1].endswith("budgets 1e11 to 1e12, 2 variants")
    first, second = (line.split() for line in lines[at + 2 : at + 4])
    assert (first[1], first[-1]) == ("context=128", "baseline")
    assert (second[1], second[-1]) == ("context=64", "worse")
    first = next(index for index, line in enumerate(lines) if line.startswith("Report  "))
    assert lines[first].endswith("varied_context-128/report.html")
    assert lines[first + 1].startswith("        ") and lines[first + 1].endswith("varied_context-64/report.html")
    assert lines[-1] == "Next    isoflop compare varied --axis context"


def test_a_variant_without_a_law_is_named_with_its_reason(workspace: Workspace, reports: Reports) -> None:
    store_sweep(workspace, "half", done=24, vary={"context": [128, 32]})
    code, lines = _conclude(workspace, "half")
    assert code == 1
    assert any(line.startswith("context=32 cannot be compared: ") for line in lines)
    assert any(line.split()[:1] == ["context=32"] and line.endswith("not compared") for line in lines)
    assert not reports[0]["laws"]["context=32"].estimators


def test_unfinished_runs_are_listed_before_the_answer(workspace: Workspace, reports: Reports) -> None:
    code, lines = _conclude(workspace, "young")
    assert code == 1
    planned = len(workspace.store.runs_of(workspace.store.sweep("young").id))
    assert lines[planned - 2] == f"2 of {planned} runs are done; the fit uses those"
    assert any(line.startswith("no law could be fitted") for line in lines)
    assert lines[-1] == "Next    isoflop plot young --out young.svg"


def test_offline_runs_come_with_the_command_that_uploads_them() -> None:
    offline = Tracking("offline", "/home/me/w", "isoflop", "no API key")
    assert tracking_lines(offline) == (
        "offline (no API key); upload with:",
        "wandb sync /home/me/w/wandb/offline-run-*",
    )
    online = replace(offline, mode="online", reason="https://wandb")
    assert tracking_lines(online) == ("online (https://wandb)",)


def test_runs_without_a_result_say_why(lab: SweepAnswers) -> None:
    done, *_ = lab.runs
    failed = replace(done, state=RunState.FAILED, error="Traceback\nno such field")
    waiting = replace(done, state=RunState.QUEUED, error=None)
    validation = replace(waiting, role="validation")
    assert run_lines([done, validation]) == []
    assert run_lines([done, failed, waiting, validation]) == [
        f"run {done.id} is failed: no such field",
        f"run {done.id} is queued: no result",
        "1 of 3 runs are done; the fit uses those",
    ]


def test_what_to_do_next_names_the_variant(lab: SweepAnswers) -> None:
    pointers = pointers_of("lab", "lr=0.1", lab.law())
    assert pointers.details == "isoflop fit lab --variant lr=0.1 -v"
    assert pointers.following == "isoflop validate lab --variant lr=0.1 --flops 3e12"
    assert pointers_of("lab", "", no_law()).following == "isoflop plot lab --out lab.svg"
