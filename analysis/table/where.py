"""Rows of a frame by the values of its columns, and its texts without what a terminal would obey."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from difflib import get_close_matches

import pandas as pd

from analysis.records import LawError

SHOWN = 8
"""Most values of a column that an error lists."""
CLOSE = 5e-4
"""Relative difference below which two numbers are one value."""


def visible(text: str) -> str:
    """A text with every control or invisible character escaped: what it holds cannot steer a terminal."""
    return "".join(
        character
        if character.isprintable() or unicodedata.category(character) == "Zs"
        else character.encode("unicode_escape").decode()
        for character in text
    )


def cleaned(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with visible column names and texts."""
    frame = frame.rename(columns=lambda name: visible(str(name)))
    for index, column in enumerate(frame.columns):
        values = frame.iloc[:, index]
        if pd.api.types.is_object_dtype(values) or pd.api.types.is_string_dtype(values):
            hidden = values.map(lambda value: isinstance(value, str) and not value.isprintable()).to_numpy(dtype=bool)
            if hidden.any() and list(frame.columns).count(column) == 1:
                frame = frame.assign(**{column: values.where(~hidden, values[hidden].map(visible))})
    return frame


def where_rows(frame: pd.DataFrame, where: Mapping[str, str]) -> pd.DataFrame:
    """The rows that have these values in these columns; numbers are equal as numbers. Raises LawError where none do."""
    for column, value in where.items():
        if column not in frame:
            close = get_close_matches(column, map(str, frame.columns), n=1)
            hint = f" (nearest: {close[0]})" if close else ""
            raise LawError(f"no column {column} to choose rows by{hint}. The table has: {', '.join(frame.columns)}.")
        texts = frame[column].astype(str).str.strip()
        same = texts == value.strip()
        number = pd.to_numeric(pd.Series([value]), errors="coerce").iloc[0]
        if pd.notna(number):
            same |= (pd.to_numeric(texts, errors="coerce") - number).abs() <= CLOSE * abs(number)
        if not same.any():
            have = [text for text in dict.fromkeys(texts) if text][:SHOWN]
            raise LawError(f"no row has {column}={visible(value)}: the column has {', '.join(have)}")
        frame = frame[same]
    return frame
