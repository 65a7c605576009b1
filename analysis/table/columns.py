"""Columns of a table that must hold numbers: found by name, read as floats, or refused with the rows at fault."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.records import LawError
from analysis.table.units import rows_text

Floats = NDArray[np.float64]

_ALIASES = {
    "flops": ("c", "flop", "compute", "budget", "train_flops", "training_flops", "total_flops"),
    "params": ("n", "parameters", "num_params", "n_params", "model_size", "size", "model_params"),
    "tokens": ("d", "num_tokens", "n_tokens", "train_tokens", "training_tokens", "data"),
    "loss": ("l", "val_loss", "eval_loss", "validation_loss", "final_loss", "eval/loss", "val/loss", "test_loss"),
}
"""Names that others give these columns."""
_HINTS = (
    (r"\d+(,\d+)+(\.\d*)?(e[+-]?\d+)?", "write it with a decimal point and without thousands separators"),
    (r"[\d.]+\s*[kKmMbBgGtT]", "write it in full, such as 1.5e9"),
)
"""What a text that is not a number looks like, and what to do."""


def check_columns(frame: pd.DataFrame, names: Mapping[str, str], optional: Collection[str]) -> None:
    """Raise LawError unless the frame has rows and each named column once; a column `tokens` may be absent."""
    have = [str(column) for column in frame.columns]
    twice = sorted({name for name in (*names.values(), *optional) if have.count(name) > 1})
    if twice:
        raise LawError(f"more than one column is called {', '.join(twice)}; rename or remove all but one")
    same = sorted({name for name in names.values() if list(names.values()).count(name) > 1})
    if same:
        raise LawError(f"column {', '.join(same)} cannot hold two quantities; name one column for each")
    missing = [key for key, name in names.items() if name not in have and (key, name) != ("tokens", "tokens")]
    if missing:
        absent = "; ".join(f"no column {names[key]}{_nearest(key, names[key], have)}" for key in missing)
        keys = ", ".join(f"--{key}-key" for key in missing)
        raise LawError(f"{absent}. The table has: {_listed(have)}. Name the columns with {keys}, or rename them.")
    if len(frame) == 0:
        raise LawError("the table has no rows")


def has_tokens(frame: pd.DataFrame, names: Mapping[str, str]) -> bool:
    """Whether the column of tokens is there and holds anything."""
    return names["tokens"] in frame.columns and bool(frame[names["tokens"]].notna().any())


def _nearest(key: str, name: str, have: Collection[str]) -> str:
    """A suggestion among the table's columns, or nothing."""
    folded = {column.lower().replace(" ", "_").replace("-", "_"): column for column in have}
    close = [alias for alias in (name.lower(), *_ALIASES[key]) if alias in folded]
    close = close or get_close_matches(name.lower(), folded, n=1, cutoff=0.7)
    return f" (nearest: {folded[close[0]]})" if close else ""


def _listed(have: Collection[str], most: int = 12) -> str:
    shown = ", ".join(column if len(column) <= 40 else column[:39] + "…" for column in list(have)[:most])
    return shown + (f" and {len(have) - most} more" if len(have) > most else "")


def number(frame: pd.DataFrame, name: str) -> Floats:
    """A column as floats (n,), blanks as NaN; raises LawError for text, the rows named by the frame's index."""
    column = frame[name]
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        raise LawError(f"column {name} holds {column.dtype} values, not numbers")
    values = pd.to_numeric(column, errors="coerce")
    text = (values.isna() & column.notna()).to_numpy()
    if column.dtype == object or pd.api.types.is_string_dtype(column):
        blank = column.astype(str).str.strip().str.lower().isin(("", "nan", "none", "null", "na", "n/a", "-"))
        text = text & ~blank.to_numpy(dtype=bool)
    if text.any():
        first = str(column[text].iloc[0])
        shown = first if len(first) <= 40 else first[:39] + "…"
        hint = next((hint for pattern, hint in _HINTS if re.fullmatch(pattern, first.strip())), "correct or remove it")
        where = rows_text(text, frame.index.to_numpy())
        raise LawError(f"column {name}: not a number in {where}, such as {shown!r}; {hint}")
    return np.asarray(values, dtype=float)


def positive(frame: pd.DataFrame, name: str) -> Floats:
    """A column as positive finite floats (n,); raises LawError for any other value."""
    values = number(frame, name)
    bad = ~np.isfinite(values) | (values <= 0)
    if bad.any():
        where = rows_text(bad, frame.index.to_numpy())
        raise LawError(
            f"column {name}: not a positive number in {where}, such as {values[bad][0]:g}; correct or remove "
            f"{'this row' if bad.sum() == 1 else 'these rows'}"
        )
    return values
