"""Data parallel: two processes under torchrun give the losses of one."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from model.parallel import ALONE, LossModule, World, world_of
from model.train import train
from model.transformer import Transformer
from tests.unit.model.model_data import CPU, SHAPE, ignore, small_run
from tokenizer.shards import Shards

TOLERANCE = 1e-5
"""Relative difference of losses that another order of summation may cause over some dozen steps."""


@pytest.mark.parametrize("rows", [0, 1, 2, 5])
def test_shares_are_the_batch(rows: int) -> None:
    batch = torch.arange(rows * 3).view(rows, 3)
    shares = [World(rank, 3).share(batch) for rank in range(3)]
    assert sorted(torch.cat(shares)[:, 0].tolist()) == batch[:, 0].tolist()
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_alone_is_the_only_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with world_of("cpu") as (world, device):
        assert (world, device) == (ALONE, "cpu")
    assert ALONE.leads and not World(1, 2).leads
    assert ALONE.least(7, CPU) == 7
    assert ALONE.sum(torch.tensor(2.5)).item() == 2.5
    ALONE.wait()


def test_loss_module_is_the_model_s_loss() -> None:
    model = Transformer(SHAPE)
    rows = torch.arange(66).view(2, 33) % 64
    assert torch.equal(LossModule(model)(rows[:, :-1], rows[:, 1:]), model.loss(rows[:, :-1], rows[:, 1:]))


def test_two_processes_equal_one(data: Shards, tmp_path: Path) -> None:
    """Batches of 5 split unevenly, a last step has one sequence for two processes; micro-batches of 2; Muon; experts."""
    choices = [{}, {"micro_batch": 1, "branches": "autograd"}, {}]
    runs = [small_run(data, sequences=n, batch=5, optimizer=o) for n, o in ((46, "adamw"), (58, "muon"))]
    mixed = dataclasses.replace(SHAPE, d_ff=16, experts=4, balance="bias", balance_weight=0.02)
    runs.append(small_run(data, mixed, sequences=46, batch=5))
    records = [{"run": run.to_dict(), "implementation": c} for run, c in zip(runs, choices, strict=True)]
    (tmp_path / "plan.json").write_text(json.dumps(records))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    arguments = ["--plan", tmp_path / "plan.json", "--data", data.path, "--out", tmp_path / "out"]
    done = subprocess.run(
        [*torchrun, "-m", "model.train", *map(str, arguments)],
        cwd=Path(__file__).resolve().parents[3],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    results = [json.loads(line)["result"] for line in done.stdout.splitlines()]
    assert [result["implementation"]["processes"] for result in results] == [2] * 3
    for run, result in zip(runs, results, strict=True):
        alone = train(run, data, ignore)
        assert result["loss"] == pytest.approx(alone.loss, rel=TOLERANCE)
        assert result["train_loss"] == pytest.approx(alone.train_loss, rel=TOLERANCE)
        assert result["tokens"] == alone.tokens
        events = (tmp_path / "out" / run.run_id / "events.jsonl").read_text().splitlines()
        assert [json.loads(e)["kind"] for e in events].count("end") == 1, "only the first process writes"
