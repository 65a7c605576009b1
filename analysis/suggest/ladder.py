"""The cells of a table that belongs to no sweep: its own sizes and budgets, both continued at their own ratios."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.law import Law
from analysis.suggest.cells import Cells, joined
from analysis.table.table import RunTable

Floats = NDArray[np.float64]

REPEATS = 3
"""Further runs that a cell may get."""
LEAST_STEP, MOST_STEP = 0.25, 1.5
"""Limits of the ladder's step in ln N."""
LEAST_RATIO, MOST_RATIO = 2.0, 10.0
"""Limits of the ratio of neighbouring budgets."""
MOST_BUDGETS = 8
"""Budgets that are added above the table's at most."""
USUAL_RATIO = 10**0.5
"""Ratio of budgets where there is but one."""


def table_cells(table: RunTable, law: Law, flops: float) -> Cells:
    """The cells that were run, sizes between them, and further budgets up to the asked one, FLOPs.

    Sizes lie on one ladder for all budgets, about the law's N* as far to either side as the table's curves reach.
    """
    had = Cells.run_already(table, REPEATS)
    step, reach = _ladder(table)
    ratio = _ratio(table.budgets)
    top = float(table.budgets.max())
    further = top * ratio ** np.arange(1, MOST_BUDGETS + 1)
    budgets = np.concatenate([np.sort(table.budgets), further[further <= flops * (1 + 1e-9)]])
    centres = law.combined(budgets).log_params
    anchor = float(np.log(had.params[had.budget == top]).mean())
    budget, size = [], []
    for flops_here, centre in zip(budgets.tolist(), centres.tolist(), strict=True):
        middle = round((centre - anchor) / step)
        count = int(np.ceil(reach / step))
        sizes = anchor + step * (middle + np.arange(-count, count + 1))
        there = np.log(had.params[had.budget == flops_here])
        if len(there):
            sizes = sizes[np.abs(sizes[:, None] - there[None]).min(axis=1) > step / 2]
        budget += [flops_here] * len(sizes)
        size += sizes.tolist()
    flops_each, params = np.array(budget), np.exp(np.array(size))
    none = np.zeros(len(params), dtype=np.int64)
    new = Cells(flops_each, params, np.asarray(law.cost.tokens(flops_each, params)), flops_each, none, none + REPEATS)
    again = Cells(had.budget, had.params, had.tokens, had.flops, had.runs * 0, had.most)
    return joined(had, _both(again, new))


def _both(first: Cells, second: Cells) -> Cells:
    """Two sets of cells without hours or shapes."""
    return Cells(
        np.concatenate([first.budget, second.budget]),
        np.concatenate([first.params, second.params]),
        np.concatenate([first.tokens, second.tokens]),
        np.concatenate([first.flops, second.flops]),
        np.concatenate([first.runs, second.runs]),
        np.concatenate([first.most, second.most]),
    )


def _ladder(table: RunTable) -> tuple[float, float]:
    """The median step of the budgets' sizes in ln N, and half of the median width of their curves."""
    steps, widths = [], []
    for budget in range(len(table.budgets)):
        sizes = np.unique(np.log(table.params[table.budget == budget]))
        if len(sizes) > 1:
            steps += np.diff(sizes).tolist()
            widths.append(float(sizes[-1] - sizes[0]))
    step = float(np.clip(np.median(steps), LEAST_STEP, MOST_STEP))
    return step, max(float(np.median(widths)) / 2, 2 * step)


def _ratio(budgets: Floats) -> float:
    """The median ratio of neighbouring budgets."""
    logs = np.log(np.sort(budgets))
    if len(logs) < 2:
        return USUAL_RATIO
    return float(np.clip(np.exp(np.median(np.diff(logs))), LEAST_RATIO, MOST_RATIO))
