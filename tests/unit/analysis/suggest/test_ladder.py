"""The cells of a table: its own, sizes on one ladder about N*, budgets at its own ratio up to the asked one."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.law import Law
from analysis.suggest.cells import Cells
from analysis.table.table import RunTable
from tests.unit.analysis.suggest.conftest import ASKED


def test_budgets_go_on_to_the_asked_one(cells: Cells, runs: RunTable) -> None:
    new = cells.budgets[~np.isin(cells.budgets, runs.budgets)]
    assert new.tolist() == pytest.approx([10**20.5, 1e21], rel=0.1)
    assert float(new[-1]) <= ASKED


def test_new_sizes_lie_about_the_optimum_and_off_those_that_were_run(cells: Cells, law: Law, runs: RunTable) -> None:
    for budget in cells.budgets.tolist():
        here = cells.budget == budget
        off = np.log(cells.params[here & (cells.runs == 0)] / law.predict(budget).params)
        assert np.abs(off).max(initial=0) < 3
        apart = np.diff(np.sort(np.log(cells.params[here])))
        assert apart.min() > 0.12
    assert int((cells.runs == 0).sum()) >= 10
    assert int(cells.runs.sum()) == len(runs)
