"""Training steps on one CPU thread: our implementations and the plainest code for the same model, interleaved.

    python -m benchmarks.train_step [--sizes demo|large|16,32] [--compiled] [--bf16] [--json FILE]
    python -m benchmarks.train_step --workers [--sizes 36]        two processes against one
    python -m benchmarks.train_step --start                       from claim to first step in a warm worker

The plain model is `benchmarks/plain.py`. Every round times each variant once, so that other work on the machine affects
all of them; the ratios are medians over rounds. Times are the thread's CPU seconds, which other processes stretch less
than those on the clock.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.plain import Plain
from model.batches import Batches
from model.choice import stored_implementation
from model.config import ModelConfig, RunConfig, TrainConfig
from model.cpu.build import available
from model.device import device_name, keep_freed_memory, torch_settings
from model.flops import flops_per_token
from model.implementation import Implementation, choose_implementation
from model.synthetic import DATASET, synthetic_shards
from model.train import train
from model.training import Training

CPU = torch.device("cpu")
"""The device of every measurement."""
DEMO_WIDTHS = (16, 24, 36, 48, 64)
"""Widths of the demo's sizes."""
LARGE = {64: 4, 128: 4, 256: 6}
"""Number of blocks by width, in the larger class."""


def shape_of(width: int, large: bool) -> tuple[ModelConfig, int]:
    """A shape and its batch, of the recipe cpu-small (two blocks, one head, 8 × 128 tokens) or of the larger class."""
    if large:
        d_ff = round(width * 8 / 3)
        return ModelConfig(2048, 256, width, LARGE[width], 2 if width < 256 else 4, d_ff), 16
    return ModelConfig(1024, 128, width, 2, 1, 2 * round(width * 8 / 3 / 2)), 8


def variants(shape: ModelConfig, batch: int, compiled: bool, bf16: bool) -> dict[str, Callable[[Tensor], None]]:
    """Functions that take a step, by name; the plain one is first."""

    def ours(numerics: str = "fp32", **choice: Any) -> Callable[[Tensor], None]:
        """A step under one of our implementations."""
        train = TrainConfig(sequences=batch * 10**6, batch=batch, lr=1e-3, numerics=numerics)
        return Training(RunConfig(shape, train, dataset=""), Implementation(**choice), CPU).take_step

    steppers = {
        "plain": Plain(shape).take_step,
        "autograd": ours(),
        "handwritten": ours(branches="handwritten"),
    }
    if available():
        steppers["native"] = ours(branches="native")
    if compiled:
        steppers["compiled blocks"] = ours(attention="fused", compiled=True)
    if bf16:
        steppers["bf16"] = ours("bf16")
    if bf16 and compiled:
        steppers["bf16 compiled"] = ours("bf16", compiled=True)
    return steppers


def measure(
    shape: ModelConfig, batch: int, rounds: int, steppers: dict[str, Callable[[Tensor], None]]
) -> dict[str, Any]:
    """Best step of each variant, and the median over rounds of its speed-up over plain."""
    sequences = torch.randint(shape.vocab, (batch, shape.context + 1), generator=torch.Generator().manual_seed(0))
    warm_up = {name: max(_time(step, sequences) for _ in range(3)) for name, step in steppers.items()}
    times: dict[str, list[float]] = {name: [] for name in steppers}
    for _ in range(rounds):
        for name, step in steppers.items():
            times[name].append(_time(step, sequences))
    tokens = batch * shape.context
    return {
        name: {
            "first_step_seconds": warm_up[name],
            "best_ms": min(seconds) * 1e3,
            "tokens_per_second": tokens / min(seconds),
            "gflops": tokens * flops_per_token(shape) / min(seconds) / 1e9,
            "ratio": statistics.median(p / s for p, s in zip(times["plain"], seconds, strict=True)),
        }
        for name, seconds in times.items()
    }


def _time(step: Callable[[Tensor], None], sequences: Tensor) -> float:
    """CPU seconds of one step."""
    began = time.thread_time()
    step(sequences)
    return time.thread_time() - began


def cpu_peak(size: int = 512, rounds: int = 300) -> float:
    """FLOP/s of a square matrix product by the thread's CPU time, like that of the steps: the best of many."""
    left, right, out = (torch.ones(size, size) for _ in range(3))
    best = math.inf
    for _ in range(rounds):
        began = time.thread_time()
        torch.mm(left, right, out=out)
        best = min(best, time.thread_time() - began)
    return 2 * size**3 / best


def gather_share(shape: ModelConfig, batch: int) -> float:
    """Time to fetch the tokens of a step as a share of the step, both by the clock in one run."""
    run = RunConfig(shape, TrainConfig(sequences=batch * 4000, batch=batch, lr=1e-3), DATASET)
    training = Training(run, choose_implementation(shape, run.train, "cpu"), CPU)
    batches = Batches(run, synthetic_shards(shape.vocab, 4_000_000), CPU)
    fetching = stepping = 0.0
    for step in range(400):
        began = time.perf_counter()
        sequences = batches.at(step)
        fetched = time.perf_counter()
        training.take_step(sequences)
        fetching, stepping = fetching + fetched - began, stepping + time.perf_counter() - fetched
    return fetching / (fetching + stepping)


