"""Training speed of many small runs on one device: one by one, side by side in processes, and stacked. One JSON.

    python -m benchmarks.stacked [--device cuda] [--sizes 1M,5M] [--runs 1,4,8,16,32] > stacked.json
    python -m benchmarks.stacked --mixed        every second run has three quarters of the batch: padded, separate steps
    python -m benchmarks.stacked --device cpu [--runs 1,8,32]  small shapes in fp32, beside the native kernels

Needs torch and numpy alone. All ways train the same runs: of one shape, with the batches of `benchmarks.gpu`. Speeds
are training tokens per second of all runs together, ratios are to one run after another, compiled or not, whichever was
faster so far; what `processes` train is not compiled.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from statistics import median

import torch

from benchmarks.gpu import SIZES
from model.batches import Batches
from model.config import ModelConfig, RunConfig, TrainConfig
from model.cpu.build import available
from model.device import device_name
from model.flops import count_parameters, flops_per_token_by
from model.implementation import Implementation, choose_implementation
from model.peak import utilisation
from model.stacked.turns import steps_of
from model.synthetic import DATASET, synthetic_shards
from model.timing import for_timing, times
from model.training import Training

CPU: dict[str, tuple[ModelConfig, int]] = {
    "d8": (ModelConfig(512, 128, 8, 2, 1, 22), 8 * 128),
    "d16": (ModelConfig(512, 128, 16, 2, 1, 42), 8 * 128),
    "d24": (ModelConfig(1024, 128, 24, 3, 1, 64), 8 * 128),
    "d24-large": (ModelConfig(1024, 128, 24, 3, 1, 64), 32 * 128),
    "d48": (ModelConfig(1024, 128, 48, 3, 1, 128), 16 * 128),
    "odd": (ModelConfig(331, 67, 18, 3, 3, 37), 5 * 67),
}
"""Shapes and tokens of a step on a CPU, by name; the last fills no vector and no block."""
MIXED = ("padded", "separate")
"""Ways of stacks whose batches differ."""
SECONDS = 2.0
"""Seconds of timing of each way, without what comes before."""


@dataclass(frozen=True)
class Row:
    """One way to train runs of a size."""

    size: str
    """Name of the size."""
    way: str
    """single | native | processes | stacked | padded | separate; native is single by a CPU's own kernels, the last two
    are of stacks with batches that differ."""
    runs: int
    """Runs at a time."""
    compiled: bool
    """Whether the blocks are compiled."""
    speed: float
    """Training tokens per second of all runs together."""
    mfu: float | None
    """Share of the device's measured peak, by the full_attention convention."""
    prepared: float
    """Seconds before the first timed step: building, compiling, capturing."""
    memory: int | None
    """Most bytes of tensors on a GPU."""


def config_of(size: str, device: str) -> RunConfig:
    """The run of a size."""
    shape, tokens = (CPU if device == "cpu" else SIZES)[size]
    batch, numerics = tokens // shape.context, "fp32" if device == "cpu" else "bf16"
    return for_timing(RunConfig(shape, TrainConfig(batch, batch, lr=1e-3, numerics=numerics), DATASET))


