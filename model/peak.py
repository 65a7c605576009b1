"""A device's highest measured rate of matrix products, and the share of it that training reaches."""

from __future__ import annotations

import torch

from model.timing import times

PEAK_SIZES = {"cpu": (512, 512, 256, 1024), "cuda": (8192, 8192, 4096)}
"""Edges of the square matrices whose product is timed; on a CPU, small enough to end within a slice of time. Those
after the first are timed only where training is faster than the peak so far, whose measurement then has failed."""
PEAK_SECONDS = 0.3
"""Time spent on each."""

_measured: dict[tuple[str, str, int], float] = {}
"""Peak so far, FLOP/s, by device, numerics profile and CPU threads."""


def matmul_peak(device: str, numerics: str = "fp32") -> float:
    """FLOP/s of a large square matrix product in the profile's precision, the best of several; once per process."""
    key = (device, numerics, torch.get_num_threads())
    if key not in _measured:
        _measured[key] = _rate(device, numerics, _sizes(device)[0])
    return _measured[key]


def utilisation(achieved: float, device: str, numerics: str, devices: int = 1) -> float | None:
    """What share of the peak of so many devices is achieved, FLOP/s.

    Where it is more than the whole, the peak is measured again. None where training is still faster than every
    measurement: then no share can be told.
    """
    key = (device, numerics, torch.get_num_threads())
    for size in _sizes(device)[1:]:
        if achieved <= devices * matmul_peak(device, numerics):
            break
        _measured[key] = max(_measured[key], _rate(device, numerics, size))
    share = achieved / (devices * matmul_peak(device, numerics))
    return share if share <= 1 else None


def _sizes(device: str) -> tuple[int, ...]:
    """The edges of matrices for a kind of device."""
    return PEAK_SIZES["cuda" if device.startswith("cuda") else "cpu"]


def _rate(device: str, numerics: str, size: int) -> float:
    """FLOP/s of the fastest of several products of matrices of an edge."""
    torch_device = torch.device(device)
    dtype = torch.bfloat16 if numerics == "bf16" else torch.float32
    left, right = (torch.ones(size, size, dtype=dtype, device=torch_device) for _ in range(2))
    out = torch.empty_like(left)
    return 2 * size**3 / min(times(lambda: torch.mm(left, right, out=out), torch_device, PEAK_SECONDS))
