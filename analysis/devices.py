"""The devices that isoflop knows by name: each one's peak, its memory, and what drivers and Ray call it."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from analysis.records import QuestionError

UTILISATION = 0.4
"""Model FLOPs utilisation (MFU) where none is stated: what well-tuned training reaches on one node."""
LEAST_UTILISATION = 1e-6
"""Smallest utilisation that can be stated; below it, hours overflow."""
PEAKS = (1e-6, 1e9)
"""Smallest and largest peak that can be stated, in TFLOP/s: no device is slower or faster."""
GB = 10**9
"""Bytes of a data sheet's gigabyte, cautiously: most drivers show a little more."""


@dataclass(frozen=True, slots=True)
class Device:
    """One accelerator."""

    name: str
    """Registry key."""
    peak: float
    """Dense 16-bit matrix peak with 32-bit accumulation, FLOP/s: half of what a data sheet gives with sparsity."""
    source: str
    """Where the figure is published."""
    memory: int | None = None
    """Bytes of its memory, by the same source; of the smallest variant where there are several."""
    accelerator: str = ""
    """Ray's accelerator type, where it is not the name in capitals."""

    @property
    def trains(self) -> bool:
        """Whether a sweep can train on it: on GPUs, of whatever make."""
        return not self.name.startswith("tpu-")


DEVICES = {
    device.name: device
    for device in (
        Device("v100", 125e12, "NVIDIA V100 data sheet, SXM2, FP16 (it has no BF16)", 16 * GB),
        Device("a100", 312e12, "NVIDIA A100 data sheet, BF16", 40 * GB),
        Device("a100-40g", 312e12, "NVIDIA A100 data sheet, BF16", 40 * GB),
        Device("a100-80g", 312e12, "NVIDIA A100 data sheet, BF16", 80 * GB),
        Device("a10", 125e12, "NVIDIA A10 data sheet, BF16", 24 * GB),
        Device("a10g", 70e12, "NVIDIA A10G data sheet, BF16", 24 * GB),
        Device("a40", 149.7e12, "NVIDIA A40 data sheet, BF16", 48 * GB),
        Device("t4", 65e12, "NVIDIA T4 data sheet, FP16 (it has no BF16)", 16 * GB),
        Device("l4", 121e12, "NVIDIA L4 data sheet, BF16", 24 * GB),
        Device("l40s", 362.05e12, "NVIDIA L40S data sheet, BF16", 48 * GB),
        Device("h100", 989.4e12, "NVIDIA H100 data sheet, SXM, BF16", 80 * GB),
        Device("h100-pcie", 756e12, "NVIDIA H100 data sheet, PCIe, BF16", 80 * GB, "H100"),
        Device("h200", 989.4e12, "NVIDIA H200 data sheet, SXM, BF16", 141 * GB),
        Device("b200", 2250e12, "NVIDIA HGX B200 data sheet, BF16", 180 * GB),
        Device("rtx3090", 71e12, "NVIDIA GA102 whitepaper, BF16 with FP32 accumulation", 24 * GB, "GeForce-RTX-3090"),
        Device("rtx4090", 165.2e12, "NVIDIA Ada whitepaper, BF16 with FP32 accumulation", 24 * GB, "GeForce-RTX-4090"),
        Device(
            "mi250x", 383e12, "AMD Instinct MI250X data sheet, BF16, both dies", 128 * GB, "AMD-Instinct-MI250X-MI250"
        ),
        Device("mi300x", 1307.4e12, "AMD Instinct MI300X data sheet, BF16", 192 * GB, "AMD-Instinct-MI300X-OAM"),
        Device("tpu-v4", 275e12, "Google Cloud TPU v4 documentation, BF16, one chip", 32 * GB),
        Device("tpu-v5e", 197e12, "Google Cloud TPU v5e documentation, BF16, one chip", 16 * GB),
        Device("tpu-v5p", 459e12, "Google Cloud TPU v5p documentation, BF16, one chip", 95 * GB),
        Device("tpu-v6e", 918e12, "Google Cloud TPU v6e documentation, BF16, one chip", 32 * GB),
    )
}
"""By key."""
GPUS = tuple(device.name for device in DEVICES.values() if device.trains)
"""Keys of the devices that a sweep can ask for."""


