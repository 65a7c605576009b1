"""The verb plan: its JSON, its CSV and its options, for a device that is not at hand."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.cli.main import main
from orchestrator.cli.planning import judged_json, sweep_path
from orchestrator.use_cases.hours import Judged
from orchestrator.use_cases.planning import Planned
from sweeps.file.spec import SeedsSpec
from sweeps.plan.expected_width import KnownNoise, expect
from sweeps.plan.plan import make_plan
from sweeps.plan.verdict import judge
from tests.unit.sweeps.plans import FACTS, Steady, spec_of


def judged(**changes: object) -> Judged:
    plan = make_plan(spec_of(**changes), FACTS, Steady())
    expected = expect(plan)
    planned = Planned(plan, FACTS, "cpu", 2, ("assumed",))
    return Judged(planned, KnownNoise(0.02, "measured"), expected, judge(plan, expected))


def test_json_has_the_verdict_and_what_it_had_before() -> None:
    document = json.loads(json.dumps(judged_json(judged(seeds=SeedsSpec(1, 3, 2), recipe_check=True))))
    assert list(document) == [
        *("sweep", "verdict", "runs", "dropped", "recipe_check", "noise", "warnings", "totals", "expected", "hours")
    ]
    assert document["verdict"]["gives_law"] is True and document["verdict"]["remedy"] is None
    assert document["noise"]["expected"] == {"sigma": 0.02, "source": "measured"}
    assert document["noise"]["degrees_of_freedom"] == 3
    assert [cell["seeds"] for cell in document["noise"]["repeats"]] == [3, 2]
    assert [width["multiple"] for width in document["expected"][0]["widths"]] == [10, 100]
    assert document["totals"]["runs"] == len(document["runs"]) + len(document["recipe_check"]["runs"])
    assert document["recipe_check"]["flops"] == sum(run["flops"] for run in document["recipe_check"]["runs"])
    hours = document["hours"]
    assert (hours["device"], hours["devices"], hours["filled"], hours["notes"]) == ("cpu", 2, None, ["assumed"])
    assert hours["device_hours"] == pytest.approx(document["totals"]["seconds"] / 3600)


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
