"""Tables of coverage in Markdown: by set, by group, beside the baselines, single runs, against an earlier method."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from benchmarks.holdout.baselines import BASELINES
from benchmarks.holdout.scores import geometric, headline_rows, new_sets, pairs, ratios

QUANTITIES = {"params": "N\\*", "loss": "L\\*"}
"""What tables call N* and the loss."""
GROUPED = (
    "forecasts",
    "refused",
    "N\\* covered",
    "bare",
    "half-width",
    "error",
    "L\\* covered",
    "bare",
    "half-width",
    "error",
)
"""Columns of a table of forecasts by budget."""

COMPARED = {
    "N\\*": ("budget", "params"),
    "L\\*": ("budget", "loss"),
    "run inside": ("inside", "loss"),
    "run beyond": ("beyond", "loss"),
}
"""Kind and quantity of what is compared with an earlier method, by its name."""


def markdown(head: tuple[str, ...], rows: list[list[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def by_set(frame: pd.DataFrame) -> str:
    """Forecasts of later budgets by set, and all."""
    found = {str(name): part for name, part in _budgets(frame).groupby("data")}
    rows = [[name, *_cells(part), _width(frame, name)] for name, part in {**found, "**all**": _budgets(frame)}.items()]
    return markdown(("data", *GROUPED, "N\\* at ×3"), rows)


def by_group(frame: pd.DataFrame) -> str:
    """Forecasts of later budgets by number of training budgets, factor, confidence and the fit's own hold-out."""
    rows = [[name, *_cells(part)] for name, part in groups(_budgets(frame)) if len(part)]
    return markdown(("forecasts from, to, with", *GROUPED), rows)


