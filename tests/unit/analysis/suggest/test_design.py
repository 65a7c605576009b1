"""The design: its rows are the derivatives of the fit's own predictions, and its new effects have the fit's scales."""

from __future__ import annotations

import numpy as np

from analysis.fitting.valley.hyper import Scales
from analysis.law import Law
from analysis.suggest.cells import Cells
from analysis.suggest.design import Design
from analysis.table.table import RunTable


def test_rows_of_cells_that_were_run_are_those_of_the_fit(law: Law, runs: RunTable) -> None:
    assert law.valley is not None
    linear = law.valley.mode.linearised
    had = Cells.run_already(runs, 0)
    found = Design.of(linear.model, linear.beta, had)
    assert np.allclose(found.rows[:, : linear.model.parameters], linear.at.jacobian, atol=1e-8)
    assert np.allclose(found.loss, linear.at.loss, atol=1e-8)
    first = linear.model.parameters
    assert np.allclose(found.rows[:, first : first + sum(found.sizes[:6])], 0, atol=1e-6)


def test_a_new_budget_has_an_offset_and_sides_of_its_own(law: Law, cells: Cells) -> None:
    assert law.valley is not None
    linear = law.valley.mode.linearised
    found = Design.of(linear.model, linear.beta, cells)
    new = len(np.unique(cells.budget[cells.budget > law.largest_budget * 1.01]))
    assert new > 0
    assert found.sizes[2:6] == (new,) * 4
    scales = Scales(*np.log([0.01, 0.1, 0.5, 0.3, 1.0, 0.5, 0.2, 0.1]))
    variances = found.variances(scales, 0.0)
    assert len(variances) == found.rows.shape[1] - linear.model.parameters
    assert np.isclose(variances[sum(found.sizes[:2])], (0.01 * 0.5) ** 2)
