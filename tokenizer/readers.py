"""Reads documents from one file of the user's: plain text, JSON lines, Parquet."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from tokenizer.compression import DAMAGED, GZIP, format_of, open_regular, open_text, reason_of
from tokenizer.corpus_error import CorpusFileError

DOCUMENT_SEPARATOR = "<|endoftext|>"
"""A line with nothing else ends a document of a text file, as in TinyStories and other published dumps."""

DOCUMENT_LENGTH = 16_384
"""Characters. A text file without separators is cut into documents of about this length, so that it can be split and
mixed: at the first blank line beyond it, or at the first line end beyond twice of it."""
LONGEST_LINE = 8 * DOCUMENT_LENGTH
"""Characters. A longer line of a text file, such as text8's only one, is itself cut into documents."""
HOW_TEXT_IS_CUT = (
    f"a text file is cut at lines that hold {DOCUMENT_SEPARATOR} alone; without them at line ends, and inside lines "
    f"of more than {LONGEST_LINE:,} characters, into documents of some {DOCUMENT_LENGTH:,} characters"
)
"""What a user whose text is one document should know."""
_BLOCK = 1 << 18
"""Bytes of a line that are read at once."""
LONGEST_RECORD = 1 << 28
"""Bytes. A longer line of JSON is refused, before it fills the memory."""
_MOST_NAMES = 12
"""Keys or columns that a message lists."""


def _chunks(path: Path) -> Iterator[tuple[int, str, bool]]:
    """(number of the line from 1, some of its text, whether the line ends with it). Raises CorpusFileError."""
    number, read = 1, 0
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open_text(path) as stream:
        try:
            while raw := stream.readline(_BLOCK):
                pending = len(decoder.getstate()[0])
                ends = raw.endswith(b"\n")
                yield number, decoder.decode(raw), ends
                number, read = (number + 1, 0) if ends else (number, read + len(raw))
            pending = len(decoder.getstate()[0])
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            place = f"byte {read - pending + error.start} of the line"
            raise CorpusFileError(f"{path}:{number}: not UTF-8 at {place}; convert the file to UTF-8") from error
        except DAMAGED as error:
            raise CorpusFileError(f"{path}:{number}: cannot be read: {reason_of(error)}") from error


def _text_lines(path: Path) -> Iterator[tuple[str, bool]]:
    """(line, whether it is only a part): lines with their ends; very long ones in parts of DOCUMENT_LENGTH."""
    line = ""
    long = False
    for _, text, ends in _chunks(path):
        line += text
        long = long or len(line) > LONGEST_LINE
        while long and len(line) > 2 * DOCUMENT_LENGTH:
            cut = _word_end(line)
            yield line[:cut], True
            line = line[cut:]
        if ends:
            yield line, long
            line, long = "", False
    if line:
        yield line, long


def _word_end(line: str) -> int:
    """Where a long line is cut: before the first space from DOCUMENT_LENGTH on, else at twice of it."""
    found = line.find(" ", DOCUMENT_LENGTH, 2 * DOCUMENT_LENGTH)
    return found if found >= 0 else 2 * DOCUMENT_LENGTH


def read_text(path: Path) -> Iterator[str]:
    """Documents of a text file: cut at separator lines, and long stretches at blank lines. Raises CorpusFileError."""
    lines: list[str] = []
    length = 0
    for line, part in _text_lines(path):
        blank = not line.strip()
        if line.strip() == DOCUMENT_SEPARATOR:
            yield "".join(lines)
            lines, length = [], 0
            continue
        lines.append(line)
        length += len(line)
        if length >= (DOCUMENT_LENGTH if blank or part else 2 * DOCUMENT_LENGTH):
            yield "".join(lines)
            lines, length = [], 0
    yield "".join(lines)


