"""Further runs joined to a table: labels go on from the table's own, which stays as it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.table.labels import codes
from analysis.table.table import RunTable

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FurtherRuns:
    """Runs that a table does not have yet; all arrays have the shape (runs,)."""

    budget: Floats
    """Budget of each, training FLOPs: of a budget of the table exactly its own number."""
    params: Floats
    """N, in the table's convention; of a size of the table exactly its own number."""
    tokens: Floats
    """D."""
    loss: Floats
    """Final loss, in the table's unit."""


def joined(table: RunTable, runs: FurtherRuns) -> RunTable:
    """A table with further runs behind its own, without training curves.

    A run of a budget and size of the table is a repeat of that cell; each is a run of its own, without a shared trunk.
    """
    count = len(runs.loss)
    budgets = np.union1d(table.budgets, runs.budget)
    budget = np.searchsorted(budgets, np.concatenate([table.budgets[table.budget], runs.budget]))
    size = np.concatenate([table.size, _sizes(table, runs.params)])
    return replace(
        table,
        flops=np.concatenate([table.flops, runs.budget]),
        params=np.concatenate([table.params, runs.params]),
        tokens=np.concatenate([table.tokens, runs.tokens]),
        loss=np.concatenate([table.loss, runs.loss]),
        budget=budget.astype(np.int64),
        budgets=budgets,
        size=size,
        trunk=np.concatenate([table.trunk, table.trunk.max() + 1 + np.arange(count)]),
        repeat=codes(budget * (size.max() + 1) + size),
        names=(*table.names, *(f"further run {number}" for number in range(1, count + 1))),
        curves=None,
    )


def _sizes(table: RunTable, params: Floats) -> Labels:
    """Labels of the sizes of further runs: those of the table's runs of equal N, else new ones."""
    known = dict(zip(table.params.tolist(), table.size.tolist(), strict=True))
    new = sorted(set(params.tolist()) - set(known))
    known |= {size: int(table.size.max()) + number for number, size in enumerate(new, start=1)}
    return np.array([known[size] for size in params.tolist()], dtype=np.int64)
