"""Cells: joined by budget and size, ordered, and read off a table."""

from __future__ import annotations

import numpy as np

from analysis.suggest.cells import Cells, joined
from analysis.table.table import RunTable


def of(params: list[float], runs: int, most: int, hours: bool = False) -> Cells:
    n = len(params)
    ones = np.full(n, 1e18)
    return Cells(
        ones, np.array(params), ones / 6 / np.array(params), ones, np.full(n, runs), np.full(n, most),
        np.ones(n) if hours else None, tuple(f"d{size:g}" for size in params) if hours else (),
    )  # fmt: skip


def test_a_cell_that_both_have_is_one_and_one_that_is_only_had_may_not_be_run_again() -> None:
    found = joined(of([1e7, 2e7], 2, 0), of([3e7, 2e7], 0, 4, hours=True))
    assert found.params.tolist() == [1e7, 2e7, 3e7]
    assert found.runs.tolist() == [2, 2, 0]
    assert found.most.tolist() == [0, 4, 4]
    assert found.hours is not None
    assert found.hours.tolist() == [np.inf, 1, 1]
    assert found.shapes == ("", "d2e+07", "d3e+07")


def test_runs_of_a_table_are_counted_by_cell(runs: RunTable) -> None:
    had = Cells.run_already(runs, 3)
    assert int(had.runs.sum()) == len(runs)
    assert set(had.budget.tolist()) == set(runs.budgets.tolist())
