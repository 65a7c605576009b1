"""The verbs plan, run and validate: forms and options, and what happens in which order; nothing is trained."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from analysis.suggest.course import CoursePoint
from analysis.suggest.records import Precision
from orchestrator.cli.main import main
from orchestrator.cli.planning import sweep_path
from orchestrator.tracking.sweep_run import SweepLaw
from orchestrator.use_cases.hours import Judged
from orchestrator.use_cases.planning import Planned
from sweeps.file.spec import AdaptiveSpec
from sweeps.plan.expected_width import KnownNoise, expect
from sweeps.plan.plan import make_plan, plan_of_runs
from sweeps.plan.rounds import Round
from sweeps.plan.verdict import judge
from tests.unit.sweeps.plans import FACTS, Steady, spec_of


def judged(**changes: object) -> Judged:
    plan = make_plan(spec_of(**changes), FACTS, Steady())
    expected = expect(plan)
    planned = Planned(plan, FACTS, "cpu", 2, ("assumed",))
    return Judged(planned, KnownNoise(0.02, "measured"), expected, judge(plan, expected))


def test_a_bare_name_is_a_built_in_sweep_unless_a_file_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert sweep_path("demo").name == "demo.yaml" and sweep_path("demo").parent.name == "conf"
    assert sweep_path("nothing") == Path("nothing")
    (tmp_path / "demo").write_text("")
    assert sweep_path("demo") == Path("demo")


@pytest.fixture
def isoflop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command line's exit code, in an empty home and folder: no corpus is at hand."""
    monkeypatch.setenv("ISOFLOP_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["isoflop", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return run


Command = Callable[..., int]


@pytest.mark.slow
def test_a_day_of_a_device_is_planned_with_its_verdict_first(
    isoflop: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isoflop("plan", "gpu", "--hours", "24", "--device", "h100") == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("state: ")]
    assert lines[0].startswith("✓ law expected from ")
    assert lines[1].startswith("  24 of 24 hours: ")
    assert lines[2].startswith("Plan of sweep gpu")


def test_csv_has_one_row_for_each_run_and_runs_are_written(
    isoflop: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isoflop("plan", "gpu-short", "--device", "h100", "--runs", "plan.json", "-o", "csv") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    written = json.loads(Path("plan.json").read_text())
    assert len(rows) == len(written) == 21
    assert list(rows[0])[:3] == ["run", "budget", "size_id"] and "checks" not in rows[0]
    assert [set(entry) for entry in written] == [{"run", "budget", "size_id"}] * 21


@pytest.mark.parametrize("options", [("--mfu", "0.4"), ("--devices", "2")])
def test_options_of_a_device_need_a_device(
    isoflop: Command, capsys: pytest.CaptureFixture[str], options: tuple[str, str]
) -> None:
    assert isoflop("plan", "gpu", *options) == 2
    assert "--mfu and --devices need --device or --device-tflops" in " ".join(capsys.readouterr().err.split())


class _Steps:
    """What `run` does, in order, instead of doing it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, planned: Judged, *, held: str = "", code: int = 0) -> None:
        self.taken: list[object] = []
        self.held = held
        self.by_service = False
        monkeypatch.setattr("orchestrator.use_cases.hours.plan_and_judge", lambda *_: planned)
        monkeypatch.setattr("orchestrator.use_cases.execution.Execution", lambda _: self)
        monkeypatch.setattr("orchestrator.use_cases.submission.submit", self.submit)
        monkeypatch.setattr("orchestrator.cli.conclude.conclude", self.conclude)
        self.code = code

    def check_free(self) -> None:
        self.taken.append("checked")

    def served(self) -> bool:
        return self.by_service

    def submit(self, _: object, planned: Planned, *, rerun: bool) -> SimpleNamespace:
        self.taken.append(("submitted", planned.spec.name, rerun))
        return SimpleNamespace(name="s", rounds=(1, 2) if planned.rounds else ())

    def execute(self, _: object, device: str, observe: Callable[..., None], more: Callable[[], bool]) -> None:
        self.taken.append(("trained", device, callable(observe) and callable(more)))

    def progress(self, _: object) -> SimpleNamespace:
        return SimpleNamespace(held=self.held)

    def conclude(self, _: object, record: SimpleNamespace, command: str, *rest: object) -> int:
        self.taken.append(("concluded", record.name, command))
        return self.code


def test_beside_a_service_a_sweep_is_submitted_to_it_and_followed(
    isoflop: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    planned = judged()
    steps = _Steps(monkeypatch, planned)
    steps.by_service = True
    monkeypatch.setattr("orchestrator.use_cases.following.readings", lambda *_: "readings")
    monkeypatch.setattr(
        "orchestrator.use_cases.following.follow", lambda found, _: steps.taken.append(("followed", found))
    )
    assert isoflop("run", "tiny", "--yes") == 0
    assert [step[0] for step in steps.taken if isinstance(step, tuple)] == ["submitted", "followed", "concluded"]
    assert "checked" not in steps.taken and "a service schedules in this home" in capsys.readouterr().err


def test_a_sweep_is_shown_submitted_trained_and_concluded(
    isoflop: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    planned = judged()
    steps = _Steps(monkeypatch, planned, held="paused: lunch", code=1)
    assert isoflop("run", "tiny", "epochs_max=4", "--yes", "--rerun") == 1
    name = planned.planned.spec.name
    assert steps.taken == [
        "checked",
        ("submitted", name, True),
        ("trained", "cpu", True),
        ("concluded", "s", "isoflop run tiny epochs_max=4 --yes"),
    ]
    said = capsys.readouterr().err
    assert f"Plan of sweep {name}" in said and "sweep s is paused: lunch" in said


def test_an_adaptive_sweep_is_shown_with_its_first_round_and_its_course(
    isoflop: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = judged()
    spec = replace(grid.planned.spec, adaptive=AdaptiveSpec(ask=1e13, spend=1e14))
    course = (CoursePoint(1e13, Precision(0.3, 0.1)), CoursePoint(9e13, Precision(0.1, 0.02)))
    plan = plan_of_runs(spec, grid.planned.plan.runs[:15], FACTS, Steady())
    shown = replace(grid, planned=replace(grid.planned, plan=plan, rounds=(Round((), 0.0, course=course),)))
    steps = _Steps(monkeypatch, shown)
    asked: list[object] = []
    monkeypatch.setattr("orchestrator.use_cases.hours.plan_and_judge", lambda *given: asked.append(given[2]) or shown)
    assert isoflop("run", "tiny", "--until", "params=1.25@1e13", "--spend", "1e14", "--yes") == 0
    keys = ["adaptive.until.params=1.25", "adaptive.ask=10000000000000", "adaptive.spend=100000000000000"]
    assert asked == [keys]
    assert steps.taken[-1] == ("concluded", "s", f"isoflop run tiny {' '.join(keys)} --yes")
    said = capsys.readouterr().err
    assert "it goes on after 2 rounds" in said
    assert "First round of sweep t" in said and "Expected course" in said and "±0.02" in said
    assert isoflop("plan", "tiny", "-o", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert [point["loss"] for point in document["adaptive"]["course"]] == [0.1, 0.02]


def test_nothing_starts_without_a_yes(isoflop: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    steps = _Steps(monkeypatch, judged())
    assert isoflop("run", "tiny") == 2, "there is no terminal to ask on"
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    assert isoflop("run", "tiny") == 130
    assert steps.taken == []
    monkeypatch.setattr("typer.confirm", lambda *_, **__: True)
    assert isoflop("run", "tiny") == 0
    assert len(steps.taken) == 4


def test_a_plan_without_runs_is_not_started(
    isoflop: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = judged()
    bare = replace(empty, planned=replace(empty.planned, plan=replace(empty.planned.plan, runs=())))
    steps = _Steps(monkeypatch, bare)
    assert isoflop("run", "tiny", "--yes") == 1
    assert steps.taken == [] and "nothing to run" in capsys.readouterr().err


def test_a_validation_is_shown_and_exits_with_1_unless_complete(
    isoflop: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[object] = []
    trained = SimpleNamespace(run=SimpleNamespace(id="r1", loss=None, state="failed", error=None))
    result = SimpleNamespace(trained=[trained], complete=False)

    def validate(_: object, sweep: str, flops: float, __: object, variant: str, **how: object) -> SimpleNamespace:
        asked.append((sweep, flops, variant, how))
        return result

    row = {"flops": 3e12, "predicted_loss": 3.1, "actual_loss": None, "run": "r1"}
    monkeypatch.setattr("orchestrator.use_cases.validation.validate", validate)
    monkeypatch.setattr(
        "orchestrator.use_cases.validation_result.validation_rows", lambda _: [SimpleNamespace(to_dict=lambda: row)]
    )
    monkeypatch.setattr("orchestrator.use_cases.validation_result.verdict", lambda _: ["0 of 0 runs lie inside"])
    fresh = SweepLaw("", "law", {}, (), (Path("/reports/lab/report.html"),))
    monkeypatch.setattr("orchestrator.cli.reports.write_reports", lambda *_: {"": fresh})
    answers = SimpleNamespace(laws=dict)
    monkeypatch.setattr("orchestrator.use_cases.answering.Answering", lambda _: SimpleNamespace(of=lambda _: answers))
    assert isoflop("validate", "lab", "--flops", "3e12", "--seeds", "3", "--neighbours") == 1
    how = {"max_tokens": None, "loss_key": "", "seeds": 3, "neighbours": True}
    assert asked == [("lab", 3e12, "", how)]
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1].split() == ["3×10¹²", "3.1", "r1"]
    assert "run r1 ended as failed: no loss" in printed.err and "0 of 0 runs lie inside" in printed.err
    assert "the report has the forecast now: /reports/lab/report.html" in printed.err
    result.complete = True
    assert isoflop("validate", "lab", "--flops", "3e12", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out) == [row]
