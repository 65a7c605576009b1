"""What differs between runs of one cell: seeds are repeats, a tuned setting is not, and experiments are kept apart."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.records import LawError
from analysis.table.habits import Kind, kind_of
from analysis.wording import join_words

Labels = NDArray[np.int64]
Mask = NDArray[np.bool_]

MOST_EXPERIMENTS = 12
"""Columns with more different texts name runs, not experiments."""
LEAST_RUNS = 5
"""An experiment has at least this many runs."""
OFFSET = 4.0
"""Unnamed repeats whose mean difference is this multiple of its standard deviation are not seeds."""
NOTABLE = 1e-3
"""Share of the loss below which such a difference does not matter."""
_DIGITS = 4
"""Significant digits to which settings are compared: a logged rate differs in the last ones."""


@dataclass(frozen=True)
class Cells:
    """The runs of a table by cell; arrays of shape (n,)."""

    frame: pd.DataFrame
    """One finished run a row."""
    budget: Labels
    """Index of the budget."""
    size: Labels
    """Index of the size."""
    params: NDArray[np.float64]
    """N."""
    loss: NDArray[np.float64]
    """Final loss."""

    @property
    def cell(self) -> Labels:
        """Index of the cell: budget and size."""
        return np.asarray(pd.factorize(pd.Series(list(zip(self.budget, self.size, strict=True))))[0], dtype=np.int64)


def settle(cells: Cells, known: Collection[str]) -> tuple[Mask, str, list[str]]:
    """Which rows (n,) to fit, why the others are left out, and notes.

    `known` are columns with a meaning of their own. Where hyper-parameters differ inside cells, the setting with the
    lowest mean loss of each cell stays. Raises LawError where a column holds several experiments in the same budgets.
    """
    keep = np.ones(len(cells.frame), dtype=bool)
    settings = {name: _settings(cells.frame[name]) for name in map(str, cells.frame.columns) if name not in known}
    settings = {name: values for name, values in settings.items() if values.nunique() > 1}
    notes = []
    for name, values in settings.items():
        if _is_experiment(cells, name, values):
            notes += _experiments(cells, name, values)
    tuned = [name for name, values in settings.items() if _is_tuned(cells, name, values)]
    if tuned:
        keep = _best(cells, pd.concat([settings[name] for name in tuned], axis=1).agg("|".join, axis=1))
        named = f"Column{'s' if len(tuned) > 1 else ''} {join_words(tuned)} differ{'s' if len(tuned) == 1 else ''}"
        notes.append(
            f"{named} between runs of equal C and N: tuned, not repeated. The best setting of each cell is fitted. "
            f"--where {tuned[0]}={settings[tuned[0]].iloc[0]} fits one value alone."
        )
    elif (offset := _offset(cells, settings)) is not None:
        notes.append(
            f"Runs of equal C and N differ by {offset:.3g} in loss, the later row from the earlier, nearly the same in "
            "every cell: are these two experiments? They are fitted as repeats of one; a column that names each run's "
            "experiment, and --where COLUMN=VALUE, would fit one alone."
        )
    return keep, f"another {join_words(tuned)} does better at its C and N", notes


def _settings(column: pd.Series) -> pd.Series:
    """A column's values as texts to compare and to type: numbers to `_DIGITS` digits, blanks as nothing."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.map(lambda value: f"{value:.{_DIGITS}g}" if pd.notna(value) else "")
    return column.map(lambda value: str(value).strip() if pd.notna(value) else "")


def _is_text(values: pd.Series) -> bool:
    return bool(pd.to_numeric(values[values != ""], errors="coerce").isna().any())


def _differs(cells: Cells, values: pd.Series) -> bool:
    """Whether runs of one cell differ in these values."""
    return bool((values.groupby(cells.cell).nunique() > 1).any())


