"""Columns of a table that must hold numbers: found by name, read as floats, or refused with the rows at fault."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.records import LawError
from analysis.table.habits import holds_tokens, nearest
from analysis.table.units import USUAL_K, rows_text
from analysis.wording import join_words

Floats = NDArray[np.float64]

_HINTS = (
    (r"\d+(,\d+)+(\.\d*)?(e[+-]?\d+)?", "write it with a decimal point and without thousands separators"),
    (r"\d{1,3}([ _'\u00a0\u202f]\d{3})+(\.\d*)?", "write it without thousands separators"),
    (r"[\d.]+\s*[kKmMbBgGtT]", "write it in full, such as 1.5e9"),
)
"""What a text that is not a number looks like, and what to do."""


@dataclass(frozen=True)
class Columns:
    """Which columns of a frame hold the four quantities."""

    names: Mapping[str, str]
    """By quantity: flops, params, tokens and loss; where one is missing, the column that may be meant."""
    derived: str = ""
    """The quantity that no column holds and that C = 6 N D gives: flops or tokens; empty where all are there."""
    notes: tuple[str, ...] = ()
    """What was taken for granted, in sentences."""
    problem: str = ""
    """Why the columns cannot be read; empty where they can."""


def find_columns(frame: pd.DataFrame, names: Mapping[str, str], optional: Collection[str]) -> Columns:
    """The columns of the four quantities; `names` are those asked for, equal to the quantity's own where none was.

    Tokens that nobody named are looked for under the names that people give them; FLOPs that are not there are 6 N D.
    Raises LawError where the frame has no rows, or a name stands twice.
    """
    have = [str(column) for column in frame.columns]
    twice = sorted({name for name in (*names.values(), *optional) if have.count(name) > 1})
    if twice:
        raise LawError(f"more than one column is called {join_words(twice)}; rename or remove all but one")
    same = sorted({name for name in names.values() if list(names.values()).count(name) > 1})
    if same:
        raise LawError(f"column {join_words(same)} cannot hold two quantities; name one column for each")
    if len(frame) == 0:
        raise LawError("the table has no rows")
    near = {key: nearest(key, name, _numeric(frame, names)) for key, name in names.items() if name not in have}
    assumed = {key: near.get(key) or name for key, name in names.items()}
    notes: list[str] = []
    derived = ""
    if names["tokens"] == "tokens" and not has_tokens(frame, names):
        near.pop("tokens", None)
        assumed["tokens"], notes = _tokens_by_habit(frame, assumed)
        derived = "" if has_tokens(frame, assumed) else "tokens"
    if names["flops"] == "flops" and near.get("flops") == "" and assumed["params"] in have and not derived:
        del near["flops"]
        derived = "flops"
        notes.append(f"The data has no FLOPs: C is taken as 6 N D, of {assumed['params']} and {assumed['tokens']}.")
    problem = ""
    if near:
        absent = "; ".join(
            f"no column {names[key]}{f' (nearest: {column})' if column else ''}" for key, column in near.items()
        )
        keys = ", ".join(f"--{key}-key {shlex.quote(column)}".removesuffix(" ''") for key, column in near.items())
        problem = f"{absent}. The table has: {_listed(have)}. Name the columns with {keys}, or rename them."
    return Columns(assumed, derived, tuple(notes), problem)


def _numeric(frame: pd.DataFrame, names: Mapping[str, str]) -> list[str]:
    """Columns that hold numbers, without those that have been named."""
    return [str(name) for name in frame.columns if name not in names.values() and np.isfinite(_read(frame, name)).any()]


def _read(frame: pd.DataFrame, name: Any) -> Floats:
    """A column as floats (n,), NaN for all else."""
    column = frame[name]
    if isinstance(column, pd.DataFrame) or pd.api.types.is_datetime64_any_dtype(column):
        return np.full(len(frame), np.nan)
    return np.asarray(pd.to_numeric(column, errors="coerce"), dtype=float)


def _tokens_by_habit(frame: pd.DataFrame, names: Mapping[str, str]) -> tuple[str, list[str]]:
    """The column that holds tokens by its name and for which C is about 6 N D, and a note; else the name `tokens`."""
    taken = {name for key, name in names.items() if key != "tokens"}
    found = [name for name in _numeric(frame, {}) if name not in taken and name != "tokens" and holds_tokens(name)]
    if not found or names["params"] not in frame:
        return "tokens", []
    if names["flops"] not in frame:
        return found[0], [f"Column {found[0]} is read as tokens."]
    product = _read(frame, names["flops"]) / _read(frame, names["params"])
    with np.errstate(divide="ignore", invalid="ignore"):
        k = {name: float(np.nanmedian(product / _read(frame, name))) for name in found}
    best = min(found, key=lambda name: abs(np.log(k[name] / 6)) if k[name] > 0 else np.inf)
    if USUAL_K[0] <= k[best] <= USUAL_K[1]:
        return best, [f"Column {best} is read as tokens: C / (N D) is {k[best]:.3g} at the median."]
    return "tokens", [
        f"Column {best} may hold tokens, but C / (N D) would be {k[best]:.3g} at the median, where training costs "
        f"about 6: it is not used. If it does, name it with --tokens-key {shlex.quote(best)}."
    ]


def has_tokens(frame: pd.DataFrame, names: Mapping[str, str]) -> bool:
    """Whether the column of tokens is there and holds anything."""
    return names["tokens"] in frame.columns and bool(frame[names["tokens"]].notna().any())


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
