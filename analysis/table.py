"""RunTable: the one schema of everything a fit reads, and the checks that a table must pass."""

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

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

MAX_ROWS = 3_000
"""More rows than any set of training runs has: beyond it a table holds training curves, not finished runs."""
BUDGET_SPREAD = 0.42
"""Runs of one scattered budget lie within this range of ln C (×1.5); a wider group is split at its largest gap."""
BUDGET_GAP = 0.02
"""Where this gap in ln C already parts most runs into groups, budgets were met exactly and need no other rule."""
MAGNITUDES = {"flops": (1e6, 1e32), "params": (1e2, 1e16), "tokens": (1e2, 1e18)}
"""Ranges outside which a column is in other units (log10, billions) than FLOPs, parameters and tokens."""


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
    excluded: tuple[dict[str, Any], ...] = ()
    """Rows left out: run, flops, params, loss and the reason."""
    warnings: tuple[str, ...] = ()
    """Plain sentences about the table."""

    def __len__(self) -> int:
        return len(self.loss)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunTable) and self.digest == other.digest

    def __hash__(self) -> int:
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
        return hashlib.sha256(head + rows.tobytes()).hexdigest()

    def select(self, rows: NDArray[np.bool_]) -> RunTable:
        """Return the rows of a mask of shape (runs,) as a table with its labels counted anew."""
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
    ) -> RunTable:
        """Read a frame with one finished run a row.

        The names say which columns hold FLOPs, parameters, tokens and the loss. The column of tokens may be absent:
        then D = C / (6 N). Optional columns: budget, state, run, seed, size_id, trunk. Rows whose state is not
        `done` or that have no loss are excluded and listed. Raises LawError for a table that cannot be read.
        """
        names = {"flops": flops, "params": params, "tokens": tokens, "loss": loss}
        _check_columns(frame, names)
        frame = frame.reset_index(drop=True)
        frame, excluded = _drop_unfinished(frame, names)
        values, tokens_given = _numbers(frame, names)
        warnings = _check_magnitudes(values, names)
        kept, duplicates = _drop_duplicates(frame, values)
        frame = frame.loc[kept].reset_index(drop=True)
        values = {key: column[kept] for key, column in values.items()}
        if not tokens_given:
            warnings.append("The data has no tokens: D is taken as C / (6 N).")
        if duplicates:
            warnings.append(f"{len(duplicates)} rows repeat another row exactly and were left out.")
        budget, budgets = _budgets(frame, values["flops"])
        if "size_id" in frame and frame["size_id"].notna().all():
            size = _codes(frame["size_id"].astype(str))
        else:
            size = _codes(np.round(np.log(values["params"]), 6))
        return cls(
            **values,
            budget=budget,
            budgets=budgets,
            size=size,
            trunk=_trunks(frame),
            repeat=_codes(pd.Series(list(zip(budget, size, strict=True)))),
            names=tuple(frame["run"].astype(str)) if "run" in frame else tuple(f"row {i}" for i in frame.index),
            tokens_given=tokens_given,
            convention=convention,
            loss_unit=loss_unit,
            excluded=tuple(excluded + duplicates),
            warnings=tuple(warnings),
        )

    @classmethod
    def read_csv(cls, path: str | Path, **names: str) -> RunTable:
        """Read a CSV; the names are those of `from_frame`. Raises LawError where the file is no such table."""
        try:
            frame = pd.read_csv(path)
        except FileNotFoundError as error:
            raise LawError(f"{path}: no such file") from error
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
            raise LawError(f"{path}: not a CSV with a header line ({str(error).strip()})") from error
        try:
            return cls.from_frame(frame, **names)
        except LawError as error:
            raise LawError(f"{path}: {error}") from error


def _codes(values: Any) -> Labels:
    return np.asarray(pd.factorize(values)[0], dtype=np.int64)


def _relabel(labels: Labels) -> Labels:
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def _check_columns(frame: pd.DataFrame, names: Mapping[str, str]) -> None:
    required = {key: name for key, name in names.items() if key != "tokens"}
    missing = [name for name in required.values() if name not in frame.columns]
    if names["tokens"] != "tokens" and names["tokens"] not in frame.columns:
        missing.append(names["tokens"])
    if missing:
        have = ", ".join(str(column) for column in frame.columns[:20])
        raise LawError(
            f"no column {', '.join(missing)}; the table has: {have}. Name the columns of FLOPs, parameters, tokens "
            "and loss (tokens may be absent)."
        )
    if len(frame) == 0:
        raise LawError("the table has no rows")
    if len(frame) > MAX_ROWS:
        raise LawError(
            f"the table has {len(frame):,} rows, more than {MAX_ROWS:,}: a law is fitted to finished runs, one row "
            "each, not to the points of their training curves. Keep the last point of each run."
        )


def _drop_unfinished(frame: pd.DataFrame, names: Mapping[str, str]) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    state = frame["state"].astype(str) if "state" in frame else pd.Series("done", index=frame.index)
    loss = pd.to_numeric(frame[names["loss"]], errors="coerce")
    no_number = ~np.isfinite(loss)
    reasons = pd.Series("", index=frame.index)
    reasons[no_number] = "the loss is no finite number"
    reasons[state != "done"] = "state is " + state[state != "done"]
    out = reasons != ""
    excluded = [_row(frame, names, index, reasons[index]) for index in frame.index[out]]
    if out.all():
        raise LawError(f"none of the {len(frame)} rows is a finished run with a loss ({reasons.iloc[0]})")
    return frame.loc[~out], excluded


