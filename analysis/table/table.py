"""RunTable: the one schema of everything a fit reads, and how a frame of runs becomes one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.records import LawError
from analysis.table.cells import Cells, settle
from analysis.table.columns import Columns, find_columns, has_tokens, positive
from analysis.table.csvfile import read_frame
from analysis.table.excluded import ExcludedRow, drop_repeated, drop_unfinished, rows_left_out
from analysis.table.labels import budgets_of, codes, sizes_of, trunks_of
from analysis.table.mistakes import all_mistakes
from analysis.table.mixture import mixed_kinds
from analysis.table.repeats import UNIQUE, SetAside, outdone, set_aside, unique_tokens
from analysis.table.training_curves import TrainingCurves, are_curves, name_models, split_curves
from analysis.table.units import check_units
from analysis.table.where import cleaned, visible, where_rows

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

MAX_ROWS = 2_000
"""More rows than any set of training runs has: beyond it a table holds training curves, not finished runs."""
OPTIONAL = ("budget", "state", "run", "seed", "size_id", "trunk", "role", "device", "numerics", UNIQUE)
"""Columns that are read where they are there."""


@dataclass(frozen=True, eq=False)
class RunTable:
    """Finished runs, one a row; all arrays have the shape (runs,)."""

    flops: Floats
    """Training FLOPs of each run, C."""
    params: Floats
    """Parameters, N, in the table's convention."""
    tokens: Floats
    """Training tokens, D."""
    loss: Floats
    """Final loss."""
    budget: Labels
    """Index into `budgets`."""
    budgets: Floats
    """FLOPs of each budget: as the data names it, else the geometric mean of its group."""
    size: Labels
    """Index of the model size; runs of one size may share noise."""
    trunk: Labels
    """Index of the shared trunk; runs without one have an index of their own."""
    repeat: Labels
    """Index of the cell (budget and size); runs of one cell differ by their seed alone."""
    names: tuple[str, ...]
    """What the data calls each run."""
    tokens_given: bool = True
    """False where D was taken as C / (6 N)."""
    convention: str = "as in the data"
    """How N and C were counted."""
    loss_unit: str = "as in the data"
    """nats/token | bits/byte | as in the data."""
    excluded: tuple[ExcludedRow, ...] = ()
    """Rows left out, with the reason."""
    warnings: tuple[str, ...] = ()
    """Plain sentences about the table."""
    curves: TrainingCurves | None = None
    """How the runs trained, where the data has several points a run."""
    unique: Floats | None = None
    """Different training tokens of each run, U; None where no run of the data sees tokens more than once."""
    aside: SetAside | None = None
    """Runs that repeat tokens and whose cell has a fresher one: they tell what repetition is worth, and no more."""

    def __len__(self) -> int:
        """Number of runs."""
        return len(self.loss)

    def __repr__(self) -> str:
        """How many runs, at which budgets, and how many rows were left out."""
        count = len(self.excluded)
        out = f", {count} row{'s' if count > 1 else ''} left out" if count else ""
        span = f"{self.budgets.min():.3g} to {self.budgets.max():.3g} FLOPs"
        return f"RunTable({len(self)} runs, {len(self.budgets)} budgets, {span}{out})"

    def __eq__(self, other: object) -> bool:
        """Whether another table has the same content hash."""
        return isinstance(other, RunTable) and self.digest == other.digest

    def __hash__(self) -> int:
        """Hash of the content hash."""
        return hash(self.digest)

    @property
    def digest(self) -> str:
        """Content hash: equal for equal runs in any order."""
        numbers = np.column_stack([self.flops, self.params, self.tokens, self.loss, self.budgets[self.budget]])
        order = np.lexsort(numbers.T)
        # Labels are counted anew in this order: only who shares one matters.
        labels = [codes(labels[order]) for labels in (self.size, self.trunk)]
        rows = np.column_stack([numbers[order], *labels])
        head = f"{self.convention}|{self.loss_unit}|{self.tokens_given}|".encode()
        trained = b"" if self.curves is None else self.curves.digest.encode()
        again = b"" if self.unique is None else self.unique[order].tobytes()
        again += b"" if self.aside is None else self.aside.content
        return hashlib.sha256(head + rows.tobytes() + trained + again).hexdigest()

    def select(self, rows: NDArray[np.bool_]) -> RunTable:
        """Return the rows of a mask of shape (runs,) as a table, labels counted anew.

        Training curves and what was set aside are left out.
        """
        kept, budget = np.unique(self.budget[rows], return_inverse=True)
        return RunTable(
            flops=self.flops[rows],
            params=self.params[rows],
            tokens=self.tokens[rows],
            loss=self.loss[rows],
            budget=budget,
            budgets=self.budgets[kept],
            size=_relabel(self.size[rows]),
            trunk=_relabel(self.trunk[rows]),
            repeat=_relabel(self.repeat[rows]),
            names=tuple(np.asarray(self.names, dtype=object)[rows]),
            tokens_given=self.tokens_given,
            convention=self.convention,
            loss_unit=self.loss_unit,
            excluded=self.excluded,
            warnings=self.warnings,
            unique=None if self.unique is None else self.unique[rows],
        )

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        flops: str = "flops",
        params: str = "params",
        tokens: str = "tokens",
        loss: str = "loss",
        convention: str = "as in the data",
        loss_unit: str = "as in the data",
        first_row: int = 1,
        where: Mapping[str, str] | None = None,
    ) -> RunTable:
        """Read a frame with one finished run a row.

        The names say which columns hold FLOPs, parameters, tokens and the loss. Tokens are also found under other
        names; without any D = C / (6 N), and without FLOPs C = 6 N D. Optional columns: those of OPTIONAL. `where`
        chooses the rows that have these values in these columns. Rows that are not of a finished run with a loss, that
        repeat another, or whose hyper-parameters do worse in their cell, are excluded and listed. Several points of a
        `run`, of one size at different FLOPs, are its training curve (see `split_curves`), and the last is the finished
        run. Raises LawError for a table that cannot be read, with every mistake and its rows, the first of which is
        `first_row`.
        """
        frame = cleaned(frame.set_axis(np.arange(first_row, first_row + len(frame)), axis=0))
        frame = where_rows(frame, where or {})
        asked = {"flops": flops, "params": params, "tokens": tokens, "loss": loss}
        columns = find_columns(frame, {key: visible(name) for key, name in asked.items()}, OPTIONAL)
        frame = _with_flops(frame, columns)
        try:
            if columns.problem:
                raise LawError(columns.problem)
            return cls._of(frame, columns, convention=convention, loss_unit=loss_unit)
        except LawError as error:
            found = all_mistakes(frame, columns, error)
            raise LawError("\n".join(found)) if len(found) > 1 else error from error

    @classmethod
    def _of(cls, frame: pd.DataFrame, columns: Columns, *, convention: str, loss_unit: str) -> RunTable:
        """The table of a frame whose columns are known. Raises LawError at the first mistake."""
        names = columns.names
        frame, curves, notes = _one_row_a_run(frame, names)
        frame, excluded = drop_unfinished(frame, names)
        values, tokens_given = _numbers(frame, names)
        derived = columns.derived if tokens_given else "tokens"
        warnings = check_units(values, names, frame.index.to_numpy(), derived=derived)
        loss = values["loss"]
        if len(frame) > 1 and float(np.ptp(loss)) <= 1e-12 * float(loss.max()):
            raise LawError(f"column {names['loss']}: all losses are equal, so no size is better than another")
        kept, repeated = drop_repeated(frame, values)
        frame, values = frame.loc[kept], {key: column[kept] for key, column in values.items()}
        warnings += [*columns.notes, *notes, *_readings(curves, tokens_given=tokens_given)]
        budget, budgets, grouped = budgets_of(frame, values["flops"])
        size = sizes_of(frame, values["params"])
        unique, aside = unique_tokens(frame, values["tokens"]), None
        if unique is not None:
            # Every cell keeps its freshest run, so that every budget does.
            again = outdone(budget, size, values, unique)
            aside = set_aside(again, budget, size, values, unique) if again.any() else None
            frame, values = frame.loc[~again], {key: column[~again] for key, column in values.items()}
            budget, size, unique = budget[~again], size[~again], unique[~again]
        cells = Cells(frame, budget, size, values["params"], values["loss"])
        best, reason, settled = settle(cells, {*OPTIONAL, *names.values()})
        worse = rows_left_out(frame.loc[~best], values, ~best, reason)
        # Every cell keeps a run, so that every budget does.
        budget, size, frame = budget[best], size[best], frame.loc[best]
        unique = None if unique is None else unique[best]
        return cls(
            **{key: column[best] for key, column in values.items()},
            budget=budget,
            budgets=budgets,
            size=size,
            trunk=trunks_of(frame),
            repeat=codes(pd.Series(list(zip(budget, size, strict=True)))),
            names=_run_names(frame),
            tokens_given=tokens_given,
            convention=convention,
            loss_unit=loss_unit,
            excluded=tuple(excluded + repeated + worse),
            warnings=(*warnings, *grouped, *settled, *mixed_kinds(frame)),
            curves=curves,
            unique=unique,
            aside=aside,
        )

    @classmethod
    def read_csv(cls, path: str | Path, **names: Any) -> RunTable:
        """Read a CSV; the names are those of `from_frame`. Raises LawError where it cannot be read as a table of runs.

        Rows are counted as a spreadsheet does: the header is row 1.
        """
        frame = read_frame(path)
        try:
            return cls.from_frame(frame, **names, first_row=2)
        except LawError as error:
            raise LawError(f"{path}: {error}") from error


