"""What the machine's processor and GPUs are called, found without torch, so that planning can ask too."""

from __future__ import annotations

import contextlib
import platform
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple

QUERY_SECONDS = 20
"""Time that the GPU driver's tool has to answer."""


_FEATURES = ("flags", "Features")
"""What Linux calls instruction sets: on x86, and on Arm."""


class Gpu(NamedTuple):
    """One NVIDIA GPU of this machine."""

    name: str
    """Its model, as the driver names it."""
    memory: int | None
    """Bytes of its own memory; None where it has none of its own."""


@cache
def cpu_name() -> str:
    """The processor's model as the kernel names it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


@cache
def cpu_features() -> tuple[str, ...]:
    """The processor's instruction sets, in order of their names; empty where the system does not tell them.

    Processors of one name may differ in them: a virtual machine hides some of its host's.
    """
    with contextlib.suppress(OSError):
        lines = [line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines()]
        return tuple(sorted({word for key, _, words in lines if key.strip() in _FEATURES for word in words.split()}))
    names = ("machdep.cpu.features", "machdep.cpu.leaf7_features")
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run(
            ["sysctl", "-n", *names], capture_output=True, text=True, timeout=QUERY_SECONDS, check=False
        )
        return tuple(sorted(set(said.stdout.split())))
    return ()


@cache
def gpus() -> tuple[Gpu, ...]:
    """This machine's NVIDIA GPUs; empty where there is no driver."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    query = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    answer = subprocess.run(query, capture_output=True, text=True, timeout=QUERY_SECONDS, check=False)
    if answer.returncode != 0:
        return ()
    rows = [line.rpartition(",") for line in answer.stdout.splitlines() if line.strip()]
    return tuple(Gpu(name.strip(), int(mib) * 2**20 if mib.strip().isdigit() else None) for name, _, mib in rows)


def gpu_names() -> tuple[str, ...]:
    """The model of each of this machine's NVIDIA GPUs; empty where there is no driver."""
    return tuple(gpu.name for gpu in gpus())


def kind_name(kind: str) -> str:
    """The model of a device of kind cpu | cuda: that of the first GPU, or the processor's."""
    return gpu_names()[0] if kind.startswith("cuda") and gpu_names() else cpu_name()
