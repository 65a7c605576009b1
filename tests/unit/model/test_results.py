"""A plan trained without a scheduler: made-up or given data, and the table that a fit reads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.table.table import RunTable
from model.__main__ import main
from model.config import ModelConfig, RunConfig, TrainConfig
from model.flops import count_parameters, flops_per_token
from model.synthetic import DATASET, synthetic_shards
from tokenizer.shards import write_shards

SMALL = RunConfig(ModelConfig(64, 16, 8, 1, 1, 16), TrainConfig(sequences=40, batch=8, lr=1e-3), "")
LARGE = replace(SMALL, model=ModelConfig(64, 16, 16, 1, 1, 32))


def write_plan(folder: Path, *runs: RunConfig) -> Path:
    path = folder / "plan.json"
    path.write_text(json.dumps([{"run": run.to_dict(), "budget": 1e6} for run in runs]))
    return path


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


def test_runs_planned_without_a_corpus_take_the_one_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = synthetic_shards(64, 5_000, 150_000)
    manifest = replace(made.manifest, source="text")
    shards = write_shards(tmp_path, manifest, [made.train], [made.validation], {})
    name = shards.manifest.dataset
    arguments = ["--data", str(tmp_path / name), "--out", str(tmp_path / "out")]
    assert main(["--plan", str(write_plan(tmp_path, SMALL)), *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["run"]["dataset"] == name
    wrong = replace(SMALL, dataset="e" * 64)
    assert main(["--plan", str(write_plan(tmp_path, wrong)), *arguments]) == 2
    assert "the run names dataset eee" in capsys.readouterr().err
