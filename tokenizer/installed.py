"""Finds the built-in corpus: the Python sources of the interpreter and of the packages that isoflop pins."""

from __future__ import annotations

import os
import re
import sysconfig
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "alembic",
    "altair",
    "fastapi",
    "fsspec",
    "huggingface-hub",
    "jinja2",
    "mpmath",
    "narwhals",
    "networkx",
    "numpy",
    "pandas",
    "pydantic",
    "ray",
    "rich",
    "scipy",
    "sqlalchemy",
    "sympy",
    "torch",
    "typer",
    "wandb",
)
"""Distributions whose sources are added to the standard library's: large, hand-written, in the pinned environment."""

SKIPPED_FOLDERS = frozenset(
    {"test", "tests", "idle_test", "__pycache__", "site-packages", "dist-packages"}
    | {"_vendor", "vendored", "thirdparty", "thirdparty_files", "generated"}
)
"""Folders of tests, of copies of other packages, and of generated code."""

_GENERATED_NAMES = re.compile(r".*_pb2(_grpc)?\.py|_?version\.py|__config__\.py|_sysconfigdata.*\.py")
"""Names of protocol buffers, and of records of a build, which differ between machines with equal sources."""

_GENERATED_HEADER = re.compile(
    rb"auto-?\s?generated|do not (edit|modify)|generated (by|from|and used)|(is|was) generated"
    rb"|automatically (generated|written|created)|@generated",
    re.IGNORECASE,
)
"""What generated files say about themselves."""
_HEADER_BYTES = 400
"""Beginning of a file in which that is looked for, bytes."""
_LONGEST_LINE = 1_000
"""Bytes; a longer line marks minified text or data."""
_DIGIT_SHARE = 0.2
"""A larger share of digits among the bytes marks a table of numbers."""


def installed_sources() -> tuple[list[tuple[Path, str]], tuple[str, ...]]:
    """(file, origin) of every candidate for the built-in corpus, and a note about packages that are not installed.

    Packages are found by their metadata alone and never imported.
    """
    found = list(_standard_library())
    missing: list[str] = []
    for name in PACKAGES:
        files = list(_package(name))
        found += files
        if not files:
            missing.append(name)
    notes = (f"not installed, left out of the corpus: {', '.join(missing)}",) if missing else ()
    return found, notes


def _wanted(parts: tuple[str, ...]) -> bool:
    """Whether a path is that of a Python source outside SKIPPED_FOLDERS that is not generated, by its name."""
    name = parts[-1]
    return (
        name.endswith(".py") and not SKIPPED_FOLDERS.intersection(parts[:-1]) and not _GENERATED_NAMES.fullmatch(name)
    )


def _standard_library() -> Iterator[tuple[Path, str]]:
    """(file, origin) of the standard library's sources."""
    root = sysconfig.get_path("stdlib")
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
        origin = os.path.relpath(folder, root)
        yield from ((Path(folder, name), f"stdlib/{origin}/{name}") for name in names if _wanted((name,)))


def _package(name: str) -> Iterator[tuple[Path, str]]:
    """(file, origin) of a distribution's sources; none where it is not installed."""
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return
    root = Path(str(distribution.locate_file("")))
    for file in distribution.files or ():
        if file.suffix == ".py" and _wanted(file.parts):
            yield root / file, str(file)


def read_source(path: Path) -> str | None:
    """Text of one source file; None where it is generated, a table of data, not UTF-8, or gone."""
    try:
        raw = path.read_bytes()
        text = raw.decode()
    except (OSError, UnicodeDecodeError):
        return None
    return None if _is_generated(raw) or _is_data(raw) else text


def _is_generated(raw: bytes) -> bool:
    """Whether a file says that it is generated."""
    return _GENERATED_HEADER.search(raw, 0, _HEADER_BYTES) is not None


def _is_data(raw: bytes) -> bool:
    """Whether a file looks like data: many digits, or very long lines."""
    digits = len(raw) - len(raw.translate(None, b"0123456789"))
    return digits > _DIGIT_SHARE * len(raw) or max(map(len, raw.split(b"\n"))) > _LONGEST_LINE
