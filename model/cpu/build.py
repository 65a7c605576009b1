"""The C++ kernels of `model/cpu/kernels`: built once per machine by its own compiler, loaded through ctypes."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from model.hardware import cpu_name
from tokenizer.errors import ExpectedError

SOURCES = Path(__file__).with_name("kernels")
"""Folder of the kernels' sources."""
MAIN_SOURCE = SOURCES / "kernels.cpp"
"""The file that the compiler is given; it includes the others."""
FLAGS = ("-O3", "-march=native", "-std=c++17", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC")
"""Flags of the compiler. No -ffast-math: linking with it would change how the whole process rounds."""
BUILD_SECONDS = 120
"""Time limit of the compiler; it usually takes 6 s."""


class KernelShape(ctypes.Structure):
    """Sizes of a model and its batch, as the kernels read them: `Shape` of `kernels/norm.h`."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("sequences", "context", "width", "heads", "hidden", "vocab")),
        ("eps", ctypes.c_float),
    )


def _branch(tensors: int) -> tuple[Any, ...]:
    """Argument types of a kernel: the sizes, then this number of tensors."""
    return (ctypes.POINTER(KernelShape), *[ctypes.c_void_p] * tensors)


_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "padded_context": (ctypes.c_int64, (ctypes.c_int64,)),
    "ids_are_valid": (ctypes.c_bool, (ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)),
    "embed": (None, _branch(3)),
    "embed_backward": (None, _branch(3)),
    "attention_branch": (None, _branch(9)),
    "attention_branch_backward": (None, _branch(12)),
    "mlp_branch": (None, _branch(5)),
    "mlp_branch_backward": (None, _branch(8)),
    "head_loss": (ctypes.c_double, _branch(5)),
}
"""Result and arguments of each kernel."""


class NativeError(ExpectedError, RuntimeError):
    """The kernels cannot be built or loaded here; the message says why."""

    kind = "native"


def compiler() -> str | None:
    """Path of the C++ compiler: $CXX, or the first of c++, g++ and clang++ that exists; None without one."""
    names = (os.environ["CXX"],) if os.environ.get("CXX") else ("c++", "g++", "clang++")
    return next((found for name in names if (found := shutil.which(name))), None)


def cache_folder() -> Path:
    """Folder of built kernels and compiled graphs: $XDG_CACHE_HOME/isoflop, or ~/.cache/isoflop."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "isoflop"


def available() -> bool:
    """Whether the kernels can be used here; the first call on a machine builds them."""
    try:
        library()
    except NativeError:
        return False
    return True


@cache
def library() -> ctypes.CDLL:
    """The loaded kernels, built if need be. Raises NativeError."""
    try:
        loaded = ctypes.CDLL(str(_built()))
    except OSError as error:
        raise NativeError(f"the kernels cannot be loaded: {error}") from error
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


def _built() -> Path:
    """Path of the library for this source and this processor, built if it is not in the cache."""
    if os.name != "posix":
        raise NativeError("the kernels are built on Linux and macOS only")
    texts = [source.read_text() for source in sorted(SOURCES.glob("*.*"))]
    identity = "\n".join((*texts, *FLAGS, platform.platform(), cpu_name()))
    name = f"native-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.so"
    path = cache_folder() / name
    if path.exists():
        return path
    command = compiler()
    if command is None:
        raise NativeError("there is no C++ compiler: install g++ or clang++, or name one in CXX")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _build(command, path)
    except (OSError, subprocess.SubprocessError) as error:
        raise NativeError(f"{command} did not build the kernels: {error}") from error
    return path


def _build(command: str, path: Path) -> None:
    """Compile into a temporary folder and rename, so that workers that start together never see a half-written file."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        built = Path(folder) / path.name
        done = subprocess.run(
            [command, *FLAGS, "-o", str(built), str(MAIN_SOURCE)],
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise NativeError(f"{command} did not build the kernels: {done.stderr.strip()[-500:]}")
        built.replace(path)
