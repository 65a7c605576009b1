"""Reads documents from the user's own files: plain text, JSON lines, Parquet."""

from __future__ import annotations

import glob
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tokenizer.errors import ExpectedError

SUFFIXES = {
    "text": (".txt", ".md", ".txt.gz", ".md.gz"),
    "jsonl": (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz"),
    "parquet": (".parquet",),
}
"""Files that a folder stands for, by source."""

DOCUMENT_SEPARATOR = "<|endoftext|>"
"""A line with nothing else ends a document of a text file, as in TinyStories and other published dumps."""

DOCUMENT_LENGTH = 16_384
"""Characters. A text file without separators is cut into documents of about this length, so that it can be split and
mixed: at the first blank line beyond it, or at the first line end beyond twice of it."""


class CorpusError(ExpectedError, ValueError):
    """A corpus cannot be read; the message says where and what to do."""

    kind = "corpus"

    def __init__(self, message: str, key: str = "") -> None:
        """The message, after the key of `corpus` at fault if there is one."""
        super().__init__(f"corpus.{key} {message}" if key else message)
        self.key = key
        """Key of the sweep file's `corpus` whose value is at fault; empty where it is none of them."""
        self.message = message
        """The message without the key."""


def files_of(source: str, paths: tuple[str, ...]) -> list[Path]:
    """Files that the paths stand for, each once, sorted.

    Raises CorpusError for a path that does not exist, and for a folder or glob without a file to read.
    """
    found: set[Path] = set()
    for given in paths:
        path = Path(given).expanduser()
        if path.is_file():
            found.add(path)
        elif path.is_dir():
            found |= _files_in(path, source, given)
        else:
            found |= _files_matching(path, given)
    return sorted(found)


def _files_in(folder: Path, source: str, given: str) -> set[Path]:
    """Files of a source in a folder and below. Raises CorpusError where there is none."""
    suffixes = SUFFIXES[source]
    found = {path for path in folder.rglob("*") if path.name.endswith(suffixes) and path.is_file()}
    if not found:
        raise CorpusError(
            f"corpus.paths: the folder {given} holds no {', '.join(suffixes)} file; "
            "name a glob, such as folder/**/*.rst, or another corpus.source"
        )
    return found


def _files_matching(path: Path, given: str) -> set[Path]:
    """Files that a glob matches. Raises CorpusError where there is none."""
    if not glob.has_magic(given):
        raise CorpusError(f"corpus.paths: {given} does not exist (looked in {Path.cwd()})")
    names = glob.glob(str(path), recursive=True)  # noqa: PTH207 (Path.glob takes no absolute pattern)
    found = {match for name in names if (match := Path(name)).is_file()}
    if not found:
        raise CorpusError(f"corpus.paths: the glob {given} matches no file (looked in {Path.cwd()})")
    return found


def _open_bytes(path: Path) -> BinaryIO | gzip.GzipFile:
    """A file's bytes, decompressed."""
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines, from 1, with their line ends. Raises CorpusError that names the line."""
    number = 0
    try:
        with _open_bytes(path) as stream:
            for number, raw in enumerate(stream, start=1):
                yield number, raw.decode()
    except UnicodeDecodeError as error:
        remedy = "convert the file to UTF-8"
        raise CorpusError(f"{path}:{number}: not UTF-8 at byte {error.start} of the line; {remedy}") from error
    except (OSError, EOFError) as error:
        raise CorpusError(f"{path}: cannot be read: {error}") from error


def read_text(path: Path) -> Iterator[str]:
    """Documents of a text file: cut at separator lines, and long stretches at blank lines. Raises CorpusError."""
    lines: list[str] = []
    length = 0
    for _, line in _lines(path):
        blank = not line.strip()
        if line.strip() == DOCUMENT_SEPARATOR:
            yield "".join(lines)
            lines, length = [], 0
            continue
        lines.append(line)
        length += len(line)
        if length >= (DOCUMENT_LENGTH if blank else 2 * DOCUMENT_LENGTH):
            yield "".join(lines)
            lines, length = [], 0
    yield "".join(lines)


def read_jsonl(path: Path, key: str) -> Iterator[str]:
    """The text under `key` of each line that is not blank. Raises CorpusError that names file and line."""
    for number, line in _lines(path):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise CorpusError(f"{path}:{number}: not JSON ({error}); each line must hold one JSON object") from error
        yield _text_of(record, key, f"{path}:{number}")


def _text_of(record: object, key: str, where: str) -> str:
    """The text under a key of a line's record; `where` is its file and line. Raises CorpusError."""
    if not isinstance(record, dict):
        raise CorpusError(f"{where}: a line must hold a JSON object, this one holds {type(record).__name__}")
    if key not in record:
        there = ", ".join(map(str, record)) or "none"
        raise CorpusError(f"{where}: no key {key!r}; set corpus.text_key to one of its keys ({there})")
    text = record[key]
    if not isinstance(text, str):
        raise CorpusError(
            f"{where}: {key!r} holds {type(text).__name__}, not a string; set corpus.text_key to the text"
        )
    if not _is_unicode(text):
        raise CorpusError(
            f"{where}: {key!r} holds half of a surrogate pair, which is not text; repair or remove the line"
        )
    return text


def _is_unicode(text: str) -> bool:
    """Whether a string can be written as UTF-8: JSON may hold halves of surrogate pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_parquet(path: Path, column: str) -> Iterator[str]:
    """The strings of one column, without nulls. Raises CorpusError for a wrong file, column or type."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            if column not in schema.names:
                there = ", ".join(schema.names)
                raise CorpusError(f"{path}: no column {column!r}; set corpus.text_key to one of its columns ({there})")
            kind = schema.field(column).type
            if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
                raise CorpusError(
                    f"{path}: column {column!r} holds {kind}, not strings; set corpus.text_key to the text"
                )
            for batch in file.iter_batches(batch_size=1024, columns=[column]):
                yield from (text for text in batch.column(0).to_pylist() if text is not None)
    except (pa.ArrowException, OSError) as error:
        raise CorpusError(f"{path}: not a readable Parquet file: {error}") from error