def _recurs(cells: Cells, values: pd.Series) -> bool:
    """Whether the values of the runs that share a cell come back: settings do, results and names hardly."""
    shared = values[pd.Series(cells.cell, index=values.index).duplicated(keep=False)]
    return len(shared) > 0 and shared.nunique() <= len(shared) / 2


def _told_by_seed(cells: Cells, values: pd.Series) -> bool:
    """Whether runs of one cell that differ in these values always differ in their seed, too."""
    if "seed" not in cells.frame:
        return False
    key = [pd.Series(cells.cell, index=values.index), cells.frame["seed"].astype(str)]
    return not bool((values.groupby(key).nunique() > 1).any())


def _is_tuned(cells: Cells, name: str, values: pd.Series) -> bool:
    if not _differs(cells, values):
        return False
    kind = kind_of(name)
    numbers = kind is Kind.UNKNOWN and not _is_text(values)
    return kind is Kind.TUNING or (numbers and _recurs(cells, values) and not _told_by_seed(cells, values))


def _is_experiment(cells: Cells, name: str, values: pd.Series) -> bool:
    kind = kind_of(name)
    if kind is Kind.EXPERIMENT:
        return values.nunique() <= MOST_EXPERIMENTS
    unnamed = kind is Kind.UNKNOWN and _is_text(values) and values.nunique() <= MOST_EXPERIMENTS
    return unnamed and not (_differs(cells, values) and _told_by_seed(cells, values))


def _experiments(cells: Cells, name: str, values: pd.Series) -> Iterator[str]:
    """A note on a column of experiments. Raises LawError where two share a budget and its sizes."""
    counts = values[values != ""].value_counts()
    if (counts >= LEAST_RUNS).sum() < 2 and not _differs(cells, values):
        return
    listed = join_words(f"{value} ({count} run{'s' if count > 1 else ''})" for value, count in counts.items())
    one = f"--where {name}={counts.index[0]}"
    if _differs(cells, values) or _share_budgets(cells, values):
        raise LawError(
            f"column {name} holds several experiments at the same budgets: {listed}. One law does not fit both: choose "
            f"one with {one}."
        )
    if kind_of(name) is Kind.EXPERIMENT:
        yield f"Column {name} has several values: {listed}. They are fitted as one experiment; {one} fits one alone."


def _share_budgets(cells: Cells, values: pd.Series) -> bool:
    """Whether, in half of the budgets or more, the sizes of two values lie among each other."""
    mixed = []
    for budget in np.unique(cells.budget):
        at = np.flatnonzero(cells.budget == budget)
        order = at[np.argsort(cells.params[at], kind="stable")]
        seen = values.to_numpy()[order]
        changes = int((seen[1:] != seen[:-1]).sum())
        mixed.append(changes > len(set(seen)))
    return float(np.mean(mixed)) >= 0.5


def _best(cells: Cells, setting: pd.Series) -> Mask:
    """Rows (n,) of the setting with the lowest mean loss of each cell."""
    means = pd.Series(cells.loss, index=setting.index).groupby([cells.cell, setting.to_numpy()]).transform("mean")
    lowest = means.groupby(cells.cell).transform("min")
    return (means <= lowest).to_numpy()


def _offset(cells: Cells, settings: Mapping[str, pd.Series]) -> float | None:
    """The difference between first and second rows of cells, where it is the same in all and no column tells why."""
    if any(kind_of(name) is Kind.REPEAT and _differs(cells, values) for name, values in settings.items()):
        return None
    if "seed" in cells.frame or "run" in cells.frame:
        return None
    groups = pd.Series(cells.loss).groupby(cells.cell)
    pairs = [losses.to_numpy()[:2] for _, losses in groups if len(losses) > 1]
    if len(pairs) < LEAST_RUNS:
        return None
    differences = np.array([second - first for first, second in pairs])
    mean, spread = float(differences.mean()), float(differences.std(ddof=1))
    notable = abs(mean) > NOTABLE * float(cells.loss.mean())
    return abs(mean) if notable and abs(mean) > OFFSET * spread else None
