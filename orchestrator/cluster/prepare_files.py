"""The files of a preparation whose machines share no folder: they travel through the artifact store."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path
from typing import Any

from orchestrator.cluster.artifact_layout import PREPARATIONS
from orchestrator.cluster.artifact_store import scratch_folder
from orchestrator.cluster.patient_files import PatientFiles
from tokenizer.private import make_private, own_folder
from tokenizer.stream.kept import DONE
from tokenizer.stream.pool import do_once
from tokenizer.stream.steps import READS
from tokenizer.stream.whole import UNFINISHED

_LOCK = "fetching"
"""File that a process of a machine holds while it fetches."""
_REMEDY = "set ISOFLOP_SCRATCH to a folder of your own that nobody else may write into"


def stored_url(artifacts: str, folder: Path) -> str:
    """Where the files of a folder go in an artifact store; another machine or home has another place."""
    home = hashlib.sha256(f"{os.uname().nodename}\0{folder.parent.absolute()}".encode()).hexdigest()[:16]
    return f"{artifacts.rstrip('/')}/{PREPARATIONS}/{home}/{folder.name}"


class StoredFiles:
    """The files of a preparation at a URL. A file is whole; that a task is done is sent and fetched last."""

    def __init__(self, url: str) -> None:
        """Those at `url`."""
        import fsspec

        files, self._root = fsspec.core.url_to_fs(url)
        self._fs: Any = PatientFiles(files)

    def fetch(self, folder: Path, patterns: Sequence[str] = ("*",)) -> None:
        """Copy what a folder lacks, of the names that match a pattern. Raises ArtifactsAway, OSError."""
        self.copy(folder, (name for name, size in self._sizes().items() if _matches(name, patterns, folder, size)))

    def copy(self, folder: Path, names: Iterable[str]) -> None:
        """Copy files into a folder, over those that are there. Raises ArtifactsAway, OSError."""
        for name in _done_last(names):
            unfinished = folder / f"{name}.{os.getpid()}{UNFINISHED}"
            self._fs.get_file(f"{self._root}/{name}", str(unfinished))
            unfinished.replace(folder / name)

    def send(self, folder: Path, names: Iterable[str]) -> None:
        """Store files of a folder. Raises ArtifactsAway, OSError."""
        self._fs.makedirs(self._root, exist_ok=True)
        for name in _done_last(names):
            self._fs.put_file(str(folder / name), f"{self._root}/{name}")

    def send_missing(self, folder: Path) -> None:
        """Store what is in a folder alone. Raises ArtifactsAway, OSError."""
        stored = self._sizes()
        here = {path.name: path.stat().st_size for path in whole_files(folder)}
        self.send(folder, (name for name, size in here.items() if stored.get(name) != size))

    def drop_others(self) -> None:
        """Delete what an earlier preparation of the same home left. Raises ArtifactsAway."""
        parent, _, own = self._root.rpartition("/")
        self._fs.invalidate_cache()
        if self._fs.exists(parent):
            # With details: without them some file systems, such as FTP's, return names without their folder.
            for path in [details["name"] for details in self._fs.ls(parent, detail=True)]:
                if path.rstrip("/").rpartition("/")[2] != own:
                    self._fs.rm(path, recursive=True)

    def drop(self) -> None:
        """Delete them. Raises ArtifactsAway."""
        self._fs.invalidate_cache()
        if self._fs.exists(self._root):
            self._fs.rm(self._root, recursive=True)

    def _sizes(self) -> dict[str, int]:
        """Bytes of each stored file, by its name."""
        self._fs.invalidate_cache()
        found = self._fs.find(self._root, detail=True) if self._fs.exists(self._root) else {}
        return {path.rpartition("/")[2]: facts["size"] for path, facts in found.items()}


def whole_files(folder: Path) -> Iterator[Path]:
    """The files of a folder that are written to their end, and are none of a machine's own."""
    return (path for path in folder.iterdir() if path.is_file() and path.suffix != UNFINISHED and path.name != _LOCK)


def do_stored(url: str, step: str, task: str) -> tuple[str, list[str]]:
    """Do a task with the stored files; returns its result, and the names of the files that were stored.

    Raises:
        CorpusError, ArtifactsAway, OSError.
    """
    stored, machine = _stored(url), machine_folder(url)
    with _alone(machine):
        stored.fetch(machine, READS[step])
    folder = _own(machine)
    for path in whole_files(machine):
        if _matches(path.name, READS[step], folder, path.stat().st_size):
            (folder / path.name).unlink(missing_ok=True)
            os.link(path, folder / path.name)
    before = {path.name for path in whole_files(folder)}
    try:
        result = do_once(folder, step, task)
        made = sorted(path.name for path in whole_files(folder) if path.name not in before)
        stored.send(folder, made)
        for name in made:  # this machine need not fetch them
            (folder / name).replace(machine / name)
    finally:
        for path in list(folder.iterdir()):
            if path.name not in before:  # whoever repeats the task begins anew
                path.unlink()
    return result, made


def machine_folder(url: str) -> Path:
    """Where a machine keeps its copies of stored files; made if need be. Raises FolderError, OSError."""
    home, name = url.rstrip("/").split("/")[-2:]
    return make_private(own_folder(scratch_folder(), _REMEDY) / PREPARATIONS / home / name)


def drop_copies(url: str, *, own: bool) -> None:
    """Delete a machine's copies of what earlier preparations of a home stored; with `own` also those at this URL."""
    machine = machine_folder(url)
    for folder in machine.parent.iterdir():
        if own or folder != machine:
            shutil.rmtree(folder, ignore_errors=True)


@lru_cache(maxsize=1)
def _stored(url: str) -> StoredFiles:
    """The files at a URL, with one connection for a process."""
    return StoredFiles(url)


@lru_cache(maxsize=1)
def _own(machine: Path) -> Path:
    """A folder for this process: what appears in it, its task has made."""
    return Path(tempfile.mkdtemp(prefix="process-", dir=machine))


@contextmanager
def _alone(machine: Path) -> Iterator[None]:
    """A context in which no other process of this machine fetches the same files."""
    with (machine / _LOCK).open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _matches(name: str, patterns: Sequence[str], folder: Path, size: int) -> bool:
    """Whether a name matches a pattern, and the folder has no file of that name and size."""
    path = folder / name
    wanted = any(fnmatch(name, pattern) for pattern in patterns)
    return wanted and not (path.exists() and path.stat().st_size == size)


def _done_last(names: Iterable[str]) -> list[str]:
    """Names in an order in which those that say that a task is done come last."""
    return sorted(names, key=lambda name: (name.endswith(DONE), name))
