"""The verbs that read what is stored: tables for people, JSON and CSV with everything."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from analysis.answers.serial import prediction_json
from orchestrator.cli import reading
from orchestrator.home import Home
from orchestrator.use_cases.reading import SharedDevice, SharedWorker, SweepRuns
from orchestrator.use_cases.validation_result import PredictedOptimum, score_forecast
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.cli.conftest import Isoflop
from tests.unit.orchestrator.cli.laws import small_law


def test_an_empty_home_names_a_first_command(isoflop: Isoflop) -> None:
    done = isoflop("ls")
    assert (done.code, done.stdout) == (0, "") and "isoflop run demo" in done.stderr
    assert isoflop("ls", "-o", "json").json == []


def test_sweeps_are_listed_with_rounded_numbers_that_json_has_in_full(stored: Isoflop) -> None:
    lines = stored("ls").stdout.splitlines()
    assert lines[0].split() == [
        "name", "revision", "state", "done", "failed", "total", "flops_spent", "flops_planned", "submitted",
    ]  # fmt: skip
    assert {line.split()[0] for line in lines[1:]} == {"lab", "varied", "young"}
    (lab,) = [line.split() for line in lines if line.startswith("lab")]
    row = next(row for row in stored("ls", "-o", "json").json if row["name"] == "lab")
    assert (lab[2], lab[3], lab[5]) == ("done", str(row["done"]), str(row["total"]))
    assert {each["name"]: each["state"] for each in stored("ls", "-o", "json").json}["young"] == "queued"
    assert "×10¹" in lab[6] and isinstance(row["flops_spent"], float)
    assert row["submitted"].endswith("+00:00") and row["note"] == ""
    (young,) = [row for row in csv.DictReader(io.StringIO(stored("ls", "-o", "csv").stdout)) if row["name"] == "young"]
    assert young["done"] == "2"


def test_a_narrow_terminal_shows_fewer_columns(stored: Isoflop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    lines = stored("show", "lab").stdout.splitlines()
    assert lines[0].split() == ["run", "state", "budget", "params", "loss"]
    assert max(map(len, lines)) <= 60
    names = stored("ls").stdout.splitlines()[0].split()
    assert "name" in names and "flops_planned" not in names


def test_runs_are_shown_with_their_cell(stored: Isoflop) -> None:
    shown = stored("show", "lab")
    header, first = (line.split() for line in shown.stdout.splitlines()[:2])
    assert header[:4] == ["run", "role", "state", "budget"]
    document = stored("show", "lab", "-o", "json").json
    run = document["runs"][0]
    assert first[0] == run["run"] and first[3] == "10¹¹"
    assert (run["state"], run["budget"], run["attempts"], run["error"]) == ("done", 1e11, 1, None)
    assert run["loss"] > 3 and run["seconds"] >= 0
    keys = {"sweep", "revision", "note", "seconds_error", "rounds", "shared", "devices", "runs", "forecasts"}
    assert set(document) == keys
    assert document["sweep"] == "lab"
    assert "only the first" not in shown.stderr


def test_long_tables_are_cut_and_say_so(stored: Isoflop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "SHOWN", 5)
    done = stored("show", "lab")
    assert len(done.stdout.splitlines()) == 6
    assert "only the first 5 runs are shown" in done.stderr
    assert len(stored("show", "lab", "-o", "json").json["runs"]) > 5


def test_forecasts_are_shown_with_what_came_of_them(stored: Isoflop, tmp_path: Path) -> None:
    workspace = Workspace(Home(tmp_path / "home", "test"))
    sweep = workspace.store.sweep("lab")
    runs = workspace.store.runs_of(sweep.id)
    prediction = prediction_json(small_law().predict(3e12))
    for run in runs[:2]:
        workspace.store.add_forecast(sweep.id, run.id, "law0123456789", 3e12, prediction)
    score = score_forecast(PredictedOptimum.from_dict(prediction), prediction["loss"])
    workspace.store.score_forecast(workspace.store.forecasts_of(sweep.name)[0].id, score)
    workspace.close()
    table = stored("show", "lab").stdout.split("Forecasts\n")[1].splitlines()
    assert table[0].split() == [
        "made", "flops", "law", "predicted", "low", "high", "interval_of", "actual", "inside", "interval_score",
        "mean_low", "mean_high",
    ]  # fmt: skip
    assert "3×10¹²" in table[1]
    rows = stored("show", "lab", "-o", "json").json["forecasts"]
    assert sorted(str(row["inside"]) for row in rows) == ["None", "True"]
    assert rows[0]["law"] == "law012345678" and rows[0]["interval_of"] == "run"
    assert rows[0]["low"] < rows[0]["mean_low"] < rows[0]["predicted"] < rows[0]["mean_high"] < rows[0]["high"]
    assert asdict(score)["inside"] is True


def test_runs_are_exported_to_a_file_or_to_stdout(stored: Isoflop, tmp_path: Path) -> None:
    text = stored("export", "lab", "--out", "-").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    out = tmp_path / "runs.csv"
    done = stored("export", "lab", "--out", out)
    assert out.read_text(encoding="utf-8") == text and done.stdout == ""
    assert f"{len(rows)} runs written to" in done.stderr
    assert float(rows[0]["loss"]) > 3


@pytest.mark.parametrize("verb", [("show", "nothing"), ("export", "nothing", "--out", "-")])
def test_an_unknown_sweep_exits_with_3(stored: Isoflop, verb: tuple[str, ...]) -> None:
    done = stored(*verb)
    assert (done.code, done.stdout) == (3, "") and "there is no sweep" in done.stderr


def test_runs_that_are_trained_as_one_are_named(stored: Isoflop, monkeypatch: pytest.MonkeyPatch) -> None:
    found = reading._runs_of

    def shared(sweep: str, limit: int | None) -> SweepRuns:
        beside = SharedDevice("GPU 0", ("w1", "w2"), ("r4", "r5"))
        return replace(found(sweep, limit), shared=(SharedWorker("cuda-0", ("r1", "r2", "r3")),), devices=(beside,))

    alone = stored("show", "lab").stderr
    assert "as one" not in alone and "side by side" not in alone
    monkeypatch.setattr(reading, "_runs_of", shared)
    assert "cuda-0 trains 3 runs as one: r1, r2 and r3" in stored("show", "lab").stderr
    assert "GPU 0 trains 2 runs side by side in w1 and w2: r4 and r5" in stored("show", "lab").stderr
    devices = stored("show", "lab", "-o", "json").json["devices"]
    assert devices == [{"device": "GPU 0", "workers": ["w1", "w2"], "runs": ["r4", "r5"]}]
    assert stored("show", "lab", "-o", "json").json["shared"] == [{"worker": "cuda-0", "runs": ["r1", "r2", "r3"]}]


def test_losses_on_sets_are_shown_beside_the_loss(stored: Isoflop, monkeypatch: pytest.MonkeyPatch) -> None:
    read = reading._runs_of

    def with_sets(name: str, limit: int | None) -> SweepRuns:
        found = read(name, limit)
        scores = {"wiki": {"loss": 2.125, "bits_per_byte": 1.0, "tokens": 9}}
        return replace(found, runs=[replace(found.runs[0], result={"sets": scores}), *found.runs[1:]])

    monkeypatch.setattr(reading, "_runs_of", with_sets)
    monkeypatch.setenv("COLUMNS", "200")
    header, first = (line.split() for line in stored("show", "lab").stdout.splitlines()[:2])
    assert header[header.index("loss") + 1] == "loss.wiki" and "2.125" in first
    assert stored("show", "lab", "-o", "json").json["runs"][0]["loss.wiki"] == 2.125
