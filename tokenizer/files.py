"""Finds the files that the paths of a corpus stand for: files, folders, globs; inside given folders if need be."""

from __future__ import annotations

import fnmatch
import glob
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizer.corpus_error import CorpusError
from tokenizer.locations import Location, is_url, remote_files

SUFFIXES = {
    source: tuple(f"{ending}{packed}" for packed in ("", ".gz", ".zst") for ending in endings)
    for source, endings in (("text", (".txt", ".md")), ("jsonl", (".jsonl", ".ndjson")), ("parquet", (".parquet",)))
}
"""Files that a folder stands for, by source."""


def source_of(paths: Sequence[str]) -> str:
    """The kind of source that paths look like: python where there is none."""
    if not paths:
        return "python"
    fitting = (source for source, endings in SUFFIXES.items() if source != "text" and paths[0].endswith(endings))
    return next(fitting, "text")


OUTSIDE = (
    "corpus.paths: a corpus that is named over the network lies in a folder that the service's operator listed in "
    "ISOFLOP_CORPUS_FOLDERS; name files there, or leave out corpus.paths for the built-in corpus"
)
"""The message for any path outside, whether or not there is such a file."""


PACKED = (".xz", ".bz2", ".lz4", ".zip", ".tar", ".7z")
"""Suffixes of files in which text may be packed so that it cannot be read."""


@dataclass(frozen=True)
class Reach:
    """Where the files of a corpus may lie that somebody names who may not read everything."""

    folders: tuple[Path, ...]
    """Reach in which they must lie once links are followed; resolved paths."""
    closed: tuple[Path, ...] = ()
    """Reach in these that are left out; resolved paths."""

    def holds(self, path: Path) -> bool:
        """Whether a path leads to such a place. Hidden files and folders are none."""
        try:
            real = Path(os.path.realpath(path))
        except (OSError, ValueError):
            return False
        return not any(map(real.is_relative_to, self.closed)) and any(
            real.is_relative_to(folder) and not any(part.startswith(".") for part in real.relative_to(folder).parts)
            for folder in self.folders
        )


def files_of(source: str, paths: tuple[str, ...], within: Reach | None = None) -> list[Location]:
    """Files that the paths stand for, each once, sorted.

    Args:
        source: kind of source.
        paths: what the sweep names.
        within: where files may be named; None for everywhere.

    Raises:
        CorpusError: for a path that does not exist, that is no file or lies outside, and for a folder or glob without
            a file to read.
    """
    found: set[Location] = set()
    for given in paths:
        if within is not None:
            _check_beginning(given, within)
        try:
            found |= set(remote_files(given, SUFFIXES[source])) if is_url(given) else _files_at(given, source, within)
        except CorpusError:
            raise
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise CorpusError(f"corpus.paths: {given} cannot be read: {why}") from error
    return sorted(found, key=lambda location: (isinstance(location, str), location))


def _check_beginning(given: str, within: Reach) -> None:
    """Raise CorpusError where a path leads outside, before anything is looked up that could tell what is there."""
    path = Path(given)
    fixed, _ = _split(path.absolute())
    if is_url(given) or given.startswith("~") or ".." in path.parts or not within.holds(fixed):
        raise CorpusError(OUTSIDE)


def _may_be_read(path: Path, within: Reach | None) -> bool:
    """Whether a path lies within reach; None is everywhere."""
    return within is None or within.holds(path)


def _files_at(given: str, source: str, within: Reach | None) -> set[Path]:
    """Files that one path stands for; those that a link takes outside are as if they were not there.

    Raises CorpusError.
    """
    try:
        path = Path(given).expanduser()
    except RuntimeError as error:
        raise CorpusError(f"corpus.paths: {given} names the home of nobody on this machine") from error
    may_be_read = _may_be_read(path, within)
    if may_be_read and path.is_file():
        return {path}
    if may_be_read and path.is_dir():
        return _files_in(path, source, given, within)
    if may_be_read and os.path.lexists(path):
        kind = "a link to nothing" if path.is_symlink() and not path.exists() else "not a regular file"
        raise CorpusError(f"corpus.paths: {given} is {kind}; name regular files, folders or globs")
    return _files_matching(path, given, within)


def _files_in(folder: Path, source: str, given: str, within: Reach | None) -> set[Path]:
    """Files of a source in a folder and below. Raises CorpusError where there is none."""
    suffixes = SUFFIXES[source]
    found = {p for p in folder.rglob("*") if p.name.endswith(suffixes) and _may_be_read(p, within) and p.is_file()}
    if not found:
        packed = next((p for p in folder.rglob("*") if p.suffix in PACKED and _may_be_read(p, within)), None)
        remedy = (
            f"files such as {packed.name} must be decompressed first"
            if packed
            else "name a glob, such as folder/**/*.rst, or another corpus.source"
        )
        raise CorpusError(f"corpus.paths: the folder {given} holds no {', '.join(suffixes)} file; {remedy}")
    return found


def _files_matching(path: Path, given: str, within: Reach | None) -> set[Path]:
    """Files that a glob matches. Raises CorpusError where there is none."""
    if not glob.has_magic(given):
        raise CorpusError(f"corpus.paths: {given} does not exist{_looked_in(within)}")
    fixed, pattern = _split(path)
    found = {match for match in _matching(fixed, pattern, within) if match.is_file()}
    if not found:
        raise CorpusError(f"corpus.paths: the glob {given} matches no file{_looked_in(within)}")
    return found


def _looked_in(within: Reach | None) -> str:
    """Where relative paths begin, for those who may know it."""
    return f" (looked in {Path.cwd()})" if within is None else ""


def _split(path: Path) -> tuple[Path, tuple[str, ...]]:
    """The beginning of a path without a wildcard, and the parts of the pattern behind it."""
    count = next((i for i, part in enumerate(path.parts) if glob.has_magic(part)), len(path.parts))
    return Path(*path.parts[:count]), path.parts[count:]


def _matching(folder: Path, pattern: tuple[str, ...], within: Reach | None) -> Iterator[Path]:
    """What a pattern matches below a folder, hidden names only where it names them; `**` is any number of folders.

    Links are followed, but not out of reach, and each `**` enters a folder once, however many there are.
    """
    entered: set[tuple[int, int, int]] = set()
    waiting = [(folder, 0)]
    while waiting:
        here, at = waiting.pop()
        if not _may_be_read(here, within):
            continue
        if at == len(pattern):
            yield here
        elif pattern[at] != "**":
            waiting += [(here / name, at + 1) for name in _names_like(pattern[at], here)]
        elif (identity := _identity(here)) is not None and (*identity, at) not in entered:
            entered.add((*identity, at))
            last = at == len(pattern) - 1
            waiting += [(here / name, at) for name in reversed(_names(here)) if not name.startswith(".")]
            waiting += [(here / name, at + 1) for name in _names_like("*", here)] if last else [(here, at + 1)]


def _names_like(part: str, folder: Path) -> list[str]:
    """Names in a folder that match one part of a pattern."""
    if not glob.has_magic(part):
        return [part] if os.path.lexists(folder / part) else []
    return [
        name
        for name in _names(folder)
        if fnmatch.fnmatchcase(name, part) and (part.startswith(".") or not name.startswith("."))
    ]


def _identity(folder: Path) -> tuple[int, int] | None:
    """What tells a folder from others whatever leads to it; None for what is no folder, or cannot be entered."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISDIR(status.st_mode) else None


def _names(folder: Path) -> list[str]:
    """Names in a folder, sorted; none where it cannot be listed."""
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:
        return []