def _work(core: int, width: int, seconds: float, start: Any, done: Any) -> None:
    """A pinned worker: counts its steps in `seconds`, once all workers are warm."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    keep_freed_memory()
    torch.set_num_threads(1)
    shape, batch = shape_of(width, large=False)
    run = RunConfig(shape, TrainConfig(sequences=batch * 10**6, batch=batch, lr=1e-4), dataset="")
    training = Training(run, choose_implementation(shape, run.train, "cpu"), CPU)
    sequences = torch.randint(shape.vocab, (batch, shape.context + 1))
    for _ in range(10):
        training.take_step(sequences)
    start.wait()
    end, steps = time.perf_counter() + seconds, 0
    while time.perf_counter() < end:
        training.take_step(sequences)
        steps += 1
    done.put(steps / seconds)


def worker_scaling(width: int, rounds: int = 3, seconds: float = 3.0) -> list[float]:
    """Steps per second of two workers on a core each over those of one alone, by round."""
    context, cores = multiprocessing.get_context("spawn"), sorted(os.sched_getaffinity(0))
    ratios = []
    for _ in range(rounds):
        rates = {}
        for count in (1, 2):
            start, done = context.Barrier(count), context.SimpleQueue()
            workers = [
                context.Process(target=_work, args=(cores[i % len(cores)], width, seconds, start, done))
                for i in range(count)
            ]
            for worker in workers:
                worker.start()
            rates[count] = sum(done.get() for _ in workers)
            for worker in workers:
                worker.join()
        ratios.append(rates[2] / rates[1])
    return ratios


def claim_to_first_step(rounds: int = 5) -> list[float]:
    """Seconds from the call of `train` to the end of the first step, for a shape that this process knows."""
    shape, batch = shape_of(36, large=False)
    data, taken = synthetic_shards(shape.vocab, 4_000_000, 2000), []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(rounds + 1):
            run = RunConfig(shape, TrainConfig(sequences=batch * 3, batch=batch, lr=1e-3, seed=seed), DATASET)
            events: list[tuple[str, float]] = []
            began = time.perf_counter()
            chosen = stored_implementation(run, "cpu", Path(folder))
            sink = lambda event, events=events: events.append((event["kind"], time.perf_counter()))  # noqa: E731
            train(run, data, sink, implementation=chosen, progress_seconds=0)
            taken.append(next(at for kind, at in events if kind == "progress") - began)
    return taken[1:]


def main() -> None:
    """Measure what the options name, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="demo", help="demo, large, or widths for shapes like the demo's")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--compiled", action="store_true", help="also torch.compile by block (needs a C++ compiler)")
    parser.add_argument("--bf16", action="store_true", help="also the bf16 profile")
    parser.add_argument("--workers", action="store_true", help="two workers against one, instead")
    parser.add_argument("--start", action="store_true", help="time to the first step in a warm worker, instead")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    keep_freed_memory()
    large = options.sizes == "large"
    named = {"demo": DEMO_WIDTHS, "large": tuple(LARGE)}
    widths = named.get(options.sizes) or tuple(map(int, options.sizes.split(",")))
    if options.workers:
        for width in widths:
            print(f"d {width:3d}  2 workers / 1: " + ", ".join(f"x{r:.2f}" for r in worker_scaling(width)))
        return
    with torch_settings(threads=1):
        if options.start:
            print("claim to first step: " + ", ".join(f"{1e3 * s:.0f} ms" for s in claim_to_first_step()))
            return
        _table(widths, large, options)


def _table(widths: tuple[int, ...], large: bool, options: argparse.Namespace) -> None:
    """Print the table of all variants by width."""
    peak = cpu_peak() / 1e9
    print(f"{device_name(CPU)}, torch {torch.__version__}, one thread, fp32 matmul peak {peak:.0f} GFLOP/s")
    rows = {}
    for width in widths:
        shape, batch = shape_of(width, large)
        steppers = variants(shape, batch, options.compiled, options.bf16)
        rows[width] = measure(shape, batch, options.rounds, steppers)
        for name, row in rows[width].items():
            print(
                f"d {width:3d}  {name:16s} {row['best_ms']:7.2f} ms  {row['tokens_per_second']:8.0f} tokens/s  "
                f"{row['gflops']:6.1f} GFLOP/s  {row['gflops'] / peak:4.0%} of peak  x{row['ratio']:.2f}",
                flush=True,
            )
        print(f"d {width:3d}  fetching tokens takes {gather_share(shape, batch):.2%} of a step", flush=True)
    if options.json:
        options.json.write_text(json.dumps({"peak_gflops": peak, "rows": rows}, indent=2))


if __name__ == "__main__":
    main()
