"""Batches and learning rates around a recipe's own at which `recipe_check` tries it."""

from __future__ import annotations

from typing import Final

BATCHES: Final = (0.25, 1.0, 4.0)
"""Batches that are tried, as multiples of the rule's."""
RATES: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Learning rates that are tried, as multiples of the rule's, for matrices and embedding together."""
CELLS: Final = 6
"""Cells that are checked at most: three places on the curves of two budgets."""
