"""Timing on a device, and its highest measured rate of matrix products: what utilisation is a share of."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import torch

PEAK_SIZES = {"cpu": 512, "cuda": 8192}
"""Edge of the square matrices whose product is timed; on a CPU, small enough to end within a slice of time."""
PEAK_SECONDS = 0.3
"""Time spent on it."""


@cache
def matmul_peak(device: str, numerics: str = "fp32") -> float:
    """FLOP/s of a large square matrix product in the profile's precision, the best of several; once per process."""
    where = torch.device(device)
    size = PEAK_SIZES["cpu" if where.type == "cpu" else "cuda"]
    dtype = torch.bfloat16 if numerics == "bf16" else torch.float32
    left, right = (torch.ones(size, size, dtype=dtype, device=where) for _ in range(2))
    out = torch.empty_like(left)
    return 2 * size**3 / min(times(lambda: torch.mm(left, right, out=out), where, PEAK_SECONDS))


def times(work: Callable[[], object], device: torch.device, seconds: float) -> list[float]:
    """Duration of each of at least three calls, as many as fit into `seconds`, after two of warm-up."""
    taken: list[float] = []
    calls = 0
    while calls < 5 or sum(taken) < seconds:
        began = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        calls += 1
        if calls > 2:
            taken.append(time.perf_counter() - began)
    return taken
