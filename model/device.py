"""Settings of torch and of the memory allocator for a run, and the name of its device."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import sys
from collections.abc import Iterator

import torch

from model.cpu.cache import cache_folder
from model.hardware import cpu_name

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
"""Numbers of glibc's mallopt options, from malloc.h."""


def keep_freed_memory() -> bool:
    """Make glibc reuse large freed blocks instead of returning each to the kernel; False where it cannot be done.

    By default glibc maps every buffer above 128 KiB afresh, and each page of it faults in again.
    """
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((_M_MMAP_THRESHOLD, 1 << 30), (_M_TRIM_THRESHOLD, (1 << 31) - 1), (_M_TOP_PAD, 64 << 20))
    results = [mallopt(option, value) for option, value in settings]
    return all(result == 1 for result in results)


@contextlib.contextmanager
def torch_settings(threads: int) -> Iterator[None]:
    """A context with this number of CPU threads in torch, and denormal numbers flushed to zero."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    flushes = torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        if flushes:
            torch.set_flush_denormal(False)


def share_compiled_code() -> None:
    """Let all processes of this user share what torch.compile builds, unless TORCHINDUCTOR_CACHE_DIR names a folder."""
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder() / "inductor"))


def autocast(device: torch.device, numerics: str) -> torch.autocast:
    """The numerics profile as a context: under bf16 matrix products are computed in bfloat16; fp32 changes nothing."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=numerics == "bf16")


def indexed(device: torch.device) -> torch.device:
    """The device with its number, which parts of torch ask for: `cuda` is the current GPU."""
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", torch.cuda.current_device())
    return device


def device_name(device: torch.device) -> str:
    """The model of the GPU or of the processor."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return cpu_name()


@contextlib.contextmanager
def compiled_anew(compiles: bool) -> Iterator[None]:
    """A context for a run that compiles: what was compiled for runs before it is forgotten.

    Torch compiles only so many shapes of the same code in a process, and quietly goes on without after those.
    """
    if compiles:
        torch.compiler.reset()
    yield


def compiled_if(usual_shape: bool) -> contextlib.AbstractContextManager[object]:
    """A context that runs compiled code only for the usual shape: compiling for a rare one costs more than it saves."""
    if usual_shape:
        return contextlib.nullcontext()
    stance: contextlib.AbstractContextManager[object] = torch.compiler.set_stance("force_eager")
    return stance