def _records(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines of a file of JSON. Raises CorpusFileError."""
    parts: list[str] = []
    length = 0
    number = 1
    for number, text, ends in _chunks(path):
        parts.append(text)
        length += len(text)
        if length > LONGEST_RECORD:
            raise CorpusFileError(
                f"{path}:{number}: a line of more than {LONGEST_RECORD / 2**20:.0f} MiB; "
                "each line must hold one JSON object"
            )
        if ends:
            yield number, "".join(parts)
            parts, length = [], 0
    yield number, "".join(parts)


def read_jsonl(path: Path, key: str) -> Iterator[str]:
    """The text under `key` of each line that is not blank. Raises CorpusFileError that names file and line."""
    for number, line in _records(path):
        line = line.removeprefix("\ufeff") if number == 1 else line
        if line.strip():
            yield _text_of(_parsed(line, f"{path}:{number}"), key, f"{path}:{number}")


def _parsed(line: str, where: str) -> object:
    """The value of a line of JSON; `where` is its file and line. Raises CorpusFileError."""
    try:
        value: object = json.loads(line)
    except json.JSONDecodeError as error:
        raise CorpusFileError(
            f"{where}: not JSON ({error.msg} at character {error.pos + 1}); each line must hold one JSON object"
        ) from None
    except RecursionError:
        raise CorpusFileError(f"{where}: JSON nested too deeply to be read; repair or remove the line") from None
    except ValueError:
        raise CorpusFileError(f"{where}: an integer with too many digits; repair or remove the line") from None
    return value


def _text_of(record: object, key: str, where: str) -> str:
    """The text under a key of a line's record; `where` is its file and line. Raises CorpusFileError."""
    if not isinstance(record, dict):
        raise CorpusFileError(f"{where}: a line must hold a JSON object, this one holds {type(record).__name__}")
    if key not in record:
        raise CorpusFileError(f"{where}: no key {key!r}; set corpus.text_key to one of its keys ({_listed(record)})")
    text = record[key]
    if not isinstance(text, str):
        raise CorpusFileError(
            f"{where}: {key!r} holds {type(text).__name__}, not a string; set corpus.text_key to the text"
        )
    if not _is_unicode(text):
        raise CorpusFileError(
            f"{where}: {key!r} holds half of a surrogate pair, which is not text; repair or remove the line"
        )
    return text


def _listed(names: Iterable[str]) -> str:
    """The first keys or columns in a message, shortened, without characters that a terminal would act on."""
    known = list(names)
    shown = [ascii(name)[1:-1] if not name.isprintable() else name for name in known[:_MOST_NAMES]]
    more = f", and {len(known) - _MOST_NAMES} more" if len(known) > _MOST_NAMES else ""
    return ", ".join(name if len(name) <= 40 else f"{name[:39]}…" for name in shown) + more or "none"


def _is_unicode(text: str) -> bool:
    """Whether a string can be written as UTF-8: JSON may hold halves of surrogate pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_parquet(path: Path, column: str) -> Iterator[str]:
    """The strings of one column, without nulls. Raises CorpusFileError for a wrong file, column, type or encoding."""
    import pyarrow as pa

    with open_regular(path) as stream:
        head = stream.read(512)
        found = ("gzip-compressed", "decompress it first (gzip -d FILE)") if head[:2] == GZIP else format_of(head)
        if found and not head.startswith(b"PAR1"):
            raise CorpusFileError(f"{path}: not a readable Parquet file: it is {found[0]}; {found[1]}")
        stream.seek(0)
        try:
            yield from _strings(path, stream, column)
        except CorpusFileError:
            raise
        except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, MemoryError) as error:
            raise CorpusFileError(f"{path}: not a readable Parquet file: {error}") from error


def _strings(path: Path, stream: BinaryIO, column: str) -> Iterator[str]:
    """The strings of a Parquet file's column. Raises CorpusFileError, and what pyarrow raises for a damaged file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(stream) as file:
        schema = file.schema_arrow
        if schema.names.count(column) != 1:
            what = "several columns" if column in schema.names else "no column"
            there = _listed(schema.names)
            raise CorpusFileError(f"{path}: {what} {column!r}; set corpus.text_key to one of its columns ({there})")
        kind = schema.field(column).type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            raise CorpusFileError(
                f"{path}: column {column!r} holds {kind}, not strings; set corpus.text_key to the text"
            )
        row = 0
        for batch in file.iter_batches(batch_size=1024, columns=[column]):
            # As bytes: Arrow does not check that strings are UTF-8.
            for raw in batch.column(0).cast(pa.large_binary()).to_pylist():
                row += 1
                if raw is not None:
                    yield _decoded(raw, path, row, column)


def _decoded(raw: bytes, path: Path, row: int, column: str) -> str:
    """The string of a row. Raises CorpusFileError where it is not UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise CorpusFileError(
            f"{path}:{row}: column {column!r} of this row is not UTF-8 at byte {error.start}; repair or remove the row"
        ) from error
