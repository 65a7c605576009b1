"""The C++ kernels of `native.cpp`: built once per machine by its own compiler, loaded without Python headers."""

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

from model.hardware import cpu_name

SOURCE = Path(__file__).with_name("native.cpp")
FLAGS = ("-O3", "-march=native", "-std=c++17", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC")
"""No -ffast-math: linking with it would change how the whole process rounds."""
BUILD_SECONDS = 120
"""Time limit of the compiler; 3 s are usual."""

_POINTER, _INTEGER, _FLOAT = ctypes.c_void_p, ctypes.c_int64, ctypes.c_float
_SIGNATURES = {
    "rms_forward": (_POINTER, _POINTER, _POINTER, _INTEGER, _INTEGER, _FLOAT),
    "rms_backward": (_POINTER, _POINTER, _POINTER, _POINTER, _POINTER, _INTEGER, _INTEGER),
    "attention_forward": (*[_POINTER] * 5, *[_INTEGER] * 4, _FLOAT),
    "attention_backward": (*[_POINTER] * 7, *[_INTEGER] * 4, _FLOAT),
    "swiglu_forward": (_POINTER, _POINTER, _INTEGER),
    "swiglu_backward": (_POINTER, _POINTER, _POINTER, _INTEGER),
    "softmax_loss": (*[_POINTER] * 4, *[_INTEGER] * 4),
    "embed": (_POINTER, _POINTER, _POINTER, _INTEGER, _INTEGER),
    "embed_backward": (_POINTER, _POINTER, _POINTER, _INTEGER, _INTEGER),
}


class NativeError(RuntimeError):
    """The kernels cannot be built or loaded here; the message says why."""


def compiler() -> str | None:
    """The C++ compiler: $CXX, or the first of c++, g++ and clang++ that is there."""
    names = (os.environ["CXX"],) if os.environ.get("CXX") else ("c++", "g++", "clang++")
    return next((found for name in names if (found := shutil.which(name))), None)


def cache_folder() -> Path:
    """Where built kernels and compiled graphs are kept: $XDG_CACHE_HOME/isoflop, or ~/.cache/isoflop."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "isoflop"


def available() -> bool:
    """Whether the kernels can be used here; builds them on the first call of a machine."""
    try:
        library()
    except NativeError:
        return False
    return True


@cache
def library() -> ctypes.CDLL:
    """The loaded kernels. Raises NativeError."""
    try:
        loaded = ctypes.CDLL(str(_built()))
    except OSError as error:
        raise NativeError(f"the kernels cannot be loaded: {error}") from error
    for name, arguments in _SIGNATURES.items():
        function = getattr(loaded, name)
        function.argtypes, function.restype = arguments, None
    return loaded


def _built() -> Path:
    """Path of the library, built if this source was not yet on this processor."""
    if os.name != "posix":
        raise NativeError("the kernels are built on Linux and macOS only")
    identity = "\n".join((SOURCE.read_text(), *FLAGS, platform.platform(), cpu_name()))
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
    """Compile beside and rename, so that workers that start together do not meet a half-written file."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        built = Path(folder) / path.name
        done = subprocess.run(
            [command, *FLAGS, "-o", str(built), str(SOURCE)],
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise NativeError(f"{command} did not build the kernels: {done.stderr.strip()[-500:]}")
        built.replace(path)
