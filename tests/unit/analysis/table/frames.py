"""A small table of runs, for the tests of tables."""

from __future__ import annotations

import numpy as np
import pandas as pd


def frame(budgets: tuple[float, ...] = (1e18, 3e18, 1e19), sizes: int = 5) -> pd.DataFrame:
    rows = []
    for flops in budgets:
        for params in np.geomspace(1e8, 1e9, sizes):
            rows.append({"flops": flops, "params": params, "tokens": flops / 6 / params, "loss": 3 + params / flops})
    return pd.DataFrame(rows)
