"""Warnings where the runs of a table were computed on several devices or with several numerics."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from analysis.wording import join_words

SHOWN = 6
"""Most kinds that a sentence names, the most frequent first."""
_MIXED = {
    "device": "were trained on several kinds of device",
    "numerics": "have several numerics profiles",
}


def mixed_kinds(frame: pd.DataFrame) -> list[str]:
    """A warning for each of the columns device and numerics that holds several kinds; one finished run a row."""
    return list(_mixed(frame))


def _mixed(frame: pd.DataFrame) -> Iterator[str]:
    for column, mixed in _MIXED.items():
        if column not in frame or pd.api.types.is_numeric_dtype(frame[column]):
            continue
        names = frame[column].dropna().astype(str).str.strip()
        # One kind under several indices: cuda:0 and cuda:1.
        counts = names[names != ""].str.replace(r"^cuda:\d+$", "cuda", regex=True).value_counts()
        if len(counts) < 2:
            continue
        named = [
            f"{count} on {name}" if column == "device" else f"{count} with {name}" for name, count in counts.items()
        ]
        more = [f"{int(counts.iloc[SHOWN:].sum())} on others"] if len(counts) > SHOWN else []
        unknown = len(frame) - int(counts.sum())
        rest = [f"{unknown} unknown"] if unknown else []
        yield (
            f"The runs {mixed}: {join_words([*named[:SHOWN], *more, *rest])}. Their arithmetic differs, and the fit "
            "treats the difference between their losses as noise or as an effect of size."
        )
