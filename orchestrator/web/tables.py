"""Rows of the tables that the report and the page show, every number already formatted."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.law import Law
from analysis.names import EstimatorName
from analysis.records import Curve, Minimum, PowerLaw
from analysis.refusals import Refusal
from analysis.wording import format_count, format_duration, format_flops, format_loss
from sweeps.plan.records import DroppedCell


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the table of runs."""

    title: str
    """Heading of its column."""
    text: str
    """What it says."""
    number: bool
    """Whether it is a number, and aligned right."""
    key: str = ""
    """Its column in `isoflop export`."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run as the tables show it."""

    state: str
    """State of the run, in lower case."""
    cells: tuple[Cell, ...]
    """Its cells, left to right."""
    run: str = ""
    """Its id."""


@dataclass(frozen=True, slots=True)
class DroppedRow:
    """One cell of the grid that does not run, as the tables show it."""

    budget: str
    """Training FLOPs."""
    params: str
    """N."""
    shape: str
    """Shape of the model."""
    reason: str
    """Why it does not run."""


def _plain_number(value: float) -> str:
    """A number without a unit, in at most six digits."""
    return f"{value:g}"


def _rate(value: float) -> str:
    """A learning rate in three significant digits."""
    return f"{value:.3g}"


Run = Mapping[Hashable, Any]
"""A run by the columns of `isoflop export`."""
_NBSP = "\u00a0"
"""A space at which no line breaks."""
_GREEK = {"alpha": "α", "beta": "β", "gamma": "γ"}
"""How names of parameters are written."""


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the table of runs."""

    key: str
    """Its name in the table of `isoflop export`."""
    title: str
    """Its heading."""
    write: Callable[[float], str] | None = None
    """Puts a number into words; None for text."""


_COLUMNS = (
    _Column("run", "Run"),
    _Column("loss", "Loss", format_loss),
    _Column("budget", "Budget", format_flops),
    _Column("params", "N", format_count),
    _Column("tokens", "D", format_count),
    _Column("state", "State"),
    _Column("role", "Role"),
    _Column("bits_per_byte", "Bits/byte", format_loss),
    _Column("seed", "Seed", _plain_number),
    _Column("shape", "Shape"),
    _Column("batch_tokens", "Batch", _plain_number),
    _Column("lr", "LR", _rate),
    _Column("steps", "Steps", _plain_number),
    _Column("flops_spent", "FLOPs spent", format_flops),
    _Column("seconds", "Time", format_duration),
)


def run_rows(runs: pd.DataFrame) -> list[RunRow]:
    """Runs as table rows, by budget and size; columns that no run has, or a role that all share, are left out.

    Args:
        runs: one row for each run, in the columns of `isoflop export`, some of which may be absent.
    """
    return rows_of(by_size(runs.to_dict("records")))


def by_size(records: Iterable[Run]) -> list[Run]:
    """Runs by budget and size; what is unknown is last."""
    return sorted(records, key=lambda run: (_sortable(run.get("budget")), _sortable(run.get("params"))))


def rows_of(records: Sequence[Run], every: Sequence[Run] | None = None) -> list[RunRow]:
    """Runs as table rows in their order; the columns are those that `every` run has something in, by default these."""
    every = records if every is None else every
    redundant = set()
    if not any(known(run.get("trunk")) for run in every):
        redundant.add("flops_spent")  # without shared trunks it is the budget
    if len({run.get("role") for run in every}) < 2:
        redundant.add("role")
    columns = [c for c in _COLUMNS if c.key not in redundant and any(known(run.get(c.key)) for run in every)]
    axes = sorted({str(key) for run in every for key in run if str(key).startswith("vary.")})
    columns += [_Column(axis, axis.removeprefix("vary.")) for axis in axes]
    sets = sorted({str(key) for run in every for key in run if str(key).startswith("loss.")})
    columns[2:2] = [_Column(key, f"Loss {key.removeprefix('loss.')}", format_loss) for key in sets]
    return [
        RunRow(
            str(run.get("state", "")).lower(), tuple(_cell(run, column) for column in columns), str(run.get("run", ""))
        )
        for run in records
    ]


def _cell(run: Run, column: _Column) -> Cell:
    """A run's entry in a column."""
    return Cell(column.title, _text(run.get(column.key), column.write), column.write is not None, column.key)


def dropped_rows(dropped: Iterable[DroppedCell]) -> list[DroppedRow]:
    """Dropped cells as rows of a table."""
    return [DroppedRow(format_flops(c.budget), format_count(c.params), c.shape, c.reason) for c in dropped]


def power_law_groups(laws: Iterable[PowerLaw]) -> list[list[PowerLaw]]:
    """Power laws by quantity, N* first, the headline first in each group."""
    groups: dict[str, list[PowerLaw]] = {"params": [], "tokens": [], "loss": []}
    for law in laws:
        groups.setdefault(law.quantity, []).append(law)
    headline_first = [
        sorted(group, key=lambda law: law.estimator != EstimatorName.HEADLINE) for group in groups.values()
    ]
    return [group for group in headline_first if group]


def refusal_groups(refused: Curve | Law) -> list[tuple[list[EstimatorName], Refusal]]:
    """The refusals of a budget or a law; estimators that refused for the same reason share a row."""
    groups: dict[Refusal, list[EstimatorName]] = {}
    for name, refusal in refused.refusals.items():
        groups.setdefault(refusal, []).append(name)
    return [(names, refusal) for refusal, names in groups.items()]


def size_error(minimum: Minimum) -> str:
    """The 95 % interval of a minimum's N as a factor, such as ×/÷ 1.08, or that it is not known."""
    if not math.isfinite(minimum.log_params_half):
        return "(error not known)"
    factor = math.exp(min(minimum.log_params_half, 50))
    return f"×/÷ {factor:.2f}" if factor < 100 else "(not known within ×100)"


def coefficient(value: float) -> str:
    """A coefficient with three significant digits, in powers of ten where it is very small or large."""
    if not 1e-3 <= abs(value) < 1e5:
        return format_flops(value)
    return f"{float(f'{value:.3g}'):g}".replace("-", "−")


def signed(value: float) -> str:
    """Three decimals with a true minus sign: −0.151."""
    return f"{value:.3f}".replace("-", "−")


def parameters(values: Mapping[str, float]) -> str:
    """A surface's parameters in one line: E = 1.82, A = 478, …"""
    return ", ".join(f"{_GREEK.get(name, name)}{_NBSP}={_NBSP}{coefficient(values[name])}" for name in values)


def known(value: Any) -> bool:
    """Whether there is a value: not None, empty or NaN."""
    return value is not None and value != "" and not (isinstance(value, float) and math.isnan(value))


def _text(value: Any, write: Callable[[float], str] | None) -> str:
    """A value as the table shows it."""
    if not known(value):
        return "–"
    return write(float(value)) if write else str(value)


def _sortable(value: Any) -> float:
    """A number to sort by, above all others if it is unknown."""
    return float(value) if known(value) else math.inf
