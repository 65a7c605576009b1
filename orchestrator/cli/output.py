"""How the command line speaks: results on stdout as table, JSON or CSV; everything else on stderr."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import IO, Any

from orchestrator.cli.printable import printable, printable_line
from orchestrator.cli.tables import table_lines
from orchestrator.finite import finite
from tokenizer.errors import ExpectedError

PIPE_WIDTH = 200
"""Columns of a table that goes to a file or a pipe."""


class Format(StrEnum):
    """What `-o` accepts."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def say(line: str) -> None:
    """Print one line for a person on stderr: nothing in it is markup, and nothing in it steers the terminal."""
    sys.stderr.write(f"{printable(line)}\n")


def away(error: ExpectedError) -> None:
    """Say that what is followed is away, and waited for."""
    say(f"{error} (waiting for it)")


def print_lines(lines: Iterable[str]) -> None:
    """Print lines of a result on stdout: nothing in them is markup, and nothing in them steers the terminal."""
    for line in lines:
        sys.stdout.write(f"{printable(line)}\n")


def print_text(text: str) -> None:
    """Print a text of the user's, such as a table in CSV: as it is into a file or a pipe, harmless on a terminal."""
    sys.stdout.write(printable(text) if sys.stdout.isatty() else text)


def width_of(stream: IO[str]) -> int:
    """Columns that a table on a stream may take: COLUMNS, else the terminal's, else those of a file."""
    columns = os.environ.get("COLUMNS", "")
    if re.fullmatch("0*[1-9][0-9]{0,5}", columns):
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns if stream.isatty() else PIPE_WIDTH
    except (OSError, ValueError):
        return PIPE_WIDTH


def emit_json(data: Any) -> None:
    """Print JSON alone."""
    sys.stdout.write(json.dumps(finite(data), indent=2, allow_nan=False, default=str) + "\n")


def emit_rows(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    form: Format,
    title: str = "",
    importance: Sequence[str] = (),
) -> None:
    """Print rows in one of the forms; the table shows the given columns, rounded, JSON and CSV everything.

    `importance` names columns from the most to the least important, as `columns_that_fit` takes it.
    """
    if form is Format.JSON:
        emit_json(list(rows))
    elif form is Format.CSV:
        names = list(dict.fromkeys([*columns, *(key for row in rows for key in row)]))
        text = io.StringIO()
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        print_text(text.getvalue())
    else:
        print_table(rows, columns, title, sys.stdout, importance)


def print_table(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    title: str = "",
    stream: IO[str] | None = None,
    importance: Sequence[str] = (),
) -> None:
    """Print a table that fits the terminal; on stderr unless a stream is given."""
    target = stream or sys.stderr
    header, *body = table_lines(rows, columns, width_of(target), importance)
    bold = ("\033[1m", "\033[0m") if target.isatty() and "NO_COLOR" not in os.environ else ("", "")
    for line in (*([printable_line(title)] if title else []), f"{bold[0]}{header}{bold[1]}", *body):
        target.write(f"{line}\n")
