"""Small made tables and rows, whose truth is known, for the tests of the instruments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.holdout.rows import Row
from tests.unit.analysis.law_tables import sweep

BUDGETS = (1e18, 3e18, 1e19, 3e19, 1e20)
ROW = Row("one", "budget", "isoflop", "params", 4, 1e19, 3e19, 3.0, 20.0, 19.8, 20.3, 20.1)
"""A forecast of ln N* = 20 (19.8 to 20.3), where 20.1 came."""


def saved(folder: Path, name: str = "made.csv", **options: object) -> Path:
    """A sweep of Hoffmann's surface as a CSV."""
    path = folder / name
    sweep(**{"budgets": BUDGETS, "noise": 0.002, **options}).to_csv(path, index=False)  # type: ignore[arg-type]
    return path


def bowls(curvature: float = 0.1, budgets: tuple[float, ...] = BUDGETS, sizes: int = 9) -> pd.DataFrame:
    """Exact parabolas in ln N: N* = 2e8 (C / 1e19)^0.5, L* = 1.5 + 1.5 (C / 1e19)^-0.1."""
    rows = []
    for flops in budgets:
        best, least = 2e8 * (flops / 1e19) ** 0.5, 1.5 + 1.5 * (flops / 1e19) ** -0.1
        for params in best * np.geomspace(0.3, 4, sizes):
            loss = least + curvature * np.log(params / best) ** 2
            rows.append({"flops": flops, "params": params, "tokens": flops / 6 / params, "loss": loss})
    return pd.DataFrame(rows)


def rows(**changes: list[object]) -> list[Row]:
    """Copies of ROW, one for each position of the lists."""
    count = len(next(iter(changes.values())))
    return [replace(ROW, **{key: values[at] for key, values in changes.items()}) for at in range(count)]  # type: ignore[arg-type]
