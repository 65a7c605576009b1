"""How much of a finished sweep's time was training: Σ (FLOPs ÷ solo rate) ÷ (wall × workers), and evaluation's share.

    ISOFLOP_HOME=.isoflop python -m benchmarks.overhead demo

The solo rate of each shape is measured now, with the settings of a worker that has the machine to itself: let nothing
else run.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys

from model.config import RunConfig
from model.flops import flops_per_token
from orchestrator.home import find_home
from orchestrator.scheduling.speed import WORKER_ENVIRONMENT
from orchestrator.states import RunState
from orchestrator.use_cases.workspace import Workspace

ROUNDS = 3
"""Measurements of each shape, of which the median is taken."""


def solo_rates(configs: list[RunConfig]) -> dict[str, float]:
    """FLOP/s of each run's shape when it has the machine to itself."""
    shapes = {json.dumps([r.to_dict()["model"], r.train.batch]): r for r in configs}
    request = {"device": "cpu", "shapes": [{"model": json.loads(k)[0], "batch": json.loads(k)[1]} for k in shapes]}
    rounds: list[list[float]] = []
    for _ in range(ROUNDS):
        done = subprocess.run(
            [sys.executable, "-m", "model.calibrate"],
            input=json.dumps(request),
            env=os.environ | WORKER_ENVIRONMENT,
            capture_output=True,
            text=True,
            check=True,
        )
        rounds.append(json.loads(done.stdout)["step_seconds"])
    steps = {shape: statistics.median(times) for shape, times in zip(shapes, zip(*rounds, strict=True), strict=True)}
    return {
        r.run_id: flops_per_token(r.model) * r.train.batch * r.model.context
        / steps[json.dumps([r.to_dict()["model"], r.train.batch])]
        for r in configs
    }  # fmt: skip


def main() -> None:
    """Print the ratios of one sweep."""
    workspace = Workspace(find_home())
    sweep = workspace.store.sweep(sys.argv[1] if len(sys.argv) > 1 else "demo")
    runs = [r for r in workspace.store.runs_of(sweep.id, "grid") if r.state is RunState.DONE]
    rows = workspace.store.attempts_of_all([r.id for r in runs])
    restarted = {r.id: r.restarted for r in runs}
    attempts = [a for a in rows if a.number > restarted[a.run_id]]
    workers = len({a.worker for a in attempts})
    wall = max(a.ended_at or 0.0 for a in attempts) - min(a.started_at for a in attempts)
    rates = solo_rates([RunConfig.from_dict(r.config) for r in runs])
    useful = sum(r.flops / rates[r.id] for r in runs)
    training = sum(r.seconds or 0 for r in runs)
    evaluation = sum((r.result or {})["evaluation_seconds"] for r in runs)
    print(f"{len(runs)} runs, {workers} workers, {wall:.1f} s from first claim to last release")
    print(f"useful / (wall × workers)        {useful / (wall * workers):.3f}   Σ FLOPs ÷ solo rate = {useful:.1f} s")
    print(f"training / (wall × workers)      {training / (wall * workers):.3f}   training = {training:.1f} s")
    print(f"training next to others / solo   {training / useful:.3f}")
    print(f"evaluation / training            {evaluation / training:.3f}   evaluation = {evaluation:.1f} s")


if __name__ == "__main__":
    main()
