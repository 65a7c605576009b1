"""Every mistake of a table at once: what stops it from being read, and what else would on the next try."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.records import LawError
from analysis.table.columns import Columns, has_tokens, number, positive
from analysis.table.excluded import is_unfinished
from analysis.table.labels import budgets_of
from analysis.table.units import check_units


def all_mistakes(frame: pd.DataFrame, columns: Columns, first: LawError) -> list[str]:
    """The mistakes of a frame in sentences, the one that was met first among them.

    Columns that are missing are taken to be those that may be meant; rows at fault are left out of what follows.
    """
    found = [columns.problem] if columns.problem else []
    names = {key: name for key, name in columns.names.items() if name in frame and key != columns.derived}
    rows = frame[~is_unfinished(frame)]
    good = np.ones(len(rows), dtype=bool)
    for key, name in names.items():
        if key == "tokens" and not has_tokens(rows, names):
            continue
        try:
            values = number(rows, name)
            known = np.isfinite(values) if key == "loss" else np.ones(len(rows), dtype=bool)
            positive(rows[known], name)
        except LawError as error:
            found.append(str(error))
        values = pd.to_numeric(rows[name], errors="coerce").to_numpy(dtype=float)
        good &= np.isfinite(values) & (values > 0)
    if good.any() and {"flops", "params", "loss"} <= {*names, columns.derived}:
        found += _of_values(rows[good], columns)
    # What was met first may be a mistake that is not looked for here.
    return found if str(first) in found or not found or _is_part(first, found) else [str(first), *found]


def _is_part(first: LawError, found: list[str]) -> bool:
    """Whether the first mistake is one of those found, of other rows or in other words."""
    start = str(first).split(":")[0]
    return any(one.split(":")[0] == start for one in found)


def _of_values(rows: pd.DataFrame, columns: Columns) -> list[str]:
    """Mistakes in the units and the budgets of rows whose quantities are positive numbers."""
    names = columns.names
    given = has_tokens(rows, names)
    values = {key: positive(rows, name) for key, name in names.items() if key != "tokens" or given}
    found = []
    with np.errstate(over="ignore", under="ignore"):
        values.setdefault("tokens", values["flops"] / (6 * values["params"]))
    try:
        check_units(values, names, rows.index.to_numpy(), derived=columns.derived if given else "tokens")
        budgets_of(rows, values["flops"])
    except LawError as error:
        found.append(str(error))
    return found
