"""What differs between runs of one cell: seeds are repeats, a tuned setting is not, and experiments are kept apart."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.records import LawError
from analysis.table.habits import Kind, kind_of, words_of
from analysis.wording import join_words

Labels = NDArray[np.int64]
Mask = NDArray[np.bool_]
Texts = NDArray[np.object_]

MOST_EXPERIMENTS = 12
"""Columns with more different texts name runs, not experiments."""
MOST_COEFFICIENTS = 6
"""A result takes more values than this in a table."""
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

    @cached_property
    def cell(self) -> Labels:
        """Index of the cell: budget and size."""
        both = self.budget * (int(self.size.max()) + 1) + self.size
        return np.asarray(np.unique(both, return_inverse=True)[1], dtype=np.int64)

    @cached_property
    def shared(self) -> Mask:
        """Which runs share their cell with others."""
        return np.asarray(np.bincount(self.cell)[self.cell] > 1)

    def differs(self, values: Texts, within: Labels | None = None) -> bool:
        """Whether runs of one cell, or of one of other groups, differ in these values (n,)."""
        groups = self.cell if within is None else within
        codes = np.unique(values, return_inverse=True)[1]
        least, most = np.full(groups.max() + 1, len(codes)), np.full(groups.max() + 1, -1)
        np.minimum.at(least, groups, codes)
        np.maximum.at(most, groups, codes)
        return bool((least < most).any())


def settle(cells: Cells, known: Collection[str]) -> tuple[Mask, str, list[str]]:
    """Which rows (n,) to fit, why the others are left out, and notes.

    `known` are columns with a meaning of their own. Where hyper-parameters differ inside cells, the setting with the
    lowest mean loss of each cell stays. Raises LawError where a column holds several experiments in the same budgets.
    """
    keep = np.ones(len(cells.frame), dtype=bool)
    names = [name for name in map(str, cells.frame.columns) if name not in known and kind_of(name) is not Kind.REPEAT]
    settings = {name: _settings(cells.frame[name]) for name in names}
    settings = {name: values for name, values in settings.items() if (values != values[0]).any()}
    notes: list[str] = []
    for name, values in settings.items():
        if _is_experiment(cells, name, values):
            notes += _experiments(cells, name, values)
    tuned = [name for name, values in settings.items() if _is_tuned(cells, name, values)]
    if tuned:
        keep = _best(cells, [settings[name] for name in tuned])
        named = f"Column{'s' if len(tuned) > 1 else ''} {join_words(tuned)} differ{'s' if len(tuned) == 1 else ''}"
        notes.append(
            f"{named} between runs of equal C and N: tuned, not repeated. The best setting of each cell is fitted. "
            f"{_where(tuned[0], settings[tuned[0]])} fits one value alone."
        )
    elif (offset := _offset(cells)) is not None:
        notes.append(
            f"Runs of equal C and N differ by {offset:.3g} in loss, the later row from the earlier, nearly the same in "
            "every cell: are these two experiments? They are fitted as repeats of one; a column that names each run's "
            "experiment, and --where COLUMN=VALUE, would fit one alone."
        )
    return keep, f"another {join_words(tuned)} does better at its C and N", notes


def _settings(column: pd.Series) -> Texts:
    """A column's values (n,) as texts to compare and to type: numbers to `_DIGITS` digits, blanks as nothing."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        texts = [f"{value:.{_DIGITS}g}" if pd.notna(value) else "" for value in column]
    else:
        texts = [str(value).strip() if pd.notna(value) else "" for value in column]
    return np.array(texts, dtype=object)


def _is_text(values: Texts) -> bool:
    return bool(pd.to_numeric(pd.Series(values[values != ""]), errors="coerce").isna().any())


def _recurs(cells: Cells, values: Texts) -> bool:
    """Whether the values of the runs that share a cell come back: settings do, results and names hardly."""
    shared = values[cells.shared]
    return len(shared) > 0 and len(set(shared)) <= len(shared) / 2


def _varies_with_seed(cells: Cells, values: Texts) -> bool:
    """Whether runs of one cell that differ in these values always differ in their seed, too."""
    seeds = [name for name in map(str, cells.frame.columns) if {"seed", "seeds"} & set(words_of(name))]
    if not seeds:
        return False
    seed = np.unique(cells.frame[seeds[0]].astype(str), return_inverse=True)[1]
    return not cells.differs(values, within=cells.cell * (int(seed.max()) + 1) + seed)


