"""Wall time of a sweep here and under Ray Tune with a plain eager fp32 trainer: the same runs, in turn.

    python -m benchmarks.ray_tune sweeps/conf/cpu.yaml --max-flops 1e12

Both start from tokenised data on a calibrated machine, and are timed from the command to its end. Tune is given what
its tutorial suggests: a function that builds the model of `benchmarks.plain`, reads the shards, trains with AdamW under
the run's schedule and scores the same validation tokens; one core per trial, one trial per run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from orchestrator.home import find_home
from orchestrator.use_cases.planning import Planning
from orchestrator.use_cases.workspace import Workspace
from sweeps.file.compose import load_sweep
from sweeps.plan.records import PlannedRun


def plain_run(config: dict[str, Any]) -> None:
    """Train one run with the plainest code, and report its validation loss to Tune."""
    import numpy as np
    import torch
    from ray import tune

    from benchmarks.plain import Plain
    from model.config import RunConfig
    from model.evaluate import EVALUATION_TOKENS
    from model.optim import lr_factor
    from tokenizer.shards import open_shards
    from tokenizer.windows import gather, sequence_count, sequence_indices

    run, data = RunConfig.from_dict(config["run"]), open_shards(Path(config["data"]))
    torch.manual_seed(run.train.seed)
    model, context, batch = Plain(run.model), run.model.context, run.train.batch
    windows = sequence_count(len(data.train), context)
    for step in range(run.train.steps):
        for group in model.optimizer.param_groups:
            group["lr"] = run.train.lr * lr_factor(run.train, step)
        count = min(batch, run.train.sequences - step * batch)
        order = sequence_indices(run.train.seed, step * batch, count, windows)
        model.take_step(torch.from_numpy(gather(data.train, order, context)))
    scored = np.arange(min(sequence_count(len(data.validation), context), EVALUATION_TOKENS // context))
    total = 0.0
    with torch.inference_mode():
        for first in range(0, len(scored), batch):
            indices = scored[first : first + batch]
            total += model(torch.from_numpy(gather(data.validation, indices, context))).item() * len(indices)
    tune.report({"loss": total / len(scored)})


def under_tune(runs: list[PlannedRun], data: Path, workers: int) -> list[float]:
    """Losses of all runs by Tune with a Ray of its own; the longest runs start first."""
    import ray
    from ray import tune

    order = sorted(runs, key=lambda r: -r.flops)
    cells = [{"run": r.run.to_dict(), "data": str(data)} for r in order]
    with tempfile.TemporaryDirectory() as folder:
        ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
        try:
            results = tune.Tuner(
                tune.with_resources(_trial, {"cpu": 1}),
                param_space={"cell": tune.grid_search(cells)},
                run_config=tune.RunConfig(storage_path=folder, verbose=0),
            ).fit()
            return [float(loss) for loss in results.get_dataframe()["loss"]]
        finally:
            ray.shutdown()


def _trial(config: dict[str, Any]) -> None:
    """A trial of Tune."""
    plain_run(config["cell"])


def ours(source: str, overrides: list[str]) -> float:
    """Wall seconds of `isoflop run` in a home with the data and this machine's calibration, but without runs."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"ISOFLOP_HOME": home}
        base = [sys.executable, "-m", "orchestrator.cli.main"]
        subprocess.run([*base, "plan", source, *overrides], env=environment, check=False, stdout=subprocess.DEVNULL)
        began = time.perf_counter()
        subprocess.run([*base, "run", source, *overrides, "--yes"], env=environment, check=True)
        return time.perf_counter() - began


def main() -> None:
    """Print both wall times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("sweep", help="a sweep file")
    parser.add_argument("overrides", nargs="*", help="KEY=VALUE, as for isoflop run")
    parser.add_argument("--max-flops", type=float, default=1e12, help="leave out larger budgets")
    options = parser.parse_args()
    workspace = Workspace(find_home())
    whole = load_sweep(Path(options.sweep), options.overrides)
    budgets = [b for b in whole.budgets if b <= options.max_flops]
    overrides = [*options.overrides, f"budgets={budgets}"]
    planned = Planning(workspace).plan(Path(options.sweep), overrides)
    mine = ours(options.sweep, overrides)
    began = time.perf_counter()
    losses = under_tune(list(planned.plan.runs), workspace.home.artifacts / planned.data.dataset, planned.workers)
    theirs = time.perf_counter() - began
    print(f"{len(planned.plan.runs)} runs of {len(budgets)} budgets on {planned.workers} workers, {len(losses)} trials")
    print(f"isoflop run      {mine:7.1f} s")
    print(f"Ray Tune, plain  {theirs:7.1f} s   x{theirs / mine:.2f}   losses {min(losses):.3f} to {max(losses):.3f}")


if __name__ == "__main__":
    main()
