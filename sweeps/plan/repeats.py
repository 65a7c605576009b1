"""The repeats of a plan: which cells run with several seeds, and how well the noise will be known from them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from analysis.fitting.interval import sigma_interval
from sweeps.plan.records import Plan


@dataclass(frozen=True)
class Repeated:
    """A cell that runs with several seeds."""

    budget: float
    """Training FLOPs."""
    params: int
    """N."""
    seeds: int
    """Runs that differ by their seed alone."""


@dataclass(frozen=True)
class Repeats:
    """The repeats of one combination of a sweep's axes; a sweep repeats the same cells in each."""

    cells: tuple[Repeated, ...]
    """By budget and N."""

    @property
    def degrees_of_freedom(self) -> int:
        """Degrees of freedom of the standard deviation between seeds."""
        return sum(cell.seeds - 1 for cell in self.cells)

    @property
    def sigma_interval(self) -> tuple[float, float] | None:
        """The 95 % interval of σ as multiples of its estimate; None without repeats."""
        return sigma_interval(self.degrees_of_freedom) if self.cells else None


def repeats(plan: Plan) -> Repeats:
    """The cells that the plan runs with several seeds, of its first combination of axes."""
    first = next(iter(plan.by_combination.values()), ())
    counts = Counter((run.budget, run.params) for run in first)
    return Repeats(tuple(Repeated(*cell, seeds) for cell, seeds in sorted(counts.items()) if seeds > 1))
