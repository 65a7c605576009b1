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
from analysis.table import budgets as grouping
from analysis.table.columns import check_columns, has_tokens, positive
from analysis.table.csvfile import read_frame
from analysis.table.excluded import ExcludedRow, drop_repeated, drop_unfinished
from analysis.table.mixture import mixed_kinds
from analysis.table.training_curves import TrainingCurves, are_curves, split_curves
from analysis.table.units import check_units, rows_text

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

MAX_ROWS = 2_000
"""More rows than any set of training runs has: beyond it a table holds training curves, not finished runs."""
FAR_FROM_BUDGET = 2.0
"""A run that cost this factor more or less than its budget was not run at it."""
OPTIONAL = ("budget", "state", "run", "seed", "size_id", "trunk", "role", "device", "numerics")
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
        labels = [_codes(labels[order]) for labels in (self.size, self.trunk)]
        rows = np.column_stack([numbers[order], *labels])
        head = f"{self.convention}|{self.loss_unit}|{self.tokens_given}|".encode()
        trained = b"" if self.curves is None else self.curves.digest.encode()
        return hashlib.sha256(head + rows.tobytes() + trained).hexdigest()

    def select(self, rows: NDArray[np.bool_]) -> RunTable:
        """Return the rows of a mask of shape (runs,) as a table, labels counted anew, without training curves."""
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
    ) -> RunTable:
        """Read a frame with one finished run a row.

        The names say which columns hold FLOPs, parameters, tokens and the loss. The column of tokens may be absent:
        then D = C / (6 N). Optional columns: those of OPTIONAL. Rows that are not of a finished
        run with a loss, or that repeat another, are excluded and listed. Several points of a `run`, of one size at
        different FLOPs, are its training curve (see `split_curves`), and the last is the finished run. Raises LawError
        for a table that cannot be read, naming its rows, the first of which is `first_row`.
        """
        names = {"flops": flops, "params": params, "tokens": tokens, "loss": loss}
        check_columns(frame, names, OPTIONAL)
        frame = frame.set_axis(np.arange(first_row, first_row + len(frame)), axis=0)
        frame, curves = _one_row_a_run(frame, names)
        frame, excluded = drop_unfinished(frame, names)
        values, tokens_given = _numbers(frame, names)
        warnings = check_units(values, names, frame.index.to_numpy(), tokens_given=tokens_given)
        if len(frame) > 1 and float(np.ptp(values["loss"])) <= 1e-12 * float(values["loss"].max()):
            raise LawError(f"column {loss}: all losses are equal, so no size is better than another")
        kept, repeated = drop_repeated(frame, values)
        frame, values = frame.loc[kept], {key: column[kept] for key, column in values.items()}
        warnings += _readings(curves, tokens_given=tokens_given)
        budget, budgets, notes = _budgets(frame, values["flops"])
        size = _sizes(frame, values["params"])
        return cls(
            **values,
            budget=budget,
            budgets=budgets,
            size=size,
            trunk=_trunks(frame),
            repeat=_codes(pd.Series(list(zip(budget, size, strict=True)))),
            names=_run_names(frame),
            tokens_given=tokens_given,
            convention=convention,
            loss_unit=loss_unit,
            excluded=tuple(excluded + repeated),
            warnings=(*warnings, *notes, *mixed_kinds(frame)),
            curves=curves,
        )

    @classmethod
    def read_csv(cls, path: str | Path, **names: str) -> RunTable:
        """Read a CSV; the names are those of `from_frame`. Raises LawError where it cannot be read as a table of runs.

        Rows are counted as a spreadsheet does: the header is row 1.
        """
        frame = read_frame(path)
        try:
            return cls.from_frame(frame, **names, first_row=2)
        except LawError as error:
            raise LawError(f"{path}: {error}") from error


def _codes(values: Any) -> Labels:
    return np.asarray(pd.factorize(values)[0], dtype=np.int64)


