"""Where the bytes of a corpus lie: a path of this machine, or a URL that fsspec has a driver for."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

from tokenizer.corpus_error import CorpusError, CorpusFileError

Location = Path | str
"""A path, or a URL as text."""
T = TypeVar("T")
_DRIVERS = {
    "s3": "isoflop[s3]",
    "s3a": "isoflop[s3]",
    "gs": "isoflop[gcs]",
    "gcs": "isoflop[gcs]",
    "hf": "huggingface_hub",
}
"""What brings the driver of a scheme."""

_BLOCK = 1 << 20
"""Bytes that are fetched at once from another machine."""


def is_url(given: str) -> bool:
    """Whether what a sweep names is a URL."""
    return "://" in given


def location_of(given: str) -> Location:
    """A location from its text."""
    return given if is_url(given) else Path(given)


def suffix_of(location: Location) -> str:
    """The ending of its name, such as .gz."""
    return Path(str(location)).suffix


def open_bytes(location: Location) -> BinaryIO:
    """A file for reading; never waits for a pipe. Raises CorpusFileError."""
    return _open_remote(location) if isinstance(location, str) else _open_regular(location)


def _open_regular(path: Path) -> BinaryIO:
    """A regular file of this machine. Raises CorpusFileError."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise CorpusFileError(f"{path}: cannot be read: {why}") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise CorpusFileError(f"{path}: is not a regular file; write what it gives into one")
    return os.fdopen(handle, "rb")


def _open_remote(url: str) -> BinaryIO:
    """A file that a driver of fsspec reads. Raises CorpusFileError, CorpusError."""
    import fsspec

    def open_it() -> BinaryIO:
        system, path = fsspec.core.url_to_fs(url)
        return cast(BinaryIO, io.BufferedReader(system.open(path, "rb", block_size=_BLOCK), _BLOCK))

    try:
        return _driven(url, open_it)
    except CorpusFileError:
        raise
    except CorpusError as error:
        raise CorpusFileError(f"{url}: cannot be read: {error.message}") from error


def _driven(url: str, act: Callable[[], T]) -> T:
    """What a driver does. Raises CorpusError where there is none, or where it fails, whatever it raises."""
    scheme = url.partition("://")[0]
    try:
        return act()
    except ImportError as error:
        remedy = f"pip install '{_DRIVERS[scheme]}'" if scheme in _DRIVERS else str(error)
        raise CorpusError(f"the driver of {scheme}:// is not installed: {remedy}", "paths") from error
    except Exception as error:
        why = str(error) or type(error).__name__
        raise CorpusError(f"{url} cannot be read: {why}; check the address and the credentials", "paths") from error


def remote_files(url: str, suffixes: tuple[str, ...]) -> list[str]:
    """The files that a URL stands for: itself, those of a folder with these endings, those that match a glob, sorted.

    Raises CorpusError.
    """
    import fsspec

    def find() -> list[str]:
        system, path = fsspec.core.url_to_fs(url)
        if any(sign in path for sign in "*["):
            found = [name for name in system.glob(path) if system.isfile(name)]
        elif system.isdir(path):
            found = [name for name in system.find(path) if str(name).endswith(suffixes)]
        else:
            found = [path] if system.exists(path) else []
        return sorted(str(system.unstrip_protocol(name)) for name in found)

    files = _driven(url, find)
    if not files:
        endings = ", ".join(suffixes)
        raise CorpusError(f"{url} stands for no file: name a file, a glob, or a folder with {endings}", "paths")
    return files


def state_of(location: Location) -> tuple[int, str]:
    """(bytes, what tells its state from a later one) of a file: a shortcut, never an identity. Raises CorpusError."""
    if isinstance(location, Path):
        try:
            status = location.stat()
        except OSError:
            return 0, ""
        return status.st_size, f"{location.absolute()}\0{status.st_size}\0{status.st_mtime_ns}\0"
    import fsspec

    def look() -> tuple[int, str]:
        system, path = fsspec.core.url_to_fs(location)
        facts = system.info(path)
        told = [str(facts.get(name, "")) for name in ("size", "ETag", "etag", "mtime", "LastModified", "created")]
        return int(facts.get("size") or 0), "\0".join((location, *told))

    return _driven(location, look)