def groups(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each group, by its name."""
    for low, high, name in (
        (3, 3, "3 budgets"),
        (4, 4, "4"),
        (5, 6, "5 or 6"),
        (7, 999, "7 and more"),
        (5, 999, "5 and more"),
    ):
        yield name, frame[frame.budgets.between(low, high)]
    for least, most in ((0.0, 3.0), (3.0, 10.0), (10.0, 30.0)):
        within = (frame.factor > least * 1.001) & (frame.factor <= most * 1.001)
        yield (f"×{least:g} to ×{most:g}" if least else f"up to ×{most:g}"), frame[within]
    for word in ("high", "medium", "low"):
        yield f"{word} confidence", frame[frame.confidence == word]
    for least, most, name in ((-1, 0.5, "≤ 0.5"), (0.5, 0.8, "to 0.8"), (0.8, 0.999, "to 1"), (0.999, 2, "1")):
        yield f"own hold-out {name}", frame[(frame.own_holdout > least) & (frame.own_holdout <= most)]


def beside_baselines(frame: pd.DataFrame) -> str:
    """Ratios of score and error to each baseline on the same forecasts: geometric means over sets, and its coverage."""
    fresh, rows = new_sets(frame), []
    for name in BASELINES:
        theirs, cells = frame[frame.method == name], []
        for quantity in QUANTITIES:
            other = theirs[theirs.quantity == quantity]
            both = pairs(headline_rows(frame, "budget", quantity), other)
            cells += [
                f"{other.covered.mean():.2f}" if other.bounded.any() else "–",
                *_both(both, fresh),
                str(len(both)),
            ]
        rows.append([name, *cells])
    columns = ("covered by it", "score ratio", "error ratio", "forecasts")
    return markdown(("baseline", *(f"{mark}: {column}" for mark in QUANTITIES.values() for column in columns)), rows)


def single_runs(frame: pd.DataFrame) -> str:
    """Single runs by set, left out inside and beyond the budgets, and all; then by confidence and factor."""
    found = frame[frame.kind.isin(["inside", "beyond"])]
    parts = {str(name): part for name, part in found.groupby("data")}
    parts["**all**"] = found
    for word in ("high", "medium", "low"):
        parts[f"{word} confidence"] = found[found.confidence == word]
    for name, part in groups(found):
        if name.startswith(("×", "up to ×")):
            parts[f"beyond, {name}"] = part[part.kind == "beyond"]
    kinds = ("inside", "beyond")
    rows = [
        [name, *[cell for kind in kinds for cell in _run_cells(part[part.kind == kind])]]
        for name, part in parts.items()
    ]
    return markdown(
        (
            "data",
            *(f"{kind}: {what}" for kind in kinds for what in ("runs", "refused", "covered", "half-width", "error")),
        ),
        rows,
    )


def against(frame: pd.DataFrame, old: pd.DataFrame) -> str:
    """Ratios of score (the truth's own error added) and error to those of earlier rows: by set, then over sets."""
    columns = {}
    for name, (kind, quantity) in COMPARED.items():
        both = pairs(headline_rows(frame, kind, quantity), headline_rows(old, kind, quantity))
        columns[f"{name}: forecasts"] = both.groupby("data").size().astype(float)
        columns[f"{name}: score"], columns[f"{name}: error"] = ratios(both, "score"), ratios(both, "error")
    table = pd.DataFrame(columns)
    rows = [[str(name), *_numbers(line)] for name, line in table.iterrows()]
    for name, sets in (
        ("**all sets**", list(table.index)),
        ("**new sets**", [s for s in table.index if s in new_sets(frame)]),
    ):
        means = {
            key: table.loc[sets, key].sum() if "forecasts" in key else geometric(table[key], sets) for key in table
        }
        rows.append([name, *_numbers(pd.Series(means))])
    return markdown(("data", *table.columns), rows)


def _numbers(line: pd.Series) -> list[str]:
    return [
        "–" if not np.isfinite(value) else f"{value:.0f}" if "forecasts" in str(key) else f"{value:.2f}"
        for key, value in line.items()
    ]


def _budgets(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([headline_rows(frame, "budget", quantity) for quantity in QUANTITIES])


def _cells(part: pd.DataFrame) -> list[str]:
    """Forecasts, refused, and for N* and L*: covered, without the truth's own error, half-width, error."""
    sizes, losses = (part[part.quantity == quantity] for quantity in QUANTITIES)
    cells = [str(len(sizes)), str(max(int((~sizes.answered).sum()), int((~losses.answered).sum())))]
    for rows, size in ((sizes[sizes.answered], True), (losses[losses.answered], False)):
        if not len(rows):
            cells += ["–"] * 4
            continue
        half, error = float(rows.half.median()), float(rows.error.mean())
        width = [f"×{np.exp(half):.2f}", f"{error:.3f}"] if size else [f"{1e3 * half:.1f}", f"{1e3 * error:.1f}"]
        cells += [f"{rows.covered.mean():.2f}", f"{rows.covered_bare.mean():.2f}", *width]
    return cells


def _width(frame: pd.DataFrame, name: str) -> str:
    """Median half-width of N* at three times the largest budget of fits to five budgets and more."""
    rows = headline_rows(frame, "width", "params")
    rows = rows[(rows.budgets >= 5) & ((rows.data == name) | (name == "**all**")) & rows.answered]
    return f"×{np.exp(float(rows.half.median())):.2f}" if len(rows) else "–"


def _run_cells(rows: pd.DataFrame) -> list[str]:
    told = rows[rows.answered]
    if not len(told):
        return [str(len(rows)), str(len(rows)), "–", "–", "–"]
    half, error = float(told.half.median()), float(told.error.mean())
    refused = int((~rows.answered).sum())
    return [str(len(rows)), str(refused), f"{told.covered.mean():.2f}", f"{1e3 * half:.1f}", f"{1e3 * error:.1f}"]


def _both(both: pd.DataFrame, fresh: list[str]) -> list[str]:
    """Score and error ratios: over all sets, and in brackets over the new ones."""
    found = [ratios(both, column) for column in ("score", "error")]
    return [f"{geometric(ratio):.2f} ({geometric(ratio, fresh):.2f})" for ratio in found]