def _is_tuned(cells: Cells, name: str, values: Texts) -> bool:
    """Whether a column holds settings: hyper-parameters by their name, other numbers where they come back."""
    kind = kind_of(name)
    if not cells.differs(values) or kind is Kind.EXPERIMENT:
        return False
    numbers = not _is_text(values) and _recurs(cells, values) and not _varies_with_seed(cells, values)
    # A coefficient may be called by what it weighs, such as z_loss; a result takes more values than a coefficient.
    few = kind is Kind.UNKNOWN or len(set(values)) <= MOST_COEFFICIENTS
    return kind is Kind.TUNING or (numbers and few)


def _is_experiment(cells: Cells, name: str, values: Texts) -> bool:
    kind = kind_of(name)
    few = len(set(values)) <= MOST_EXPERIMENTS
    if kind is Kind.EXPERIMENT:
        return few
    # A column without a known name that has blanks holds remarks.
    unnamed = kind is Kind.UNKNOWN and few and _is_text(values) and bool((values != "").all())
    return unnamed and not (cells.differs(values) and _varies_with_seed(cells, values))


def _experiments(cells: Cells, name: str, values: Texts) -> Iterator[str]:
    """A note on a column of experiments. Raises LawError where two share a budget and its sizes."""
    counts = Counter(values)
    together = cells.differs(values) or _share_budgets(cells, values)
    if not together and sum(count >= LEAST_RUNS for count in counts.values()) < 2:
        return
    listed = join_words(
        f"{value or 'none'} ({count} run{'s' if count > 1 else ''})" for value, count in counts.most_common()
    )
    one = _where(name, [value for value, _ in counts.most_common()])
    if together:
        raise LawError(
            f"column {name} holds several experiments at the same budgets: {listed}. One law does not fit them: choose "
            f"one with {one}, or compare them with isoflop compare --axis {shlex.quote(name)}."
        )
    if kind_of(name) is Kind.EXPERIMENT:
        yield f"Column {name} has several values: {listed}. They are fitted as one experiment; {one} fits one alone."


def _where(name: str, values: Iterable[str]) -> str:
    """The option that fits the first value of a column that is not blank, to paste into a shell."""
    return f"--where {shlex.quote(f'{name}={next(value for value in values if value)}')}"


def _share_budgets(cells: Cells, values: Texts) -> bool:
    """Whether, in half of the budgets or more, the sizes of two values lie among each other."""
    mixed = []
    for budget in np.unique(cells.budget):
        at = np.flatnonzero(cells.budget == budget)
        seen = values[at[np.argsort(cells.params[at], kind="stable")]]
        mixed.append(int((seen[1:] != seen[:-1]).sum()) > len(set(seen)))
    return float(np.mean(mixed)) >= 0.5


def _best(cells: Cells, settings: Sequence[Texts]) -> Mask:
    """Rows (n,) of the setting with the lowest mean loss of each cell."""
    setting = np.unique(["|".join(row) for row in zip(*settings, strict=True)], return_inverse=True)[1]
    group = np.unique(cells.cell * (int(setting.max()) + 1) + setting, return_inverse=True)[1]
    means = (np.bincount(group, cells.loss) / np.bincount(group))[group]
    lowest = np.full(int(cells.cell.max()) + 1, np.inf)
    np.minimum.at(lowest, cells.cell, means)
    return np.asarray(means <= lowest[cells.cell])


def _offset(cells: Cells) -> float | None:
    """The difference between first and second rows of cells, where it is the same in all, as no seeds would make it."""
    cell, loss = cells.cell[cells.shared], cells.loss[cells.shared]
    pairs = [loss[cell == index][:2] for index in np.unique(cell)]
    if len(pairs) < LEAST_RUNS:
        return None
    differences = np.array([second - first for first, second in pairs])
    mean, spread = float(differences.mean()), float(differences.std(ddof=1))
    notable = abs(mean) > NOTABLE * float(cells.loss.mean())
    return abs(mean) if notable and abs(mean) > OFFSET * spread else None
