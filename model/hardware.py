"""What the machine is called: processor and GPUs, found without torch so that planning can ask too."""

from __future__ import annotations

import contextlib
import platform
import shutil
import subprocess
from functools import cache
from pathlib import Path

QUERY_SECONDS = 20
"""Time that the GPU driver's tool gets to answer."""


@cache
def cpu_name() -> str:
    """The processor's model as the kernel tells it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


@cache
def gpus() -> tuple[tuple[str, int | None], ...]:
    """Model and bytes of memory, where it has its own, of each NVIDIA GPU here; empty where there is no driver."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    query = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    answer = subprocess.run(query, capture_output=True, text=True, timeout=QUERY_SECONDS, check=False)
    if answer.returncode != 0:
        return ()
    rows = [line.rpartition(",") for line in answer.stdout.splitlines() if line.strip()]
    return tuple((name.strip(), int(mib) * 2**20 if mib.strip().isdigit() else None) for name, _, mib in rows)


def gpu_names() -> tuple[str, ...]:
    """Models of this machine's NVIDIA GPUs, one entry each; empty where there is no driver."""
    return tuple(name for name, _ in gpus())


def kind_name(kind: str) -> str:
    """What to call a device of kind cpu | cuda: the first GPU's model, or the processor's."""
    return gpu_names()[0] if kind.startswith("cuda") and gpu_names() else cpu_name()
