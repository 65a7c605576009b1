"""Row: one forecast and what came, and the CSV that holds many."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd

HEADLINE = "isoflop"
"""The method under test, among the baselines."""
KEY = ("data", "kind", "quantity", "trained_to", "flops", "params", "run")
"""What two forecasts of one thing have in common."""


@dataclass(frozen=True)
class Row:
    """One forecast by one method against what came. Sizes are in ln N, losses in the table's unit."""

    data: str
    """Name of the table."""
    kind: str
    """budget (N* or L* of a later budget) | inside, beyond (a single run) | width (at ×3: an interval, no truth)."""
    method: str
    """isoflop or a baseline."""
    quantity: str
    """params (ln N*) | loss."""
    budgets: int
    """Training budgets that have a minimum of their own."""
    trained_to: float
    """Largest training budget, FLOPs."""
    flops: float
    """Budget that was forecast, FLOPs."""
    factor: float
    """How far it lies outside the training budgets, as a ratio; 1 and less inside."""
    estimate: float
    """As forecast; NaN where refused."""
    low: float
    """Lower end of the 95 % interval; NaN where there is none."""
    high: float
    """Upper end."""
    truth: float
    """What came."""
    truth_error: float = 0.0
    """Its standard error."""
    params: float = 0.0
    """N of a single run; 0 for a budget's optimum."""
    run: str = ""
    """Which run; empty for a budget's optimum."""
    confidence: str = ""
    """high | medium | low; empty for baselines."""
    own_holdout: float = float("nan")
    """Share of the fit's own hold-out that was covered; NaN where it has none or was not asked."""
    refused: str = ""
    """Why there is no estimate."""


def to_frame(rows: Iterable[Row]) -> pd.DataFrame:
    """One line a row."""
    return pd.DataFrame([asdict(row) for row in rows], columns=[field.name for field in fields(Row)])


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write rows as CSV."""
    frame.to_csv(path, index=False)


def read(path: Path) -> pd.DataFrame:
    """Rows from a CSV, exactly as they were written."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    for field in fields(Row):
        if field.type == "float":
            frame[field.name] = [float(text or "nan") for text in frame[field.name]]
    return frame.astype({"budgets": int})
