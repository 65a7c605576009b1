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
def gpu_names() -> tuple[str, ...]:
    """Models of this machine's NVIDIA GPUs, one entry each; empty where there is no driver."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    query = [tool, "--query-gpu=name", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, timeout=QUERY_SECONDS, check=False)
    return tuple(line.strip() for line in answer.stdout.splitlines() if line.strip()) if answer.returncode == 0 else ()


def kind_name(kind: str) -> str:
    """What to call a device of kind cpu | cuda: the first GPU's model, or the processor's."""
    return gpu_names()[0] if kind.startswith("cuda") and gpu_names() else cpu_name()