def _row(frame: pd.DataFrame, names: Mapping[str, str], index: Any, reason: str) -> dict[str, Any]:
    def number(key: str) -> float | None:
        value = float(pd.to_numeric(frame.loc[[index], names[key]], errors="coerce").iloc[0])
        return value if np.isfinite(value) else None

    run = str(frame.loc[index, "run"]) if "run" in frame else f"row {index}"
    return {"run": run, **{key: number(key) for key in ("flops", "params", "loss")}, "reason": reason}


def _numbers(frame: pd.DataFrame, names: Mapping[str, str]) -> tuple[dict[str, Floats], bool]:
    values: dict[str, Floats] = {}
    given = names["tokens"] in frame.columns and bool(frame[names["tokens"]].notna().any())
    for key, name in names.items():
        if key == "tokens" and not given:
            continue
        column = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=float)
        bad = ~np.isfinite(column) | (column <= 0)
        if bad.any():
            first = frame.index[bad][0]
            raise LawError(
                f"column {name}: {int(bad.sum())} values are not positive numbers, the first in row {first} "
                f"({frame.loc[first, name]!r}). Correct or remove these rows."
            )
        values[key] = column
    if not given:
        values["tokens"] = values["flops"] / (6 * values["params"])
    return values, given


def _check_magnitudes(values: Mapping[str, Floats], names: Mapping[str, str]) -> list[str]:
    for key, (low, high) in MAGNITUDES.items():
        smallest, largest = float(values[key].min()), float(values[key].max())
        if smallest < low or largest > high:
            hint = "they look like log10 values: raise 10 to them" if largest < 40 else "give them in units of one"
            raise LawError(
                f"column {names[key]}: values from {smallest:.4g} to {largest:.4g} cannot be {key} "
                f"(expected {low:.0e} to {high:.0e}); {hint}."
            )
    if float(np.ptp(values["loss"])) <= 1e-12 * float(values["loss"].max()):
        raise LawError(f"column {names['loss']}: all losses are equal, so the sizes cannot be told apart")
    k = values["flops"] / (values["params"] * values["tokens"])
    warnings = []
    if float(np.median(k)) < 1 or float(np.median(k)) > 100:
        warnings.append(
            f"C / (N D) is {float(np.median(k)):.3g} at the median, far from 6: check that FLOPs, parameters and "
            "tokens are of the same runs and in units of one."
        )
    return warnings


def _drop_duplicates(frame: pd.DataFrame, values: Mapping[str, Floats]) -> tuple[NDArray[np.bool_], list[Any]]:
    """Rows equal in every number and in the seed are one run entered twice."""
    keys = pd.DataFrame(dict(values), index=frame.index)
    for column in ("seed", "run"):
        if column in frame:
            keys[column] = frame[column]
    again = keys.duplicated().to_numpy()
    plain = {"flops": "flops", "params": "params", "loss": "loss"}
    keys["run"] = frame["run"].astype(str) if "run" in frame else [f"row {i}" for i in frame.index]
    return ~again, [_row(keys, plain, index, "repeats another row") for index in frame.index[again]]


def _trunks(frame: pd.DataFrame) -> Labels:
    """Runs with the same trunk share an index; a run without one gets its own."""
    if "trunk" not in frame:
        return np.arange(len(frame))
    trunk = frame["trunk"].astype(object).where(frame["trunk"].notna() & (frame["trunk"].astype(str) != ""), None)
    return _codes(pd.Series([f"own {i}" if name is None else f"trunk {name}" for i, name in enumerate(trunk)]))


def _budgets(frame: pd.DataFrame, flops: Floats) -> tuple[Labels, Floats]:
    """Group runs by the column `budget` where the data has one, else by gaps in ln C."""
    if "budget" in frame:
        named = pd.to_numeric(frame["budget"], errors="coerce").to_numpy(dtype=float)
        if np.isfinite(named).all() and (named > 0).all():
            budgets, labels = np.unique(named, return_inverse=True)
            return labels.astype(np.int64), budgets
    order = np.argsort(flops, kind="stable")
    log_c = np.log(flops[order])
    labels = np.empty(len(flops), dtype=np.int64)
    labels[order] = _exact_budgets(log_c) if _are_exact(log_c) else _split_at_gaps(log_c)
    budgets = np.array([np.exp(np.log(flops[labels == k]).mean()) for k in range(labels.max() + 1)])
    return labels, budgets


def _exact_budgets(log_c: Floats) -> Labels:
    """Labels (n,) of sorted ln C by gaps of a few per cent."""
    return np.concatenate([[0], np.cumsum(np.diff(log_c) > BUDGET_GAP)])


def _are_exact(log_c: Floats) -> bool:
    counts = np.bincount(_exact_budgets(log_c))
    tight = log_c[-1] - log_c[0] <= BUDGET_SPREAD or len(counts) > 1
    return bool(tight and counts[counts >= 4].sum() >= 0.8 * len(log_c))


def _split_at_gaps(log_c: Floats, spread: float = BUDGET_SPREAD) -> Labels:
    """Split sorted ln C at the largest gap of each group that is wider than `spread`, until none is.

    Budgets read off a figure scatter by tens of per cent (Chinchilla, figure 4) and are unevenly spaced, so neither
    one fixed gap nor rounding to significant figures separates them.
    """
    breaks: list[int] = []
    pending = [(0, len(log_c))]
    while pending:
        start, stop = pending.pop()
        if log_c[stop - 1] - log_c[start] <= spread:
            continue
        cut = start + 1 + int(np.argmax(np.diff(log_c[start:stop])))
        breaks.append(cut)
        pending += [(start, cut), (cut, stop)]
    labels = np.zeros(len(log_c), dtype=np.int64)
    labels[sorted(breaks)] = 1
    return np.cumsum(labels)