def _relabel(labels: Labels) -> Labels:
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def _run_names(frame: pd.DataFrame) -> tuple[str, ...]:
    return tuple(frame["run"].astype(str)) if "run" in frame else tuple(f"row {i}" for i in frame.index)


def _one_row_a_run(frame: pd.DataFrame, names: Mapping[str, str]) -> tuple[pd.DataFrame, TrainingCurves | None]:
    """The last row of each run and its training curve where rows are points of curves, else the rows as they are."""
    curves = None
    if are_curves(frame, names):
        frame, curves = split_curves(frame, names)
    if len(frame) > MAX_ROWS:
        raise LawError(
            f"the table has {len(frame):,} runs, more than {MAX_ROWS:,}: a law is fitted to finished runs, one row "
            "each. If rows are points of training curves, name each one's run in a column run."
        )
    return frame, curves


def _readings(curves: TrainingCurves | None, *, tokens_given: bool) -> list[str]:
    """What was taken for granted in reading the table, in sentences."""
    notes = [] if tokens_given else ["The data has no tokens: D is taken as C / (6 N)."]
    if curves is not None:
        notes.append(f"The last points of {len(curves.names)} training curves are fitted as finished runs.")
    return notes


def _sizes(frame: pd.DataFrame, params: Floats) -> Labels:
    """Labels (n,) of the sizes: those of the column `size_id` where it is full, else of equal N."""
    if "size_id" in frame and frame["size_id"].notna().all():
        return _codes(frame["size_id"].astype(str))
    return _codes(np.round(np.log(params), 6))


def _numbers(frame: pd.DataFrame, names: Mapping[str, str]) -> tuple[dict[str, Floats], bool]:
    """The four columns, and whether tokens were given."""
    given = has_tokens(frame, names)
    values = {key: positive(frame, name) for key, name in names.items() if key != "tokens" or given}
    if not given:
        with np.errstate(over="ignore", under="ignore"):
            values["tokens"] = values["flops"] / (6 * values["params"])
    return values, given


def _trunks(frame: pd.DataFrame) -> Labels:
    """Runs with the same trunk share an index; a run without one gets its own."""
    if "trunk" not in frame:
        return np.arange(len(frame))
    trunk = frame["trunk"].astype(object).where(frame["trunk"].notna() & (frame["trunk"].astype(str) != ""), None)
    return _codes(pd.Series([f"own {i}" if name is None else f"trunk {name}" for i, name in enumerate(trunk)]))


def _budgets(frame: pd.DataFrame, flops: Floats) -> tuple[Labels, Floats, list[str]]:
    """Group runs by the column `budget` where it holds numbers, else by gaps in ln C; with warnings."""
    warnings = []
    if "budget" in frame and frame["budget"].notna().any():
        named = pd.to_numeric(frame["budget"], errors="coerce").to_numpy(dtype=float)
        if np.isfinite(named).all() and (named > 0).all():
            far = np.abs(np.log(named / flops)) > np.log(FAR_FROM_BUDGET)
            if far.any():
                row = int(np.flatnonzero(far)[0])
                raise LawError(
                    f"column budget: {rows_text(far, frame.index.to_numpy())} cost over {FAR_FROM_BUDGET:.0f} times "
                    f"more or less than the budget, such as {flops[row]:.3g} FLOPs at a budget of {named[row]:.3g}. "
                    "Correct the column or leave it out."
                )
            budgets, labels = np.unique(named, return_inverse=True)
            return labels.astype(np.int64), budgets, []
        warnings.append("The column budget holds more than FLOPs, so budgets were found by gaps in the FLOPs.")
    labels, budgets, clear = grouping.group(flops)
    if not clear:
        warnings.append(
            "No gaps in the FLOPs separate the budgets: runs within "
            f"×{np.exp(grouping.SPREAD):.1f} are taken together. A column budget would settle it."
        )
    return labels, budgets, warnings
