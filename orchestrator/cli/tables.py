"""Tables as plain lines that fit a terminal: whole columns are left out, digits are never cut."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final

from rich.cells import cell_len

from analysis.wording import format_count, format_flops, format_loss
from orchestrator.cli.printable import printable_line

GAP: Final = 2
"""Blanks between two columns."""
LEAST_PROSE: Final = 24
"""Least width of a column of prose, the only kind that may wrap."""
PROSE: Final = frozenset({"cause", "detail", "error", "finding", "note", "reason", "text"})
"""Columns of prose."""


_NUMBERS: Mapping[str, Callable[[float], str]] = {
    **dict.fromkeys(("flops", "budget", "quota_flops"), format_flops),
    **dict.fromkeys(("flops_planned", "flops_reserved", "flops_spent", "flops_refunded", "flops_left"), format_flops),
    **dict.fromkeys(("params", "tokens"), format_count),
    **dict.fromkeys(
        ("loss", "validation_loss", "predicted", "low", "high", "mean_low", "mean_high", "actual"), format_loss
    ),
    **dict.fromkeys(("seconds", "run_seconds", "predicted_seconds", "elapsed"), lambda value: f"{value:.1f}"),
    "bytes": lambda value: f"{value / 1e6:.3g} MB",
}
"""How a column's numbers are rounded in a table; JSON and CSV keep every digit."""
_TEXTS: Mapping[str, Callable[[str], str]] = {
    **dict.fromkeys(("submitted", "made"), lambda time: time[:16].replace("T", " ")),
    "revision": lambda text: text[:8],
}
"""How a column's texts are shortened in a table."""


def cell_text(column: str, value: Any) -> str:
    """A value as a table shows it: a number rounded by its column, yes or no, empty for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        if not math.isfinite(value):
            return "–"
        write = _NUMBERS.get("loss" if column.startswith("loss.") else column)
        return write(value) if write else f"{value:.4g}" if isinstance(value, float) else str(value)
    text = printable_line(str(value))
    return _TEXTS[column](text) if column in _TEXTS else text


def columns_that_fit(widths: Mapping[str, int], importance: Sequence[str], width: int) -> list[str]:
    """The columns of a table that fit a width, in the table's order.

    `widths` has each column's width, in the table's order. Columns are left out from the end of `importance`, which
    goes from the most to the least important; columns that it does not name rank behind it, in the table's order. The
    most important column always stays.
    """
    ranked = [*(name for name in importance if name in widths), *(name for name in widths if name not in importance)]
    while len(ranked) > 1 and sum(widths[name] for name in ranked) + GAP * (len(ranked) - 1) > width:
        ranked.pop()
    return [name for name in widths if name in ranked]


def table_lines(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], width: int, importance: Sequence[str] = ()
) -> list[str]:
    """A header and the rows, as lines no wider than `width` as far as the most important column allows it.

    Numbers stand to the right. A column of prose takes the space that the others leave, and wraps; one without any
    text is left out.
    """
    cells = {name: [cell_text(name, row.get(name)) for row in rows] for name in columns}
    cells = {name: texts for name, texts in cells.items() if name not in PROSE or any(texts)}
    natural = {name: max(map(cell_len, (name, *texts))) for name, texts in cells.items()}
    least = {name: min(wide, LEAST_PROSE) if name in PROSE else wide for name, wide in natural.items()}
    shown = columns_that_fit(least, importance, width)
    widths = {name: least[name] for name in shown}
    for name in shown:
        spare = width - sum(widths.values()) - GAP * (len(shown) - 1)
        widths[name] = min(natural[name], widths[name] + max(spare, 0))
    right = {name: all(map(_is_number, cells[name])) for name in shown}
    lines = [_line([(name, widths[name], right[name]) for name in shown])]
    for index in range(len(rows)):
        wrapped = [_wrap(cells[name][index], widths[name]) if name in PROSE else [cells[name][index]] for name in shown]
        lines += [
            _line([(part, widths[name], right[name]) for part, name in zip(parts, shown, strict=True)])
            for parts in zip_longest(*wrapped, fillvalue="")
        ]
    return lines


def _line(cells: Sequence[tuple[str, int, bool]]) -> str:
    """Texts, each with its width and whether it stands to the right, as one line."""
    padded = []
    for text, width, right in cells:
        blanks = " " * max(width - cell_len(text), 0)
        padded.append(blanks + text if right else text + blanks)
    return (" " * GAP).join(padded).rstrip()


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width) or [""]


def _is_number(text: str) -> bool:
    """Whether a text is one number, with its unit or without; an interval is more than one."""
    return not text or (text[0] in "0123456789×–-.±" and " to " not in text and "," not in text)