def measure(size: str, runs: int, way: str, device: str, *, compiled: bool) -> Row:
    """Time the steps of so many runs at a time."""
    run = config_of(size, device)
    torch_device = torch.device(device)
    default = choose_implementation(run.model, replace(run.train, sequences=run.train.batch), device)
    implementation = replace(default, compiled=compiled)
    if device == "cpu":
        implementation = Implementation(branches="native" if way == "native" else "autograd")
    if torch_device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    began = time.perf_counter()
    sizes = run.train.batch, max(1, run.train.batch * 3 // 4 if way in MIXED else run.train.batch)
    seeds = [replace(run, train=replace(run.train, seed=seed, batch=sizes[seed % 2])) for seed in range(runs)]
    implementation = replace(implementation, batches=way) if way in MIXED else implementation
    members = [Training(each, implementation, torch_device) for each in seeds]
    shards = synthetic_shards(run.model.vocab, max(500_000, 4 * run.train.batch * run.model.context))
    batches = [Batches(each, shards, torch_device) for each in seeds]
    if way not in ("single", "native"):
        stack = steps_of(members, implementation)

        def step() -> None:
            stack.take_step({m: b.at(m.step) for b, m in zip(batches, members, strict=True)})
    else:

        def step() -> None:
            members[0].take_step(batches[0].at(members[0].step))

    step()
    if torch_device.type == "cuda":
        torch.cuda.synchronize()
    prepared = time.perf_counter() - began
    speed = sum(each.train.batch for each in seeds) * run.model.context / median(times(step, torch_device, SECONDS))
    mfu = utilisation(speed * flops_per_token_by(run.model)["full_attention"], device, run.train.numerics)
    return Row(size, way, runs, compiled, speed, mfu, prepared, members[0].memory_peak())


def side_by_side(size: str, processes: int, device: str) -> Row:
    """The speeds of several processes that train at the same time, added."""
    command = [sys.executable, "-m", "benchmarks.stacked", "--device", device, "--one", size, "--seconds", "8"]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(processes)]
    rows = [Row(**json.loads(process.communicate()[0])) for process in started]
    speed = sum(row.speed for row in rows)
    mfu = None if None in (row.mfu for row in rows) else sum(row.mfu or 0.0 for row in rows)
    memory = None if rows[0].memory is None else sum(row.memory or 0 for row in rows)
    return Row(size, "processes", processes, False, speed, mfu, max(row.prepared for row in rows), memory)


def summary(row: Row, best: float) -> str:
    """One line about a way, whose ratio is to the `best` speed of one run after another."""
    mfu = "" if row.mfu is None else f"MFU {row.mfu:.1%} "
    way = f"{row.size} {row.way} {row.runs} compiled={row.compiled}"
    memory = f"{(row.memory or 0) / 1e9:.1f} GB"
    return f"{way}: {row.speed:,.0f} tokens/s x{row.speed / best:.2f} {mfu}prepared {row.prepared:.1f} s, {memory}"


def main(arguments: list[str] | None = None) -> int:
    """Measure every way. Returns 0."""
    global SECONDS
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--sizes", help="names, separated by commas; default: 1M,5M, on a CPU all of its own")
    parser.add_argument("--runs", default="1,4,8,16,32")
    parser.add_argument("--compiled", default="0,1", help="not on a CPU")
    parser.add_argument("--processes", type=int, default=4, help="not on a CPU")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--mixed", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    SECONDS = options.seconds
    on_cpu = options.device == "cpu"
    sizes = (options.sizes or ",".join(CPU if on_cpu else ("1M", "5M"))).split(",")
    if options.one:
        row = measure(options.one, 1, "single", options.device, compiled=False)
        sys.stdout.write(json.dumps(asdict(row)) + "\n")
        return 0
    rows: list[Row] = []
    for size in sizes:
        for compiled in map(bool, map(int, "0" if on_cpu else options.compiled.split(","))):
            stacks = MIXED if options.mixed else ("stacked",)
            ways = [("single", 1)] + [(way, int(k)) for k in options.runs.split(",") for way in stacks]
            ways += [("native", 1)] if on_cpu and available() else []
            for way, runs in ways:
                try:
                    rows.append(measure(size, runs, way, options.device, compiled=compiled))
                except (RuntimeError, MemoryError) as error:
                    sys.stderr.write(
                        f"{size} {way} {runs} compiled={compiled}: {type(error).__name__}: {error}"[:600] + "\n"
                    )
                    continue
                best = max(r.speed for r in rows if r.size == size and r.way == "single")
                sys.stderr.write(summary(rows[-1], best) + "\n")
                if options.device == "cuda":
                    torch.cuda.empty_cache()
        if options.processes > 1 and not on_cpu:
            rows.append(side_by_side(size, options.processes, options.device))
            sys.stderr.write(f"{size} processes {options.processes}: {rows[-1].speed:,.0f} tokens/s\n")
    name = device_name(torch.device(options.device))
    report = {"device_name": name, "torch": torch.__version__, "params": {}, "rows": [asdict(r) for r in rows]}
    report["params"] = {s: count_parameters(config_of(s, options.device).model).matmul for s in sizes}
    sys.stdout.write(json.dumps(report, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
