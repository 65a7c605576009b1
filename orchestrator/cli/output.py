"""How the CLI speaks: results on stdout as table, JSON or CSV; everything else on stderr."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from rich.console import Console
from rich.table import Table

TABLE_WIDTH = 110
"""Columns that a table may always take."""
stderr = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 160, soft_wrap=True)
"""For progress, warnings and hints."""


class Format(StrEnum):
    """What `-o` accepts."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def say(line: str) -> None:
    """One line for a person, on stderr."""
    stderr.print(line, markup=False)


def stdout() -> Console:
    """The console of results; made anew because tests and pipes replace sys.stdout."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 200)


def emit_json(data: Any) -> None:
    """Print JSON alone."""
    sys.stdout.write(json.dumps(_finite(data), indent=2, allow_nan=False, default=str) + "\n")


def _finite(data: Any) -> Any:
    """JSON has no infinity: an open end of an interval becomes null."""
    if isinstance(data, Mapping):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def emit_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], form: Format, title: str = "") -> None:
    """Print rows in the asked form; the table shows the given columns, JSON and CSV everything."""
    if form is Format.JSON:
        emit_json(list(rows))
    elif form is Format.CSV:
        names = list(dict.fromkeys([*columns, *(key for row in rows for key in row)]))
        writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        print_table(rows, columns, title)


def print_table(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], title: str = "", console: Console | None = None
) -> None:
    """A plain table; numbers to the right."""
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        numeric = all(_is_numeric(row.get(column)) for row in rows)
        table.add_column(column, justify="right" if numeric and rows else "left", no_wrap=column != "reason")
    for row in rows:
        table.add_row(*("" if row.get(c) is None else str(row.get(c)) for c in columns))
    shown = console or stdout()
    # On a narrow terminal its own wrapping is ugly, but cut-off figures are useless.
    shown.print(table, width=max(shown.width, TABLE_WIDTH), soft_wrap=False, crop=False)


def _is_numeric(value: Any) -> bool:
    return value is None or isinstance(value, int | float) or (isinstance(value, str) and value[:1] in "0123456789×–-.")
