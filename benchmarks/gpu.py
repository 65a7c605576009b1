"""Training speed of five sizes on one GPU, from 1 to 124 million parameters, on synthetic tokens: one JSON on stdout.

    python -m benchmarks.gpu [--device cuda] [--seconds 480] > gpu.json
    python -m benchmarks.gpu --optimizer muon                  what Muon costs
    python -m benchmarks.gpu --experts 8 [--active 2]          experts, by grouped products and without compilation
    python -m benchmarks.gpu --device cpu --tiny               the same code on shapes that a CPU can train

Needs torch and numpy alone. Each size is trained as a run would be: in bf16, with fused attention, compiled blocks, a
chunked head, tokens on the device, and a micro-batch by the estimate of memory. A size that fails is reported with its
error.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import sys
import time
from typing import Any

import torch

from model.config import ModelConfig, RunConfig, TrainConfig
from model.device import device_name
from model.flops import count_parameters
from model.implementation import Implementation, choose_implementation
from model.peak import matmul_peak
from model.profile import profile
from model.synthetic import DATASET

SIZES: dict[str, tuple[ModelConfig, int]] = {
    "1M": (ModelConfig(1024, 512, 128, 4, 2, 344), 16_384),
    "5M": (ModelConfig(4096, 512, 256, 5, 4, 688), 65_536),
    "17M": (ModelConfig(1024, 1024, 384, 9, 6, 1024), 131_072),
    "50M": (ModelConfig(8192, 1024, 576, 11, 9, 1536), 196_608),
    "124M": (ModelConfig(50_304, 1024, 768, 12, 12, 2048, tied_head=True), 524_288),
}
"""Shape and tokens of a step, by name. The larger batches follow Porian's rule, 2048 · 160 · (N / 108e6)^(2/3)."""
TINY: dict[str, tuple[ModelConfig, int]] = {
    name: (ModelConfig(256, 32, width, 2, 2, 2 * width), 128)
    for name, width in (("1M", 8), ("5M", 16), ("17M", 24), ("50M", 32), ("124M", 40))
}
"""Tiny shapes under the same names."""


def measure(
    name: str, shape: ModelConfig, batch_tokens: int, device: str, seconds: float, optimizer: str = "adamw"
) -> dict[str, Any]:
    """Profile one size: compiled, or not where Triton is missing, compilation fails or blocks have experts."""
    batch = batch_tokens // shape.context
    train = TrainConfig(sequences=batch * 10_000, batch=batch, lr=1e-3, numerics="bf16", optimizer=optimizer)
    run = RunConfig(shape, train, DATASET)
    chosen = choose_implementation(shape, run.train, device)
    if device != "cpu" and shape.experts == 1:
        chosen = dataclasses.replace(chosen, compiled=True)
    began = time.perf_counter()
    tried: list[tuple[Implementation, str]] = []
    for implementation in dict.fromkeys((chosen, dataclasses.replace(chosen, compiled=False))):
        try:
            measured = profile(run, device, implementation=implementation, seconds=seconds)
        except (RuntimeError, MemoryError) as error:
            tried.append((implementation, f"{type(error).__name__}: {error}"[:500]))
            continue
        counts = count_parameters(shape)
        return {
            "size": name,
            "params": counts.matmul,
            "params_total": counts.total,
            **measured.to_dict(),
            "failed": [{"implementation": choice.to_dict(), "error": error} for choice, error in tried],
            "wall_seconds": time.perf_counter() - began,
        }
    return {"size": name, "error": tried[-1][1], "wall_seconds": time.perf_counter() - began}


def main(arguments: list[str] | None = None) -> int:
    """Measure every size until the time is up. Returns 0 if each was measured, otherwise 1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=480.0, help="skip sizes that would start later than this")
    parser.add_argument("--tiny", action="store_true", help="tiny shapes under the same names")
    parser.add_argument("--optimizer", default="adamw", help="adamw or muon")
    parser.add_argument("--experts", type=int, default=1, help="MLPs of each block")
    parser.add_argument("--active", type=int, default=1, help="those of a token, together as wide as the size's MLP")
    parser.add_argument("--only", help="names of sizes, separated by commas")
    options = parser.parse_args(arguments)
    began = time.perf_counter()
    sizes = TINY if options.tiny else SIZES
    if options.only:
        sizes = {name: sizes[name] for name in options.only.split(",")}
    rows = []
    for name, (shape, batch_tokens) in sizes.items():
        if time.perf_counter() - began > options.seconds:
            rows.append({"size": name, "error": f"left out: {options.seconds:.0f} s had passed"})
            continue
        parts = {"experts": options.experts, "active": options.active, "d_ff": shape.d_ff // options.active}
        shape = dataclasses.replace(shape, **parts)
        lasting = 0.1 if options.tiny else 5.0
        rows.append(measure(name, shape, batch_tokens, options.device, lasting, options.optimizer))
        sys.stderr.write(f"{name}: {summary(rows[-1])}\n")
    report = {
        "device": options.device,
        "device_name": device_name(torch.device(options.device)),
        "optimizer": options.optimizer,
        "experts": options.experts,
        "active": options.active,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "matmul_peak": {n: matmul_peak(options.device, n) for n in ("bf16", "fp32")},
        "seconds": time.perf_counter() - began,
        "sizes": rows,
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return int(any("error" in row for row in rows))


def summary(row: dict[str, Any]) -> str:
    """One line about a size."""
    if "error" in row:
        return str(row["error"])
    share = "unknown" if row["mfu"] is None else f"{row['mfu']:.1%}"
    return f"{row['tokens_per_second']:,.0f} tokens/s, MFU {share}, {row['wall_seconds']:.0f} s in all"


if __name__ == "__main__":
    raise SystemExit(main())
