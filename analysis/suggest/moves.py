"""What may be added next: a single run of a budget that has a curve, or sizes that open one, to both sides of N*."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.minima import FEWEST_SIZES
from analysis.fitting.valley.fit import LEAST_FREEDOM
from analysis.suggest.beliefs import Beliefs
from analysis.suggest.cells import Cells

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

OPENINGS = ((3, (0.7, 1.2, 1.8)), (5, (0.35, 0.7, 1.1)))
"""Sizes with which a budget may be opened: how many, and how far apart in ln N."""
OPEN = 3
"""Fewest sizes that open a budget: from so many on single runs of it may follow."""
BESIDE = 0.2
"""Distance in ln N from N* from which on a size lies to one side of it."""


def moves(beliefs: Beliefs, cells: Cells, only: float | None = None) -> list[Labels]:
    """Indices of the cells of each move, (moves, k) for each size k; those at one budget alone where it is given."""
    free = beliefs.runs < cells.runs + cells.most
    single: list[int] = []
    openings: dict[int, set[tuple[int, ...]]] = {}
    for budget in cells.budgets if only is None else (only,):
        here = cells.budget == budget
        sizes = int((here & (beliefs.runs > 0)).sum())
        if sizes >= OPEN:
            single += np.flatnonzero(here & free).tolist()
        if sizes < FEWEST_SIZES:
            new = np.flatnonzero(here & free & (beliefs.runs == 0))
            for chosen in _openings(tuple(beliefs.off_path[new].tolist())):
                openings.setdefault(len(chosen), set()).add(tuple(new[list(chosen)].tolist()))
    found = [np.array(sorted(blocks)) for _, blocks in sorted(openings.items())]
    return [*found, *([np.array(single)[:, None]] if single else [])]


@lru_cache(maxsize=1024)
def _openings(off_path: tuple[float, ...]) -> tuple[tuple[int, ...], ...]:
    """Sets of new cells of one budget about its N*, from their ln N − ln N*; none that leaves one side of it empty."""
    found = []
    for count, distances in OPENINGS:
        if len(off_path) < count:
            continue
        for apart in distances:
            left = np.array(off_path)
            chosen = []
            for place in np.arange(count) - (count - 1) / 2:
                chosen.append(int(np.nanargmin(np.abs(left - place * apart))))
                left[chosen[-1]] = np.nan
            off = [off_path[at] for at in chosen]
            if min(off) < 0 < max(off):
                found.append(tuple(sorted(chosen)))
    return tuple(found)


def missing_sides(beliefs: Beliefs, cells: Cells) -> list[int]:
    """Cells that give the curves there are a size on a side of N* where they have none, the dearest budget first."""
    found = []
    for budget in cells.budgets[::-1]:
        here = cells.budget == budget
        run = here & (beliefs.runs > 0)
        if not run.any():
            continue
        for side in (-1, 1):
            off = side * beliefs.off_path
            free = np.flatnonzero(here & (beliefs.runs == 0) & (cells.most > 0) & (off > BESIDE))
            if not (off[run] > BESIDE).any() and len(free):
                found.append(int(free[np.argmin(off[free])]))
    return found


def repeats_for_noise(beliefs: Beliefs, cells: Cells) -> list[int]:
    """Repeats at the cheapest optima that show the noise between seeds; none where it is known."""
    freedom = int(np.maximum(cells.runs - 1, 0).sum())
    found: list[int] = []
    for budget in cells.budgets:
        here = np.flatnonzero((cells.budget == budget) & (cells.runs > 0) & (cells.most > 0))
        if len(here):
            nearest = int(here[np.argmin(np.abs(beliefs.off_path[here]))])
            found += [nearest] * int(cells.most[nearest])
    return found[: max(LEAST_FREEDOM - freedom, 0)]


def whole_curve_near_top(runs: Labels, cells: Cells) -> bool:
    """Whether one of the two largest budgets with runs (n,) has a whole curve."""
    sizes = [int(((cells.budget == budget) & (runs > 0)).sum()) for budget in np.unique(cells.budget[runs > 0])]
    return any(count >= FEWEST_SIZES for count in sizes[-2:])
