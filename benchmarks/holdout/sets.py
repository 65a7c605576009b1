"""A published table with the truths of its budgets, and where to cut it into training and later budgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pandas as pd

from analysis.fitting.local_minima import LocalMinimum, local_minima
from analysis.records import LawError
from analysis.table.csvfile import read_frame
from analysis.table.table import RunTable

FEWEST_TRAINING = 3
"""Budgets with a minimum that a fit has at least."""


@dataclass(frozen=True, eq=False)
class PublishedSet:
    """One file of runs."""

    name: str
    """What the tables call it."""
    table: RunTable
    """Its runs, validation runs excepted."""
    truths: tuple[LocalMinimum | None, ...]
    """The minimum of each budget's own curve."""
    validation: pd.DataFrame
    """Runs that were made to test a forecast: flops, params, loss."""

    @property
    def usable(self) -> list[int]:
        """Budgets that have a truth."""
        return [budget for budget, truth in enumerate(self.truths) if truth is not None]


@dataclass(frozen=True)
class Cut:
    """Training budgets and later ones."""

    first: int
    """The first budget that is not trained on."""
    budgets: int
    """Training budgets that have a minimum."""


def cuts(truths: Sequence[LocalMinimum | None]) -> list[Cut]:
    """Before each budget with a truth from the fourth on; also after the last, where budgets without one follow."""
    usable = [budget for budget, truth in enumerate(truths) if truth is not None]
    found = [Cut(usable[at], at) for at in range(FEWEST_TRAINING, len(usable))]
    if len(usable) >= FEWEST_TRAINING and usable[-1] + 1 < len(truths):
        found.append(Cut(usable[-1] + 1, len(usable)))
    return found


@lru_cache(maxsize=1)
def load(path: Path) -> PublishedSet:
    """Read a file. Raises LawError where it is no table of runs."""
    table = RunTable.read_csv(path)
    return PublishedSet(path.stem, table, tuple(local_minima(table)), validation_runs(read_frame(path)))


def validation_runs(frame: pd.DataFrame) -> pd.DataFrame:
    """FLOPs, N and loss of the rows whose role is `validation`; none where a column is missing."""
    named = ["flops", "params", "loss"]
    if not {"role", *named} <= set(frame):
        return pd.DataFrame(columns=named, dtype=float)
    return frame.loc[frame["role"] == "validation", named].astype(float)


def files(paths: Sequence[Path]) -> list[Path]:
    """The files named, and every CSV file of the folders named, in the order of their names."""
    found = [inside for path in paths for inside in (sorted(path.glob("*.csv")) if path.is_dir() else [path])]
    if not found:
        raise LawError(f"no CSV file in {', '.join(map(str, paths))}")
    return found
