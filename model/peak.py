"""A device's highest measured rate of matrix products: the denominator of utilisation."""

from __future__ import annotations

from functools import cache

import torch

from model.timing import times

PEAK_SIZES = {"cpu": 512, "cuda": 8192}
"""Edge of the square matrices whose product is timed; on a CPU, small enough to end within a slice of time."""
PEAK_SECONDS = 0.3
"""Time spent on it."""


@cache
def matmul_peak(device: str, numerics: str = "fp32") -> float:
    """FLOP/s of a large square matrix product in the profile's precision, the best of several; once per process."""
    torch_device = torch.device(device)
    size = PEAK_SIZES["cpu" if torch_device.type == "cpu" else "cuda"]
    dtype = torch.bfloat16 if numerics == "bf16" else torch.float32
    left, right = (torch.ones(size, size, dtype=dtype, device=torch_device) for _ in range(2))
    out = torch.empty_like(left)
    return 2 * size**3 / min(times(lambda: torch.mm(left, right, out=out), torch_device, PEAK_SECONDS))
