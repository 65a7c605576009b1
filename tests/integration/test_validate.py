"""`isoflop validate` on a real sweep: a forecast stored first, trained with a repeat and both neighbours, and scored."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import Finished, Sandbox

SWEEP = """
name: small
budgets: [2e9, 4e9, 8e9]
sizes: {count: 7, span: 3}
centre: {params_at: {4e9: 7e3}, exponent: 0.45}
recipe_overrides: {batch_tokens: 128, batch_length_exponent: 0, min_steps: 30}
corpus: {source: python, max_bytes: 4000000, validation_fraction: 0.05}
tokenizer: {kind: bpe, vocab: 320}
context: 32
"""


@pytest.mark.slow
def test_a_forecast_is_stored_trained_and_scored(finished: Finished, tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path / "home", tmp_path)
    shutil.copytree(finished.sandbox.home, sandbox.home, ignore=shutil.ignore_patterns("*.lock"))
    (tmp_path / "small.yaml").write_text(SWEEP)
    sandbox.isoflop("run", "small.yaml", "--yes")
    asked = ("validate", "small", "--flops", "1.6e10", "--seeds", "2", "--neighbours", "-o", "json")
    done = sandbox.isoflop(*asked)
    rows = json.loads(done.stdout)
    assert [(row["size"], row["seed"]) for row in rows] == [("×1", 0), ("×1", 1), ("×0.5", 0), ("×2", 0)]
    assert rows[2]["trained_params"] < rows[0]["trained_params"] < rows[3]["trained_params"]
    for row in rows:
        assert row["low"] < row["mean_low"] < row["predicted_loss"] < row["mean_high"] < row["high"]
        assert row["actual_loss"] > 0 and row["interval_of"] == "run"
    assert [row["inside"] is None for row in rows] == [False, False, True, True]
    assert "of 2 runs lie inside" in done.stderr and "the interval of one run (mean of many: " in done.stderr
    assert json.loads(sandbox.isoflop(*asked).stdout) == rows, "typed again it scores what is stored"
    forecasts = json.loads(sandbox.isoflop("show", "small", "-o", "json").stdout)["forecasts"]
    assert len(forecasts) == 2
