"""Reads documents from one file of the user's, or a range of one: plain text, JSON lines."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from tokenizer.compression import DAMAGED, open_text, reason_of
from tokenizer.corpus_error import CorpusFileError
from tokenizer.locations import Location
from tokenizer.refusals import Refusals

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


@dataclass(frozen=True)
class Span:
    """A range of a file: bytes of JSON lines, row groups of Parquet."""

    begin: int = 0
    """Where it begins; a line belongs to the range that holds its first byte."""
    end: int | None = None
    """Where it ends; None at the end of the file."""
    first_line: int = 1
    """Number of its first line, for messages."""


WHOLE = Span()
"""A file from its beginning to its end."""
EVERYTHING = Refusals()
"""Stops at whatever is wrong."""


def _chunks(path: Location, refusals: Refusals, span: Span = WHOLE) -> Iterator[tuple[int, str | None, bool]]:
    """(number of the line from 1, some of its text, whether the line ends with it); None where it is not UTF-8.

    Raises CorpusFileError.
    """
    number, read, at, spoilt = span.first_line, 0, span.begin, False
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open_text(path) as stream:
        if span.begin:
            stream.seek(span.begin - 1)
            at += _skip_line(stream) - 1
        while span.end is None or at < span.end or read:
            try:
                raw = stream.readline(_BLOCK)
            except DAMAGED as error:
                raise CorpusFileError(f"{path}:{number}: cannot be read: {reason_of(error)}") from error
            pending, text = len(decoder.getstate()[0]), None
            try:
                text = None if spoilt else decoder.decode(raw, final=not raw)
            except UnicodeDecodeError as error:
                decoder.reset()
                spoilt = True
                place = f"byte {read - pending + error.start} of the line"
                refusals.refuse("not UTF-8", f"{path}:{number}: not UTF-8 at {place}; convert the file to UTF-8")
            if not raw:
                if text is None:
                    yield number, None, True
                return
            ends = raw.endswith(b"\n")
            yield number, text, ends
            at += len(raw)
            number, read, spoilt = (number + 1, 0, False) if ends else (number, read + len(raw), spoilt)


def _skip_line(stream: BinaryIO) -> int:
    """Read to the end of a line; returns how many bytes."""
    length = 0
    while raw := stream.readline(_BLOCK):
        length += len(raw)
        if raw.endswith(b"\n"):
            break
    return length


def line_at(path: Location, begin: int) -> int:
    """Number of the line, from 1, whose first byte is the first that begins at `begin` or later."""
    with open_text(path) as stream:
        count, left = 0, begin - 1
        while left > 0 and (block := stream.read(min(left, 1 << 20))):
            count += block.count(b"\n")
            left -= len(block)
        return count + 1 + min(1, _skip_line(stream))


def _text_lines(path: Location, refusals: Refusals) -> Iterator[tuple[str | None, bool]]:
    """(line, whether it is only a part): lines with their ends; very long ones in parts of DOCUMENT_LENGTH.

    None stands for text that is not UTF-8.
    """
    line = ""
    long = False
    for _, text, ends in _chunks(path, refusals):
        if text is None:
            yield None, long
            continue
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


class _Document:
    """The lines of one document, while it is read."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lines: list[str] = []
        self._spoilt = False
        self.length = 0
        """Characters."""

    def add(self, line: str | None) -> None:
        """Add a line; None spoils the document."""
        self._spoilt = self._spoilt or line is None
        if line is not None and not self._spoilt:
            self._lines.append(line)
        self.length += len(line or "")

    def end(self) -> Iterator[str]:
        """The document, unless it is spoilt; the next one begins."""
        if not self._spoilt:
            yield "".join(self._lines)
        self._lines, self._spoilt, self.length = [], False, 0


def read_text(path: Location, refusals: Refusals = EVERYTHING, separator: str = DOCUMENT_SEPARATOR) -> Iterator[str]:
    """Documents of a text file: cut at separator lines, and long stretches at blank lines. Raises CorpusFileError."""
    document = _Document()
    for line, part in _text_lines(path, refusals):
        if line is not None and line.strip() == separator:
            yield from document.end()
            continue
        document.add(line)
        blank = line is not None and not line.strip()
        if document.length >= (DOCUMENT_LENGTH if blank or part else 2 * DOCUMENT_LENGTH):
            yield from document.end()
    yield from document.end()


