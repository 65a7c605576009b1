"""The cells that runs can be suggested of: budgets and sizes with their costs, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


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
    """How many further runs of the cell may be trained; 0 for a cell that only says what was run."""
    hours: Floats | None = None
    """Predicted hours of one run; None where the device's speed is not known."""

    def __len__(self) -> int:
        """Number of cells."""
        return len(self.budget)
