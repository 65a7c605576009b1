"""`python -m model.train`: one run, or a list of runs in turn, from JSON files; needs torch and numpy alone.

A plan's results are also written to `runs.csv`, which `isoflop fit --csv` reads. Runs that were planned without a
corpus (`isoflop plan SWEEP --device h100 --runs plan.json`) take the data that they are given.

Under torchrun all processes train each run together: `torchrun --nproc-per-node 8 -m model.train --plan …`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.checkpoint import Checkpoints
from model.config import RunConfig, branch_points
from model.implementation import Implementation
from model.parallel import World, world_of
from model.results import write_table
from model.synthetic import DATASET, synthetic_shards
from model.train import Diverged, RunResult, train
from model.trunk import Trunk
from tokenizer.shards import Shards, open_shards

MADE_UP_TOKENS = 5_000_000
"""Training tokens of made-up data; longer runs repeat them."""


def main(arguments: list[str] | None = None) -> int:
    """Train what the arguments name, one JSON line per finished run on stdout. 0 if all ended, 1 if one diverged."""
    options = _parse(arguments)
    try:
        runs = _read_runs(options.run or options.plan)
        data = _data(options.data, runs)
        runs = [(_on(run, data), implementation) for run, implementation in runs]
        points = branch_points(run for run, _ in runs) if options.share_trunks else {}
        with world_of(options.device) as (world, device):
            here = _Place(data, options.out, device, world, points)
            results = [_train_one(run, implementation, here) for run, implementation in runs]
            if options.plan and world.leads:
                write_table(options.out, (run for run, _ in runs))
    except ValueError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0 if all(results) else 1


@dataclass(frozen=True, slots=True)
class _Place:
    """What all runs of a command have in common."""

    data: Shards
    out: Path
    device: str
    world: World
    points: dict[str, tuple[int, ...]]

    def trunk(self, run: RunConfig) -> Trunk | None:
        """The run's trunk if other runs of the plan share it."""
        name = run.trunk_id
        return Trunk(self.out / "trunks" / name, self.points[name]) if name in self.points else None


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m model.train", description=__doc__.splitlines()[0] if __doc__ else None
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--run", type=Path, help="a JSON file with one run, as RunConfig.to_dict() gives it")
    what.add_argument("--plan", type=Path, help='a JSON list of {"run": …} records, trained in turn')
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="a dataset's folder of token shards; `synthetic` for made-up tokens, which tell of speed alone",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for results, event logs and checkpoints")
    parser.add_argument(
        "--share-trunks", action="store_true", help="train the constant-rate part that runs have in common only once"
    )
    parser.add_argument("--device", default="cpu", help="cpu (the default), cuda, or cuda:N")
    return parser.parse_args(arguments)


def _read_runs(path: Path) -> list[tuple[RunConfig, Implementation | None]]:
    """Runs of a file: a RunConfig, a {"run": …, "implementation": …} record, or a list of either."""
    try:
        content = json.loads(path.read_text())
        records = content if isinstance(content, list) else [content]
        return [_read_run(record) for record in records]
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no run: {type(error).__name__}: {error}") from error


def _read_run(record: Any) -> tuple[RunConfig, Implementation | None]:
    if not isinstance(record, dict):
        raise TypeError(f"expected a record, got {record!r}")
    run = RunConfig.from_dict(record.get("run", record))
    choice = record.get("implementation")
    return run, Implementation(**choice) if choice else None


def _data(folder: Path, runs: list[tuple[RunConfig, Implementation | None]]) -> Shards:
    """The shards of a folder, or made-up ones with the runs' vocabulary."""
    if folder != Path(DATASET) or folder.exists():
        return open_shards(folder)
    return synthetic_shards(max(run.model.vocab for run, _ in runs), MADE_UP_TOKENS)


def _on(run: RunConfig, data: Shards) -> RunConfig:
    """The run on these data, if it was planned without a corpus or the data are made up: another run."""
    if run.dataset and data.manifest.dataset != DATASET:
        return run
    return dataclasses.replace(run, dataset=data.manifest.dataset)


def _train_one(run: RunConfig, implementation: Implementation | None, here: _Place) -> bool:
    """Train one run unless its result exists; a run that was cut off goes on. False if it diverged."""
    folder = here.out / run.run_id
    folder.mkdir(parents=True, exist_ok=True)
    result_file = folder / "result.json"
    if result_file.exists():
        if here.world.leads:
            sys.stdout.write(result_file.read_text())
        return True
    checkpoints = Checkpoints(folder / "checkpoints")
    with (folder / "events.jsonl").open("a") as log:

        def sink(event: dict[str, Any]) -> None:
            log.write(json.dumps(event) + "\n")
            log.flush()
            if event["kind"] == "progress":
                sys.stderr.write(f"{run.run_id} step {event['step']}/{run.train.steps} loss {event['loss']:.3f}\n")

        try:
            result = train(
                run,
                here.data,
                sink,
                checkpoints,
                device=here.device,
                implementation=implementation,
                trunk=here.trunk(run),
                world=here.world,
            )
        except Diverged as error:
            sys.stderr.write(f"{run.run_id} diverged: {error}\n")
            return False
    if here.world.leads:
        _write_result(run, result, result_file)
        checkpoints.clear()
    here.world.wait()
    return True


def _write_result(run: RunConfig, result: RunResult, file: Path) -> None:
    line = json.dumps({"run_id": run.run_id, "run": run.to_dict(), "result": result.to_dict()}) + "\n"
    temporary = file.with_suffix(".tmp")
    temporary.write_text(line)
    temporary.replace(file)
    sys.stdout.write(line)
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
