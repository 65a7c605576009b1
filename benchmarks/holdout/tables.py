"""Tables of forecasts of budgets in Markdown: by set, by group, beside the baselines, against an earlier method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from benchmarks.holdout.baselines import BASELINES
from benchmarks.holdout.scores import geometric, headline_rows, new_sets, pairs, ratios

QUANTITIES: Mapping[str, str] = MappingProxyType({"params": "N\\*", "loss": "L\\*"})
"""What tables call N* and the loss."""
COMPARED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "N\\*": ("budget", "params"),
        "L\\*": ("budget", "loss"),
        "run inside": ("inside", "loss"),
        "run beyond": ("beyond", "loss"),
    }
)
"""Kind and quantity of what is compared with an earlier method, by its name."""
CELLS = (
    "forecasts",
    "refused",
    *(f"{mark} {what}" for mark in QUANTITIES.values() for what in ("covered", "bare", "half-width", "error")),
)
"""Columns of the forecasts of budgets."""
ENOUGH = 5
"""Training budgets from which on a trend is known; tables count these forecasts apart."""
Rows = list[list[str]]
"""Cells of a table."""


def markdown(head: Sequence[str], rows: Rows) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def by_set(frame: pd.DataFrame) -> str:
    """Forecasts of later budgets by set, and all."""
    budgets = _budgets(frame)
    parts = {str(name): part for name, part in budgets.groupby("data")}
    parts["**all**"] = budgets
    return markdown(
        ("data", *CELLS, "N\\* at ×3"), [[name, *_cells(part), _width(frame, name)] for name, part in parts.items()]
    )


def by_group(frame: pd.DataFrame) -> str:
    """Forecasts of later budgets by number of training budgets, factor, confidence and the fit's own hold-out."""
    rows = [[name, *_cells(part)] for name, part in groups(_budgets(frame)) if len(part)]
    return markdown(("which", *CELLS), rows)


def groups(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each group, by its name."""
    for low, high, name in ((3, 3, "3"), (4, 4, "4"), (5, 6, "5 or 6"), (7, 999, "7 and more")):
        yield f"from {name} budgets", frame[frame.budgets.between(low, high)]
    yield f"from {ENOUGH} budgets and more", frame[frame.budgets >= ENOUGH]
    yield from by_factor(frame)
    yield from by_confidence(frame)
    for least, most, name in ((-1, 0.5, "half or less"), (0.5, 0.8, "to 0.8"), (0.8, 0.999, "to 1"), (0.999, 2, "all")):
        chosen = (frame.own_holdout > least) & (frame.own_holdout <= most)
        yield f"own hold-out covered: {name}", frame[chosen]
    yield (
        "high confidence though own hold-out below 0.8",
        frame[(frame.confidence == "high") & (frame.own_holdout < 0.8)],
    )


def by_factor(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows by how far they reach."""
    for least, most, name in ((0, 3, "up to ×3"), (3, 10, "×3 to ×10"), (10, 1e9, "beyond ×10")):
        yield name, frame[(frame.factor > least * 1.001) & (frame.factor <= most * 1.001)]


def by_confidence(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows by the word that came with them."""
    for word in ("high", "medium", "low"):
        yield f"{word} confidence", frame[frame.confidence == word]


def beside_baselines(frame: pd.DataFrame) -> str:
    """Ratios of score and error to each baseline on the same forecasts, geometric means over sets; its coverage."""
    fresh, rows = new_sets(frame), []
    for quantity, mark in QUANTITIES.items():
        for name in BASELINES:
            theirs = frame[(frame.method == name) & (frame.quantity == quantity)]
            both = pairs(headline_rows(frame, "budget", quantity), theirs)
            cells = [mark, name, str(len(both)), f"{theirs.covered.mean():.2f}" if theirs.bounded.any() else "–"]
            for column in ("score", "error"):
                ratio = ratios(both, column)
                cells += [number(geometric(ratio)), number(geometric(ratio, fresh))]
            rows.append(cells)
    return markdown(
        ("", "baseline", "forecasts", "it covers", "score ratio", "new sets", "error ratio", "new sets"), rows
    )


def against(frame: pd.DataFrame, old: pd.DataFrame) -> str:
    """Ratios of score (the truth's own error added) and error to those of earlier rows: by set, then over sets."""
    table, enough = (_compared(part, old) for part in (frame, frame[frame.budgets >= ENOUGH]))
    rows = [[str(name), *_numbers(line)] for name, line in table.iterrows()]
    fresh = new_sets(frame)
    for name, part in (
        ("**all sets**", table),
        ("**new sets**", table[table.index.isin(fresh)]),
        (f"**all sets, from {ENOUGH} budgets and more**", enough),
        (f"**new sets, from {ENOUGH} budgets and more**", enough[enough.index.isin(fresh)]),
    ):
        means = {key: part[key].sum() if "forecasts" in str(key) else geometric(part[key]) for key in part}
        rows.append([name, *_numbers(pd.Series(means))])
    return markdown(("data", *table.columns), rows)


def _compared(frame: pd.DataFrame, old: pd.DataFrame) -> pd.DataFrame:
    """By set: how many forecasts both answered, and the ratios of score and error."""
    columns = {}
    for name, (kind, quantity) in COMPARED.items():
        both = pairs(headline_rows(frame, kind, quantity), headline_rows(old, kind, quantity))
        columns[f"{name}: forecasts"] = both.groupby("data").size().astype(float)
        columns[f"{name}: score"], columns[f"{name}: error"] = ratios(both, "score"), ratios(both, "error")
    return pd.DataFrame(columns)


def number(value: float) -> str:
    """A ratio or share to two digits; a dash where there is none."""
    return f"{value:.2f}" if np.isfinite(value) else "–"


def _numbers(line: pd.Series) -> list[str]:
    counted = [("forecasts" in str(key) and bool(np.isfinite(value))) for key, value in line.items()]
    return [f"{value:.0f}" if whole else number(value) for whole, value in zip(counted, line, strict=True)]


def _budgets(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([headline_rows(frame, "budget", quantity) for quantity in QUANTITIES])


def _cells(part: pd.DataFrame) -> list[str]:
    """Forecasts, refused, and for N* and L*: covered, without the truth's own error, half-width, error."""
    by_quantity = {quantity: part[part.quantity == quantity] for quantity in QUANTITIES}
    refused = max(int((~rows.answered).sum()) for rows in by_quantity.values())
    cells = [str(max(map(len, by_quantity.values()))), str(refused)]
    for quantity, rows in by_quantity.items():
        told = rows[rows.answered]
        if not len(told):
            cells += ["–"] * 4
            continue
        half, error = float(told.half.median()), float(told.error.mean())
        size = quantity == "params"
        width = [f"×{np.exp(half):.2f}", f"{error:.3f}"] if size else [f"±{1e3 * half:.1f}", f"{1e3 * error:.1f}"]
        cells += [number(told.covered.mean()), number(told.covered_bare.mean()), *width]
    return cells


def _width(frame: pd.DataFrame, name: str) -> str:
    """Median half-width of N* at three times the largest budget, of fits to five budgets and more."""
    rows = headline_rows(frame, "width", "params")
    rows = rows[(rows.budgets >= ENOUGH) & ((rows.data == name) | (name == "**all**")) & rows.answered]
    return f"×{np.exp(float(rows.half.median())):.2f}" if len(rows) else "–"
