"""What a device can do at best, so that GPU-hours at a stated utilisation can stand for FLOPs."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import numpy as np

from analysis.records import QuestionError

UTILISATION = 0.4
"""Model FLOPs utilisation (MFU) where none is stated: what well-tuned training reaches on one node."""


@dataclass(frozen=True, slots=True)
class Device:
    """One accelerator."""

    name: str
    """Registry key."""
    peak: float
    """Dense 16-bit matrix peak with 32-bit accumulation, FLOP/s: half of what a data sheet gives with sparsity."""
    source: str
    """Where the figure stands."""


DEVICES = {
    device.name: device
    for device in (
        Device("v100", 125e12, "NVIDIA V100 data sheet, SXM2, FP16 (it has no BF16)"),
        Device("a100", 312e12, "NVIDIA A100 data sheet, BF16"),
        Device("a10", 125e12, "NVIDIA A10 data sheet, BF16"),
        Device("a40", 149.7e12, "NVIDIA A40 data sheet, BF16"),
        Device("l4", 121e12, "NVIDIA L4 data sheet, BF16"),
        Device("l40s", 362.05e12, "NVIDIA L40S data sheet, BF16"),
        Device("h100", 989.4e12, "NVIDIA H100 data sheet, SXM, BF16"),
        Device("h100-pcie", 756e12, "NVIDIA H100 data sheet, PCIe, BF16"),
        Device("h200", 989.4e12, "NVIDIA H200 data sheet, SXM, BF16"),
        Device("b200", 2250e12, "NVIDIA HGX B200 data sheet, BF16"),
        Device("rtx3090", 71e12, "NVIDIA GA102 whitepaper, BF16 with FP32 accumulation"),
        Device("rtx4090", 165.2e12, "NVIDIA Ada whitepaper, BF16 with FP32 accumulation"),
        Device("mi250x", 383e12, "AMD Instinct MI250X data sheet, BF16, both dies"),
        Device("mi300x", 1307.4e12, "AMD Instinct MI300X data sheet, BF16"),
        Device("tpu-v4", 275e12, "Google Cloud TPU v4 documentation, BF16, one chip"),
        Device("tpu-v5e", 197e12, "Google Cloud TPU v5e documentation, BF16, one chip"),
        Device("tpu-v5p", 459e12, "Google Cloud TPU v5p documentation, BF16, one chip"),
        Device("tpu-v6e", 918e12, "Google Cloud TPU v6e documentation, BF16, one chip"),
    )
}
"""By key."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """A device at a utilisation: what one device-hour is worth."""

    device: Device
    """The accelerator."""
    utilisation: float = UTILISATION
    """Training FLOPs a second over the peak, in (0, 1]."""

    def flops(self, hours: float) -> float:
        """Training FLOPs of so many device-hours. Raises QuestionError for hours that are no positive number."""
        if not (np.isfinite(hours) and hours > 0):
            raise QuestionError(f"device-hours must be a positive number, not {hours:g}")
        return hours * 3600 * self.device.peak * self.utilisation

    def hours(self, flops: float) -> float:
        """Device-hours of so many training FLOPs."""
        return flops / (3600 * self.device.peak * self.utilisation)


def hardware(name: str = "", *, utilisation: float | None = None, tflops: float | None = None) -> Hardware:
    """A device of the registry, or any other by its dense 16-bit peak in TFLOP/s.

    Raises QuestionError for an unknown name without a peak, and for a peak or a utilisation that cannot be.
    """
    share = UTILISATION if utilisation is None else utilisation
    if not 0 < share <= 1:
        raise QuestionError(f"the utilisation (MFU) is a share of the peak in (0, 1], not {share:g}; 0.4 is typical")
    if tflops is not None:
        if not (np.isfinite(tflops) and tflops > 0):
            raise QuestionError(f"a device's peak must be a positive number of TFLOP/s, not {tflops:g}")
        return Hardware(Device(name or "device", tflops * 1e12, "as stated"), share)
    key = "-".join(name.lower().replace("_", " ").replace("-", " ").split()).removeprefix("nvidia-")
    found = DEVICES.get(key) or DEVICES.get(key.replace("-", ""))
    if found is None:
        near = difflib.get_close_matches(key, DEVICES, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise QuestionError(
            f"no device {name!r}{hint}; known: {', '.join(DEVICES)}. For any other, state its dense 16-bit peak "
            "in TFLOP/s (device-tflops)."
        )
    return Hardware(found, share)