def _relabel(labels: Labels) -> Labels:
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def _run_names(frame: pd.DataFrame) -> tuple[str, ...]:
    return tuple(frame["run"].astype(str)) if "run" in frame else tuple(f"row {i}" for i in frame.index)


def _with_flops(frame: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """The frame with a column of FLOPs, 6 N D, where it has none."""
    if columns.derived != "flops":
        return frame
    pair = [frame[columns.names[key]] for key in ("params", "tokens")]
    params, tokens = (pd.to_numeric(column, errors="coerce").astype(float) for column in pair)
    return frame.assign(**{columns.names["flops"]: 6 * params * tokens})


def _one_row_a_run(
    frame: pd.DataFrame, names: Mapping[str, str]
) -> tuple[pd.DataFrame, TrainingCurves | None, list[str]]:
    """The last row of each run and its training curve where rows are points of curves, else the rows as they are."""
    curves, notes = None, []
    if name_models(frame, names):
        notes.append(
            "The column run names models, not runs: each row is fitted as a finished run. If rows are points of "
            "training curves, give the column schedule as well."
        )
        frame = frame.drop(columns="run")
    elif are_curves(frame, names):
        frame, curves = split_curves(frame, names)
    if len(frame) > MAX_ROWS:
        raise LawError(
            f"the table has {len(frame):,} runs, more than {MAX_ROWS:,}: a law is fitted to finished runs, one row "
            "each. If rows are points of training curves, name each one's run in a column run."
        )
    return frame, curves, notes


def _readings(curves: TrainingCurves | None, *, tokens_given: bool) -> list[str]:
    """What was taken for granted in reading the table, in sentences."""
    notes = [] if tokens_given else ["The data has no tokens: D is taken as C / (6 N)."]
    if curves is not None:
        notes.append(f"The last points of {len(curves.names)} training curves are fitted as finished runs.")
    return notes


def _numbers(frame: pd.DataFrame, names: Mapping[str, str]) -> tuple[dict[str, Floats], bool]:
    """The four columns, and whether tokens were given."""
    given = has_tokens(frame, names)
    values = {key: positive(frame, name) for key, name in names.items() if key != "tokens" or given}
    if not given:
        with np.errstate(over="ignore", under="ignore"):
            values["tokens"] = values["flops"] / (6 * values["params"])
    return values, given
