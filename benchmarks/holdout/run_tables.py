"""The table of single runs in Markdown: inside the budgets and beyond them, by set and by group."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from benchmarks.holdout.tables import by_confidence, by_factor, markdown, number

KINDS = ("inside", "beyond")
"""Where the runs lie."""
CELLS = ("runs", "refused", "covered", "half-width", "error")
"""Columns of each kind; the last two in thousandths."""


def single_runs(frame: pd.DataFrame) -> str:
    """Single runs by set, and all; then by confidence and, beyond, by factor."""
    found = frame[frame.kind.isin(KINDS)]
    rows = [
        [name, *(cell for kind in KINDS for cell in _cells(part[part.kind == kind]))] for name, part in parts(found)
    ]
    return markdown(("data", *(f"{kind}: {cell}" for kind in KINDS for cell in CELLS)), rows)


def parts(found: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each line, by its name."""
    yield from ((str(name), part) for name, part in found.groupby("data"))
    yield "**all**", found
    yield from by_confidence(found)
    yield from by_factor(found[found.kind == "beyond"])


def _cells(rows: pd.DataFrame) -> list[str]:
    told = rows[rows.answered]
    if not len(rows):
        return ["–"] * len(CELLS)
    covered, half, error = told.covered.mean(), 1e3 * told.half.median(), 1e3 * told.error.mean()
    refused = len(rows) - len(told)
    return [
        str(len(rows)),
        str(refused),
        number(covered),
        *(f"{value:.1f}" if len(told) else "–" for value in (half, error)),
    ]
