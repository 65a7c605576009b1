"""A CSV file as a frame of its rows, or a LawError that says what the file is instead."""

from __future__ import annotations

import codecs
import csv
import io
import re
import sys
import warnings
from pathlib import Path

import pandas as pd

from analysis.records import LawError

HEAD = 1 << 16
"""Bytes read to find out what a file is; its header must end within them."""
MAX_LINES = 1_000_000
"""Rows that are read at the most: the points of a thousand training curves."""
MAX_BYTES = 1 << 28
"""Bytes that are read at the most."""
_MAGIC = {
    b"\x1f\x8b": "a gzip archive: unpack it first",
    b"PK\x03\x04": "a zip archive or an Excel workbook: export it as CSV",
    b"PAR1": "a Parquet file: export it as CSV",
    b"SQLite": "an SQLite database: export a table as CSV",
}


def read_frame(path: str | Path) -> pd.DataFrame:
    """Read a CSV with a header line, separated by commas, semicolons, tabs or bars, in UTF-8 or marked UTF-16.

    `path` is a file, a pipe or a device, or - for standard input; it is opened and read once. Column names are stripped
    of blanks. Raises LawError, naming the file, for anything else and for more than `MAX_LINES` rows.
    """
    name = "standard input" if str(path) == "-" else str(path)
    try:
        data = _read(path)
        complete = len(data) <= HEAD
        encoding = _encoding(data[:HEAD])
        header = _header(data[:HEAD], encoding, complete)
        frame = _parse(data, header, encoding)
    except FileNotFoundError as error:
        raise LawError(f"{name}: no such file{_remote(name)}") from error
    except IsADirectoryError as error:
        raise LawError(f"{name}: is a folder, not a CSV file{_inside(Path(path))}") from error
    except OSError as error:
        raise LawError(f"{name}: cannot be read ({error.strerror or error})") from error
    except LawError as error:
        raise LawError(f"{name}: {error}") from error
    except UnicodeError as error:
        raise LawError(f"{name}: not text in UTF-8 ({error}); save the table as CSV in UTF-8") from error
    except pd.errors.ParserWarning as error:
        raise LawError(f"{name}: rows have more fields than its first line, {header[:60]!r}, has names") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError, csv.Error) as error:
        raise LawError(f"{name}: its lines do not fit its header line ({_first_line(error)})") from error
    if len(frame) > MAX_LINES:
        raise LawError(f"{name}: more than {MAX_LINES:,} rows; keep the finished runs, one row each")
    return frame


def _read(path: str | Path) -> bytes:
    """The bytes of a file, or of standard input for -; a pipe gives them only once."""
    if str(path) == "-":
        if sys.stdin is None:
            raise LawError("it is closed")
        data = sys.stdin.buffer.read(MAX_BYTES + 1)
    else:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise LawError(f"more than {MAX_BYTES >> 20} MiB; keep the finished runs, one row each")
    return data


def _remote(name: str) -> str:
    """What to do about an address."""
    return "; download it first: an address is not read" if re.match(r"[A-Za-z][\w+.-]+:/", name) else ""


def _inside(folder: Path) -> str:
    """The tables that a folder holds, in words."""
    try:
        found = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in (".csv", ".tsv"))
    except OSError:
        return ""
    shown = ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
    return f"; it holds {shown}" if found else "; it holds no CSV file"


def _encoding(head: bytes) -> str:
    """The file's encoding by its mark and its bytes."""
    for magic, what in _MAGIC.items():
        if head.startswith(magic):
            raise LawError(f"not a CSV but {what}")
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in head:
        halves = {head[0::2].count(0), head[1::2].count(0)}
        wide = min(halves) == 0 and max(halves) > 0.4 * len(head) / 2
        if wide:
            raise LawError("not text in UTF-8 (it looks like UTF-16 without a mark); save the table as CSV in UTF-8")
        raise LawError("not a CSV but a binary file")
    return "utf-8-sig"


def _header(head: bytes, encoding: str, complete: bool) -> str:
    """The first line that is not blank."""
    text = codecs.getincrementaldecoder(encoding)().decode(head, final=complete)
    lines = [line for line in io.StringIO(text, newline=None) if line.strip()]
    if not lines:
        raise LawError("the file is empty")
    header = lines[0]
    if not complete and not header.endswith("\n"):
        raise LawError(f"not a CSV: its first line is longer than {HEAD:,} bytes")
    if header.lstrip()[0] in "{[<":
        raise LawError("not a CSV but JSON or HTML")
    return header.strip("\n")


def _parse(data: bytes, header: str, encoding: str) -> pd.DataFrame:
    separator = max(",;\t|", key=header.count)
    names = [name.strip() for name in next(csv.reader([header], delimiter=separator))]
    if all(_is_number(name) for name in names):
        raise LawError(
            f"its first line, {header[:60]!r}, holds numbers: put a header line before it, such as "
            "flops,params,tokens,loss"
        )
    if len(names) == 1 and len(names[0].split()) > 1:
        raise LawError(f"its first line, {header[:60]!r}, has one name: separate names and fields by commas")
    with warnings.catch_warnings():
        # A row with more fields than the header would otherwise shift or lose columns.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        frame = pd.read_csv(
            io.BytesIO(data),
            sep=separator,
            encoding=encoding,
            index_col=False,
            nrows=MAX_LINES + 1,
            compression=None,
            skipinitialspace=True,
            low_memory=False,
        )
    if len(names) == len(frame.columns):
        frame.columns = pd.Index(names)
    return frame


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].removeprefix("Error tokenizing data. C error: ") if str(error) else ""
