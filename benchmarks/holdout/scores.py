"""Scores of forecasts: covered, interval score, error; means by set, and their ratios between methods."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.fitting.interval import NORMAL
from benchmarks.holdout.rows import HEADLINE, KEY

PENALTY = 40.0
"""2 / 5 %: what lying outside a 95 % interval costs per unit (Gneiting and Raftery 2007, section 6.2)."""
FIRST = ("chinchilla", "cs336", "llama3")
"""Sets that earlier versions of the method had been chosen by."""


def scored(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows with columns answered, error, half, and by the truth's own error added or not (`bare`) covered and score."""
    out = frame.copy()
    own = NORMAL * out.truth_error
    gap = out.truth - out.estimate
    low, high = out.estimate - out.low, out.high - out.estimate
    out["answered"] = np.isfinite(out.estimate)
    out["bounded"] = np.isfinite(out.low) & np.isfinite(out.high)
    out["error"] = gap.abs()
    out["half"] = (out.high - out.low) / 2
    for suffix, added in (("", own), ("_bare", 0.0)):
        below, above = np.hypot(low, added), np.hypot(high, added)
        outside = np.maximum(np.maximum(gap - above, -gap - below), 0)
        # A truth on the very end is inside, rounding or not.
        out["covered" + suffix] = np.where(out.bounded, outside <= 1e-12, np.nan)
        out["score" + suffix] = np.where(out.bounded, below + above + PENALTY * outside, np.nan)
    return out


def pairs(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """Scored rows of two methods on the forecasts that both answered; theirs with the suffix `_theirs`."""
    return ours[ours.answered].merge(
        theirs[theirs.answered], on=list(KEY), suffixes=("", "_theirs"), validate="one_to_one"
    )


def ratios(both: pd.DataFrame, column: str) -> pd.Series:
    """By set: the mean of a column over that of theirs, on the forecasts where both have it."""
    known = both[np.isfinite(both[column]) & np.isfinite(both[f"{column}_theirs"])]
    means = known.groupby("data")[[column, f"{column}_theirs"]].mean()
    return pd.Series(means[column] / means[f"{column}_theirs"])


def geometric(values: pd.Series, sets: Sequence[str] | None = None) -> float:
    """Geometric mean over sets, of all or of some; NaN over none."""
    chosen = values[values.index.isin(sets)] if sets is not None else values
    chosen = chosen[np.isfinite(chosen) & (chosen > 0)]
    return float(np.exp(np.log(chosen).mean())) if len(chosen) else float("nan")


def new_sets(frame: pd.DataFrame) -> list[str]:
    """The sets that no earlier version was chosen by."""
    return sorted(set(frame.data) - set(FIRST))


def headline_rows(frame: pd.DataFrame, kind: str, quantity: str) -> pd.DataFrame:
    """The scored rows of the method under test."""
    return frame[(frame.method == HEADLINE) & (frame.kind == kind) & (frame.quantity == quantity)]
