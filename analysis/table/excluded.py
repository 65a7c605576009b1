"""Rows of a table that enter no fit, and the sentence that names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.records import LawError
from analysis.table.columns import number

Floats = NDArray[np.float64]

OUTLANDISH = 100.0
"""A loss this factor above or below the median is of a run that diverged, or in another unit."""
FINISHED = ("done", "finished")
"""States of a finished run: ours and wandb's."""
APART = {"check": "it checks the recipe", "validation": "it validates a forecast"}
"""Roles of runs outside the grid, and the reason for which they are excluded."""


@dataclass(frozen=True, slots=True)
class ExcludedRow:
    """One row left out."""

    run: str
    """What the data calls the run, or the number of its row."""
    flops: float | None
    """Training FLOPs, where they are a finite number."""
    params: float | None
    """N, where it is a finite number."""
    loss: float | None
    """Loss, where it is a finite number."""
    reason: str
    """Why, in a few words."""


def describe_excluded(excluded: Sequence[ExcludedRow], most: int = 5) -> str:
    """One sentence that names rows left out, by reason; empty for none."""
    by_reason: dict[str, list[str]] = {}
    for entry in excluded:
        by_reason.setdefault(entry.reason, []).append(entry.run)
    named = []
    for reason, runs in by_reason.items():
        more = f" and {len(runs) - most} more" if len(runs) > most else ""
        named.append(f"{', '.join(runs[:most])}{more} ({reason})")
    count = len(excluded)
    return f"{count} row{'s were' if count > 1 else ' was'} left out: {'; '.join(named)}." if count else ""


def drop_unfinished(frame: pd.DataFrame, names: Mapping[str, str]) -> tuple[pd.DataFrame, list[ExcludedRow]]:
    """The rows of finished runs with a plausible loss, and the other rows with their reasons.

    `names` are the columns of flops, params, tokens and loss. Raises LawError where no row is left.
    """
    reasons = pd.Series("", index=frame.index)
    loss = pd.Series(number(frame, names["loss"]), index=frame.index)
    reasons[~np.isfinite(loss)] = "the loss is not a finite number"
    if "state" in frame and frame["state"].notna().any():
        state = frame["state"].astype(str).str.strip().where(frame["state"].notna(), "unknown")
        finished = state.str.lower().isin(FINISHED)
        reasons[~finished] = "state is " + state[~finished]
    if "role" in frame:
        apart = frame["role"].map(APART)
        reasons = reasons.where(apart.isna(), apart)
    if (reasons != "").all():
        raise LawError(f"none of the {len(frame)} rows is a finished run with a loss ({reasons.iloc[0]})")
    middle = float(loss[reasons == ""].median())
    if middle > 0:
        far = (reasons == "") & (loss > 0) & ((loss > OUTLANDISH * middle) | (loss < middle / OUTLANDISH))
        reasons[far] = f"its loss is over {OUTLANDISH:.0f} times above or below the median, {middle:.3g}"
    out = reasons != ""
    return frame.loc[~out], [_row(frame, names, index, reasons[index]) for index in frame.index[out]]


def _row(frame: pd.DataFrame, names: Mapping[str, str], index: Any, reason: str) -> ExcludedRow:
    def finite(key: str) -> float | None:
        value = float(pd.to_numeric(frame.loc[[index], names[key]], errors="coerce").iloc[0])
        return value if np.isfinite(value) else None

    run = str(frame.loc[index, "run"]) if "run" in frame else f"row {index}"
    return ExcludedRow(run, finite("flops"), finite("params"), finite("loss"), reason)


def drop_repeated(frame: pd.DataFrame, values: Mapping[str, Floats]) -> tuple[NDArray[np.bool_], list[ExcludedRow]]:
    """Which rows to keep (n,): rows of one seed that are equal but for rounding are one run entered twice."""
    keys = pd.DataFrame({key: np.round(np.log(column), 8) for key, column in values.items()}, index=frame.index)
    for column in ("seed", "run"):
        if column in frame:
            keys[column] = frame[column]
    again = keys.duplicated().to_numpy()
    plain = pd.DataFrame(dict(values), index=frame.index)
    if "run" in frame:
        plain["run"] = frame["run"]
    names = {key: key for key in values}
    return ~again, [_row(plain, names, index, "repeats another row") for index in frame.index[again]]
