"""The table of runs trained without a scheduler, which a fit reads."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.table.table import RunTable
from model.__main__ import main
from model.config import RunConfig
from model.flops import count_parameters, flops_per_token
from model.results import write_table
from model.synthetic import DATASET
from tests.unit.model.test_main import SMALL, write_plan

LARGE = replace(SMALL, model=replace(SMALL.model, d_model=16, d_ff=32))


def test_plan_on_made_up_data_gives_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    planned = replace(LARGE, dataset="d" * 64)
    plan = write_plan(tmp_path, SMALL, planned)
    arguments = ["--plan", str(plan), "--data", "synthetic", "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    table = RunTable.read_csv(tmp_path / "out/runs.csv")
    assert sorted(table.params) == sorted(count_parameters(run.model).matmul for run in (SMALL, LARGE))
    assert list(table.tokens) == [640, 640]
    assert table.flops[0] == 640 * flops_per_token(SMALL.model)
    assert main(arguments) == 0, "results that are there are kept"
    results = [json.loads(path.read_text()) for path in sorted((tmp_path / "out").glob("*/result.json"))]
    assert {result["run"]["dataset"] for result in results} == {DATASET}, "never taken for runs of the planned corpus"


def write_result(folder: Path, run: RunConfig, loss: float) -> None:
    result = {
        "flops": 1e9,
        "tokens": 640,
        "loss": loss,
        "bits_per_byte": 1.5,
        "steps": 5,
        "train_seconds": 2.0,
        "mfu": None,
    }
    (folder / run.run_id).mkdir(parents=True)
    record = {"run_id": run.run_id, "run": run.to_dict(), "result": result}
    (folder / run.run_id / "result.json").write_text(json.dumps(record))


def test_table_has_a_row_for_each_finished_run_once(tmp_path: Path) -> None:
    write_result(tmp_path, LARGE, 3.25)
    with write_table(tmp_path, [SMALL, LARGE, LARGE]).open() as file:
        (row,) = csv.DictReader(file)
    counts = count_parameters(LARGE.model)
    assert row == {
        "flops": "1000000000.0",
        "params": str(counts.matmul),
        "tokens": "640",
        "loss": "3.25",
        "bits_per_byte": "1.5",
        "params_total": str(counts.total),
        "params_nonembedding": str(counts.nonembedding),
        "seed": "0",
        "steps": "5",
        "seconds": "2.0",
        "mfu": "",
        "run": LARGE.run_id,
    }
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["runs.csv"]


def test_table_without_runs_has_the_columns_that_a_fit_needs(tmp_path: Path) -> None:
    assert write_table(tmp_path, [SMALL]).read_text().split() == ["flops,params,tokens,loss"]


def test_losses_on_sets_are_columns(tmp_path: Path) -> None:
    write_result(tmp_path, SMALL, 3.0)
    path = tmp_path / SMALL.run_id / "result.json"
    record = json.loads(path.read_text())
    record["result"]["sets"] = {"wiki": {"loss": 2.5, "bits_per_byte": 1.25, "tokens": 9}}
    path.write_text(json.dumps(record))
    with write_table(tmp_path, [SMALL]).open() as file:
        (row,) = csv.DictReader(file)
    assert (row["loss.wiki"], row["bits_per_byte.wiki"]) == ("2.5", "1.25")