def read_whole(path: Location, refusals: Refusals = EVERYTHING) -> Iterator[str]:
    """A text file as one document. Raises CorpusFileError."""
    document = _Document()
    for _, text, _ in _chunks(path, refusals):
        document.add(text)
        if document.length > LONGEST_RECORD:
            refusals.refuse(
                "too long",
                f"{path}: more than {LONGEST_RECORD / 2**20:.0f} M characters in one document; "
                "leave out corpus.whole_files, so that it is cut",
            )
            return
    yield from document.end()


def _records(path: Location, refusals: Refusals, span: Span) -> Iterator[tuple[int, str]]:
    """Numbered lines of a file of JSON. Raises CorpusFileError."""
    parts: list[str] = []
    length = 0
    spoilt = False
    number = span.first_line
    for number, text, ends in _chunks(path, refusals, span):
        spoilt = spoilt or text is None
        if not spoilt and text is not None:
            parts.append(text)
            length += len(text)
        if length > LONGEST_RECORD:
            spoilt, parts, length = True, [], 0
            size = f"{LONGEST_RECORD / 2**20:.0f} MiB"
            refusals.refuse(
                "too long", f"{path}:{number}: a line of more than {size}; each line must hold one JSON object"
            )
        if ends:
            if not spoilt:
                yield number, "".join(parts)
            parts, length, spoilt = [], 0, False
    if not spoilt:
        yield number, "".join(parts)


def read_jsonl(path: Location, key: str, refusals: Refusals = EVERYTHING, span: Span = WHOLE) -> Iterator[str]:
    """The text under `key` of each line that is not blank. Raises CorpusFileError that names file and line."""
    for number, line in _records(path, refusals, span):
        line = line.removeprefix("\ufeff") if number == 1 else line
        if not line.strip():
            continue
        try:
            text = _text_of(_parsed(line, f"{path}:{number}"), key, f"{path}:{number}")
        except _InvalidLine as error:
            refusals.refuse(error.reason, error.message)
        else:
            yield text


class _InvalidLine(CorpusFileError):
    """A line of JSON that gives no text."""

    def __init__(self, reason: str, message: str) -> None:
        """In a word or two, and in full."""
        super().__init__(message)
        self.reason = reason
        """In a word or two."""


def _parsed(line: str, where: str) -> object:
    """The value of a line of JSON; `where` is its file and line. Raises _InvalidLine."""
    try:
        value: object = json.loads(line)
    except json.JSONDecodeError as error:
        raise _InvalidLine(
            "not JSON",
            f"{where}: not JSON ({error.msg} at character {error.pos + 1}); each line must hold one JSON object",
        ) from None
    except RecursionError:
        raise _InvalidLine(
            "not JSON", f"{where}: JSON nested too deeply to be read; repair or remove the line"
        ) from None
    except ValueError:
        raise _InvalidLine("not JSON", f"{where}: an integer with too many digits; repair or remove the line") from None
    return value


def _text_of(record: object, key: str, where: str) -> str:
    """The text under a key of a line's record; `where` is its file and line. Raises _InvalidLine."""
    if not isinstance(record, dict):
        kind = type(record).__name__
        raise _InvalidLine("no JSON object", f"{where}: a line must hold a JSON object, this one holds {kind}")
    if key not in record:
        known = listed(record)
        raise _InvalidLine("no such key", f"{where}: no key {key!r}; set corpus.text_key to one of its keys ({known})")
    text = record[key]
    if not isinstance(text, str):
        kind = type(text).__name__
        raise _InvalidLine(
            "not a string", f"{where}: {key!r} holds {kind}, not a string; set corpus.text_key to the text"
        )
    if not _is_unicode(text):
        raise _InvalidLine(
            "half a surrogate pair",
            f"{where}: {key!r} holds half of a surrogate pair, which is not text; repair or remove the line",
        )
    return text


def listed(names: Iterable[str]) -> str:
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
