"""The cells that runs can be suggested of: budgets and sizes with their costs, as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.table.table import RunTable

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Mask = NDArray[np.bool_]

SAME = 1e-6
"""Difference in ln within which two sizes or budgets are one."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells of which further runs can be trained; all arrays have the shape (n,)."""

    budget: Floats
    """Budget of each, training FLOPs; cells of one budget have exactly the same number."""
    params: Floats
    """N, in the table's convention."""
    tokens: Floats
    """D."""
    flops: Floats
    """Training FLOPs that one run spends."""
    runs: Labels
    """How many runs of the cell there are already."""
    most: Labels
    """How many further runs of the cell may be trained; 0 for a cell that can only be looked at."""
    hours: Floats | None = None
    """Predicted hours of one run; None where they are not known."""
    shapes: tuple[str, ...] = ()
    """What the recipe calls each cell's model, such as `L4 d48 h2 ff128`; empty for cells of a table."""

    def __len__(self) -> int:
        """Number of cells."""
        return len(self.budget)

    @property
    def budgets(self) -> Floats:
        """Every budget once, ascending."""
        return np.unique(self.budget)

    def select(self, kept: Mask | Labels) -> Cells:
        """Some of the cells."""
        return replace(
            self,
            **{name: getattr(self, name)[kept] for name in ("budget", "params", "tokens", "flops", "runs", "most")},
            hours=None if self.hours is None else self.hours[kept],
            shapes=tuple(np.asarray(self.shapes, dtype=object)[kept]) if self.shapes else (),
        )

    def ordered(self) -> Cells:
        """The same by budget and size, so that nothing depends on the order in which they were found."""
        return self.select(np.lexsort((self.params, self.budget)))

    @classmethod
    def run_already(cls, table: RunTable, repeats: int) -> Cells:
        """The cells of a table's runs, each of which may be repeated so many times."""
        _, first, count = np.unique(table.repeat, return_index=True, return_counts=True)
        return cls(
            budget=table.budgets[table.budget[first]],
            params=table.params[first],
            tokens=table.tokens[first],
            flops=table.flops[first],
            runs=count.astype(np.int64),
            most=np.full(len(first), repeats, dtype=np.int64),
        )


def joined(had: Cells, new: Cells) -> Cells:
    """Cells that were run and further ones; of a cell that both have, its runs by the first and the rest by the second.

    Hours and shapes are those of `new`; a cell that `new` lacks has none and may not be run again.
    """
    place: Mapping[tuple[int, int], int] = {key: at for at, key in enumerate(_keys(new))}
    known = [place.get(key) for key in _keys(had)]
    runs = new.runs.copy()
    for at, where in enumerate(known):
        if where is not None:
            runs[where] += had.runs[at]
    alone = had.select(np.array([where is None for where in known], dtype=bool))
    none = len(alone)
    return replace(
        new,
        **{
            name: np.concatenate([getattr(new, name), getattr(alone, name)])
            for name in ("budget", "params", "tokens", "flops")
        },
        runs=np.concatenate([runs, alone.runs]),
        most=np.concatenate([new.most, np.zeros(none, dtype=np.int64)]),
        hours=None if new.hours is None else np.concatenate([new.hours, np.full(none, np.inf)]),
        shapes=(*new.shapes, *[""] * none) if new.shapes else (),
    ).ordered()


def _keys(cells: Cells) -> Sequence[tuple[int, int]]:
    """What tells cells apart: their budgets and sizes as whole numbers of `SAME`."""
    logs = np.round(np.log(np.stack([cells.budget, cells.params])) / SAME).astype(np.int64)
    return [(int(budget), int(size)) for budget, size in logs.T]
