"""`python -m model.train`: plans and single runs from JSON files, with torch and numpy alone."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from model.__main__ import main
from model.checkpoint import Checkpoints
from model.config import ModelConfig, RunConfig, TrainConfig
from model.synthetic import synthetic_shards
from model.train import Interrupted, train
from tests.unit.model.model_data import ignore, interrupt_at, small_run
from tokenizer.shard_writer import write_shards
from tokenizer.shards import Shards

SMALL = RunConfig(ModelConfig(64, 16, 8, 1, 1, 16), TrainConfig(sequences=40, batch=8, lr=1e-3), "")


def test_command_runs_a_plan_once(data: Shards, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [small_run(data, seed=seed) for seed in (0, 1)]
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps([{"run": run.to_dict()} for run in runs]))
    arguments = ["--plan", str(plan), "--data", str(data.path), "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    lines = capsys.readouterr().out
    results = [json.loads(line) for line in lines.splitlines()]
    assert [RunConfig.from_dict(result["run"]) for result in results] == runs
    assert results[0]["result"]["loss"] == train(runs[0], data, ignore).loss
    assert main(arguments) == 0
    assert capsys.readouterr().out == lines
    assert sorted(file.name for file in (tmp_path / "out" / runs[0].run_id).iterdir()) == [
        "checkpoints",
        "events.jsonl",
        "result.json",
    ]
    assert [file.name for file in (tmp_path / "out" / runs[0].run_id / "checkpoints").iterdir()] == ["final.ckpt"]


def test_checkpoints_of_a_finished_run_are_cleared(data: Shards, tmp_path: Path) -> None:
    run, out = small_run(data), tmp_path / "out"
    checkpoints = Checkpoints(out / run.run_id / "checkpoints")
    with pytest.raises(Interrupted):
        train(run, data, ignore, checkpoints, stop=interrupt_at(3))
    assert len(checkpoints.files()) == 1
    (tmp_path / "run.json").write_text(json.dumps(run.to_dict()))
    assert main(["--run", str(tmp_path / "run.json"), "--data", str(data.path), "--out", str(out)]) == 0
    assert [file.name for file in checkpoints.folder.iterdir()] == ["final.ckpt"]


@pytest.mark.parametrize("content", ["", "[1]", '{"run": {}}', None, "[" * 10**5, "1" * 5000, "\0", '{"a": NaN}'])
def test_command_explains_a_bad_file(
    data: Shards, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    file = tmp_path / "run.json"
    if content is not None:
        file.write_text(content)
    assert main(["--run", str(file), "--data", str(data.path), "--out", str(tmp_path)]) == 2
    assert "run.json" in capsys.readouterr().err


def write_plan(folder: Path, *runs: RunConfig) -> Path:
    path = folder / "plan.json"
    path.write_text(json.dumps([{"run": run.to_dict(), "budget": 1e6} for run in runs]))
    return path


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


def test_command_shares_trunks(data: Shards, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [small_run(data, sequences=n, warmup_steps=3) for n in (47, 81, 160)]
    (tmp_path / "plan.json").write_text(json.dumps([run.to_dict() for run in runs]))
    arguments = ["--plan", str(tmp_path / "plan.json"), "--data", str(data.path), "--out"]
    assert main([*arguments, str(tmp_path / "alone")]) == 0
    alone = [json.loads(line)["result"] for line in capsys.readouterr().out.splitlines()]
    assert main([*arguments, str(tmp_path / "shared"), "--share-trunks"]) == 0
    shared = [json.loads(line)["result"] for line in capsys.readouterr().out.splitlines()]
    assert [r["branched_from_step"] for r in shared] == [0, 10, 17]
    assert [r["loss"] for r in shared] == [r["loss"] for r in alone]


def closure(*names: str) -> set[str]:
    """Installed distributions that these need, themselves included."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found.add(importlib.metadata.distribution(name).metadata["Name"])
            requirements = importlib.metadata.requires(name) or []
            needed = {re.match(r"[\w.-]+", line)[0] for line in requirements if "extra ==" not in line}
            left += [n for n in needed if n not in found]
    return found


@pytest.mark.slow
def test_plan_trains_from_a_checkout_with_torch_and_numpy_alone(data: Shards, tmp_path: Path) -> None:
    """`python -m model.train --plan` from the root, without site-packages: only torch, numpy and what they need."""
    alone = tmp_path / "alone"
    alone.mkdir()
    for name in closure("torch", "numpy"):
        distribution = importlib.metadata.distribution(name)
        for top in {Path(file).parts[0] for file in distribution.files or [] if ".." not in Path(file).parts}:
            if not (alone / top).exists():
                (alone / top).symlink_to(distribution.locate_file(top))
    runs = [small_run(data, seed=seed) for seed in (0, 1)]
    (tmp_path / "plan.json").write_text(json.dumps([run.to_dict() for run in runs]))
    arguments = ["--plan", tmp_path / "plan.json", "--data", data.path, "--out", tmp_path / "out"]
    code = f"import runpy, sys; sys.path.append({str(alone)!r}); runpy.run_module('model.train', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, *map(str, arguments)],
        cwd=Path(__file__).resolve().parents[3],
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["result"]["steps"] for line in done.stdout.splitlines()] == [12, 12]


@pytest.mark.parametrize(
    "module", ["model", *(pytest.param(f"model.{name}", marks=pytest.mark.slow) for name in ("train", "calibrate"))]
)
def test_a_user_s_files_of_our_names_are_in_nobody_s_way(tmp_path: Path, module: str) -> None:
    """In the working folder, and on PYTHONPATH behind this package: they would be imported instead of ours."""
    root, folder, path = str(Path(__file__).resolve().parents[3]), tmp_path / "folder", tmp_path / "path"
    ours = ("tokenizer", "sweeps", "analysis")
    for where, names in ((folder, (*ours, "torch", "numpy")), (path, ours)):
        where.mkdir()
        for name in names:
            (where / f"{name}.py").write_text("raise SystemExit('a file of the user')")
    done = subprocess.run(
        [sys.executable, "-m", module, *(["--help"] if module != "model.calibrate" else [])],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{path}{os.pathsep}{root}"},
        input='{"shapes": []}',
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "--share-trunks" in done.stdout or '"matmul_flops"' in done.stdout
