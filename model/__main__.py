"""`python -m model`, also as `python -m model.train`: trains the runs of a JSON file; needs torch and numpy alone.

A plan's results are also written to `runs.csv`, which `isoflop fit --csv` reads. Runs that were planned without a
corpus (`isoflop plan SWEEP --device h100 --runs plan.json`) are trained on the data that --data names.

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
from model.config import RunConfig
from model.implementation import Implementation
from model.parallel import World, world_of
from model.results import write_table
from model.synthetic import DATASET, synthetic_shards
from model.train import Diverged, RunResult, train
from model.trunk import Trunk
from model.trunk_states import branch_points
from tokenizer.shards import Shards, open_shards

SYNTHETIC_TOKENS = 5_000_000
"""Training tokens of synthetic data; longer runs repeat them."""


def main(arguments: list[str] | None = None) -> int:
    """Train what the arguments name; print one JSON line per finished run.

    Returns the exit code: 0 if every run finished, 1 if one diverged, 2 for files that cannot be used.
    """
    options = _parse(arguments)
    try:
        runs = _read_runs(options.run or options.plan)
        data = _data(options.data, runs)
        runs = [(_with_data(run, data), implementation) for run, implementation in runs]
        points = branch_points(run for run, _ in runs) if options.share_trunks else {}
        with world_of(options.device) as (world, device):
            setup = _Setup(data, options.out, device, world, points)
            results = [_train_one(run, implementation, setup) for run, implementation in runs]
            if options.plan and world.leads:
                write_table(options.out, (run for run, _ in runs))
    except ValueError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0 if all(results) else 1


@dataclass(frozen=True, slots=True)
class _Setup:
    """What all runs of a command have in common."""

    data: Shards
    """Tokens to train on and to score with."""
    out: Path
    """Folder for results, event logs and checkpoints."""
    device: str
    """This process's device: cpu, cuda or cuda:N."""
    world: World
    """The processes that train each run."""
    points: dict[str, tuple[int, ...]]
    """By trunk, the steps at which states are kept; empty where trunks are not shared."""

    def trunk(self, run: RunConfig) -> Trunk | None:
        """The run's trunk if several runs of the plan share it."""
        name = run.trunk_id
        return Trunk(self.out / "trunks" / name, self.points[name]) if name in self.points else None


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(
        prog="python -m model.train", description=__doc__.splitlines()[0] if __doc__ else None
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--run", type=Path, help="a JSON file with one run, as RunConfig.to_dict() returns it")
    what.add_argument("--plan", type=Path, help='a JSON list of {"run": …} records, trained one by one')
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="a dataset's folder of token shards, or `synthetic` for made-up tokens, which measure speed alone",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for results, event logs and checkpoints")
    parser.add_argument(
        "--share-trunks", action="store_true", help="train the constant-rate part that several runs share only once"
    )
    parser.add_argument("--device", default="cpu", help="cpu (the default), cuda, or cuda:N")
    return parser.parse_args(arguments)


def _read_runs(path: Path) -> list[tuple[RunConfig, Implementation | None]]:
    """The runs of a file: a RunConfig, a {"run": …, "implementation": …} record, or a list of either.

    Raises ValueError that names the file.
    """
    try:
        content = json.loads(path.read_text())
        records = content if isinstance(content, list) else [content]
        return [_read_run(record) for record in records]
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not a file of runs: {type(error).__name__}: {error}") from error


def _read_run(record: Any) -> tuple[RunConfig, Implementation | None]:
    """One run of a file, and the implementation that it asks for."""
    if not isinstance(record, dict):
        raise TypeError(f"expected a record, got {record!r}")
    run = RunConfig.from_dict(record.get("run", record))
    choice = record.get("implementation")
    return run, Implementation(**choice) if choice else None


def _data(folder: Path, runs: list[tuple[RunConfig, Implementation | None]]) -> Shards:
    """The shards of a folder, or synthetic ones with the runs' vocabulary. Raises ShardError."""
    if folder != Path(DATASET) or folder.exists():
        return open_shards(folder)
    return synthetic_shards(max(run.model.vocab for run, _ in runs), SYNTHETIC_TOKENS)


def _with_data(run: RunConfig, data: Shards) -> RunConfig:
    """The run as planned; with these data instead if it was planned without a corpus or they are synthetic."""
    if run.dataset and data.manifest.dataset != DATASET:
        return run
    return dataclasses.replace(run, dataset=data.manifest.dataset)


def _train_one(run: RunConfig, implementation: Implementation | None, setup: _Setup) -> bool:
    """Train one run unless its result exists; an interrupted one continues. False if it diverged."""
    folder = setup.out / run.run_id
    folder.mkdir(parents=True, exist_ok=True)
    result_file = folder / "result.json"
    if result_file.exists():
        if setup.world.leads:
            sys.stdout.write(result_file.read_text())
        return True
    checkpoints = Checkpoints(folder / "checkpoints")
    with (folder / "events.jsonl").open("a") as log:

        def sink(event: dict[str, Any]) -> None:
            """Log an event; print progress."""
            log.write(json.dumps(event) + "\n")
            log.flush()
            if event.get("replaced_implementation"):
                sys.stderr.write(f"{run.run_id} has {event['replaced_implementation']}\n")
            if event["kind"] == "progress":
                sys.stderr.write(f"{run.run_id} step {event['step']}/{run.train.steps} loss {event['loss']:.3f}\n")

        try:
            result = train(
                run,
                setup.data,
                sink,
                checkpoints,
                device=setup.device,
                implementation=implementation,
                trunk=setup.trunk(run),
                world=setup.world,
            )
        except Diverged as error:
            sys.stderr.write(f"{run.run_id} diverged: {error}\n")
            return False
    if setup.world.leads:
        _write_result(run, result, result_file)
        checkpoints.clear()
    setup.world.wait()
    return True


def _write_result(run: RunConfig, result: RunResult, file: Path) -> None:
    """Write a finished run's result in one step, and print it."""
    line = json.dumps({"run_id": run.run_id, "run": run.to_dict(), "result": result.to_dict()}) + "\n"
    temporary = file.with_suffix(".tmp")
    temporary.write_text(line)
    temporary.replace(file)
    sys.stdout.write(line)
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
