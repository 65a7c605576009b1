"""The table of runs trained without a scheduler, which a fit reads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.table.table import RunTable
from model.__main__ import main
from model.flops import count_parameters, flops_per_token
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
