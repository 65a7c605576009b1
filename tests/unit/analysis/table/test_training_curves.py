"""Training curves: the last points are the finished runs, schedules and horizons are read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.table.table import RunTable
from tests.unit.analysis.table.frames import frame


def test_the_last_points_of_training_curves_are_the_finished_runs() -> None:
    data = frame()
    points = []
    for share in (0.25, 0.5, 1.0):
        part = data.assign(run=[f"r{i}" for i in range(15)], schedule="cosine", flops=data.flops * share)
        points.append(part.assign(tokens=part.tokens * share, loss=part.loss + 1 - share))
    table = RunTable.from_frame(pd.concat(points).sample(frac=1, random_state=0))
    assert sorted(table.loss) == pytest.approx(sorted(data.loss))
    assert np.allclose(table.budgets, [1e18, 3e18, 1e19])
    assert table.curves is not None and len(table.curves.loss) == 45
    assert table.select(table.budget == 0).curves is None
    assert table.digest != RunTable.from_frame(data.assign(run=[f"r{i}" for i in range(15)])).digest
