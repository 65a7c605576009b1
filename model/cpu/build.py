"""The C++ kernels of `model/cpu/kernels`: built once per processor and compiler, verified, loaded through ctypes."""

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

from model.cpu.cache import cache_folder, is_ours, private_folders
from model.hardware import cpu_features, cpu_name
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
    """Path of the intact library for this source, processor and compiler, built if no private folder has it."""
    if os.name != "posix":
        raise NativeError("the kernels are built on Linux and macOS only")
    command = compiler()
    made_by = _digest(_version(command)) if command else "*"
    name = f"native-{_digest(*_machine())}-{made_by}"
    known = (path for folder in private_folders() for path in sorted(folder.glob(f"{name}-*.so")))
    intact = next((path for path in known if _is_intact(path)), None)
    if intact is not None:
        return intact
    if command is None:
        raise NativeError("there is no C++ compiler: install g++ or clang++, or name one in CXX")
    try:
        return _build(command, cache_folder(), name)
    except (OSError, subprocess.SubprocessError) as error:
        raise NativeError(f"{command} did not build the kernels: {error}") from error


def _machine() -> tuple[str, ...]:
    """What the library's code depends on besides the compiler: the sources, the flags, the system and the processor."""
    texts = (source.read_text() for source in sorted(SOURCES.glob("*.*")))
    return (*texts, *FLAGS, platform.platform(), cpu_name(), *cpu_features())


def _version(command: str) -> str:
    """What the compiler says of itself; its path where it says nothing."""
    try:
        said = subprocess.run(
            [command, "--version"], capture_output=True, text=True, timeout=BUILD_SECONDS, check=False, errors="replace"
        )
    except (OSError, subprocess.SubprocessError):
        return command
    return f"{command}\n{said.stdout}"


def _digest(*texts: str) -> str:
    """A hash of some texts that a file's name may hold."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def _content_digest(path: Path) -> str:
    """A hash of a file's bytes that its name may hold."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _is_intact(path: Path) -> bool:
    """Whether a library is ours and has the content that its name tells: to load a damaged one can kill the process."""
    try:
        return path.is_file() and is_ours(path) and path.stem.rpartition("-")[2] == _content_digest(path)
    except OSError:
        return False


def _build(command: str, cache: Path, name: str) -> Path:
    """Compile in a temporary folder and rename, so that workers that start together never see a half-written file."""
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        built = Path(folder) / "native.so"
        done = subprocess.run(
            [command, *FLAGS, "-o", str(built), str(MAIN_SOURCE)],
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
            errors="replace",
        )
        if done.returncode != 0:
            raise NativeError(f"{command} did not build the kernels: {done.stderr.strip()[-500:]}")
        built.chmod(0o700)
        path = cache / f"{name}-{_content_digest(built)}.so"
        built.replace(path)
    for old in cache.glob(f"{name}-*.so"):
        if old != path and not _is_intact(old):
            old.unlink(missing_ok=True)
    return path