def find_device(name: str) -> Device | None:
    """The device that a user means, however it is written: `h100`, `NVIDIA H100`, `A100-80GB`; None if unknown."""
    key = "-".join(_words(name)).removeprefix("nvidia-")
    return DEVICES.get(key) or DEVICES.get(key.replace("-", ""))


@cache
def is_device(kind: str, name: str) -> bool:
    """Whether a driver's or Ray's `name` is of that kind: `NVIDIA H100 80GB HBM3` and `H100` are of `h100`.

    Every word of the kind must be one of the name's, or two of them joined (`RTX 4090`), so that `a100` takes an A100
    of any memory, `a100-80g` that one alone, and `l40` does not take an L40S.
    """
    return set(_words(kind)) <= _spelt(name)


def accelerator_type(kind: str, present: Iterable[str]) -> str:
    """What to ask Ray for: the type among those `present` in a cluster that may be of the kind, else its usual one.

    Ray itself calls an A100 of any memory `A100`, others say `A100-80G`: either may hold what is asked for.
    """
    device = DEVICES[kind]
    exact = [other for other in sorted(present) if is_device(kind, other)]
    wider = [other for other in sorted(present) if _spelt(other) <= _spelt(kind)]
    return next(iter(exact + wider), device.accelerator or device.name.upper())


def _words(name: str) -> list[str]:
    """A name's words in lower case, `80GB` as `80g`."""
    return [re.sub(r"^(\d+)gb$", r"\1g", word) for word in re.findall(r"[a-z0-9]+", name.lower())]


def _spelt(name: str) -> set[str]:
    """A name's words, and each with its next in one."""
    words = _words(name)
    return {*words, *(first + second for first, second in pairwise(words))}


@dataclass(frozen=True, slots=True)
class Hardware:
    """A device at a utilisation: what one device-hour is worth."""

    device: Device
    """The accelerator."""
    utilisation: float = UTILISATION
    """Training FLOPs a second over the peak, in (0, 1]."""

    def flops(self, hours: float) -> float:
        """Training FLOPs in `hours` device-hours. Raises QuestionError for hours that are not a positive number."""
        if not (math.isfinite(hours) and hours > 0):
            raise QuestionError(f"device-hours must be a positive number, not {hours:g}")
        return hours * 3600 * self.device.peak * self.utilisation

    def hours(self, flops: float) -> float:
        """Device-hours that `flops` training FLOPs take."""
        return flops / (3600 * self.device.peak * self.utilisation)


def hardware(name: str = "", *, utilisation: float | None = None, tflops: float | None = None) -> Hardware:
    """A device of the registry, or any other by its dense 16-bit peak in TFLOP/s.

    Raises QuestionError for an unknown name without a peak, and for an impossible peak or utilisation.
    """
    share = UTILISATION if utilisation is None else utilisation
    if not LEAST_UTILISATION <= share <= 1:
        raise QuestionError(
            f"the utilisation (MFU) is a share of the peak, from {LEAST_UTILISATION:g} to 1, "
            f"not {share:g}; 0.4 is typical"
        )
    if tflops is not None:
        slowest, fastest = PEAKS
        if not slowest <= tflops <= fastest:
            raise QuestionError(
                f"a device's peak must be a positive number of TFLOP/s, from {slowest:g} to {fastest:g}, not {tflops:g}"
            )
        return Hardware(Device(name or "device", tflops * 1e12, "as stated"), share)
    found = find_device(name)
    if found is None:
        near = difflib.get_close_matches(name.lower(), DEVICES, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise QuestionError(
            f"no device {name!r}{hint}; known: {', '.join(DEVICES)}. For any other, give its dense 16-bit peak "
            "in TFLOP/s (`device_tflops`)."
        )
    return Hardware(found, share)
