"""Rows of the tables that the report and the page show, every number already in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

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
    """Whether it is set flush right."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run as the tables show it."""

    state: str
    """State, in lower case."""
    cells: tuple[Cell, ...]
    """Its cells, left to right."""


def _plain_number(value: float) -> str:
    return f"{value:g}"


_GREEK = {"alpha": "α", "beta": "β", "gamma": "γ"}

_COLUMNS: tuple[tuple[str, str, Callable[[float], str] | None], ...] = (
    ("run", "Run", None),
    ("role", "Role", None),
    ("state", "State", None),
    ("budget", "Budget", format_flops),
    ("params", "N", format_count),
    ("tokens", "D", format_count),
    ("loss", "Loss", format_loss),
    ("bits_per_byte", "Bits/byte", format_loss),
    ("seed", "Seed", _plain_number),
    ("shape", "Shape", None),
    ("batch_tokens", "Batch", _plain_number),
    ("lr", "LR", _plain_number),
    ("steps", "Steps", _plain_number),
    ("flops_spent", "FLOPs spent", format_flops),
    ("seconds", "Time", format_duration),
)


def run_rows(runs: Iterable[Mapping[str, Any]]) -> list[RunRow]:
    """Runs as table rows, by budget and size; columns that no run has, or a role that all share, are left out."""
    records = sorted(runs, key=lambda run: (_sortable(run.get("budget")), _sortable(run.get("params"))))
    shared = any(run.get("trunk") for run in records)  # elsewhere what is spent is the budget
    columns = [column for column in _COLUMNS if any(_known(run.get(column[0])) for run in records)]
    columns = [column for column in columns if shared or column[0] != "flops_spent"]
    if len({run.get("role") for run in records}) < 2:
        columns = [column for column in columns if column[0] != "role"]
    axes = sorted({key for run in records for key in run if key.startswith("vary.")})
    columns += [(axis, axis.removeprefix("vary."), None) for axis in axes]
    return [
        RunRow(
            str(run.get("state", "")).lower(),
            tuple(Cell(title, _text(run.get(key), write), write is not None) for key, title, write in columns),
        )
        for run in records
    ]


def dropped_rows(dropped: Iterable[DroppedCell]) -> list[dict[str, str]]:
    """Dropped cells as rows of a table."""
    return [
        {
            "budget": format_flops(cell.budget),
            "params": format_count(cell.params),
            "shape": cell.shape,
            "reason": cell.reason,
        }
        for cell in dropped
    ]


def power_law_groups(laws: Iterable[PowerLaw]) -> list[list[PowerLaw]]:
    """Power laws by quantity, N* first, the headline on top of each group."""
    groups: dict[str, list[PowerLaw]] = {"params": [], "tokens": [], "loss": []}
    for law in laws:
        groups.setdefault(law.quantity, []).append(law)
    headline_first = [
        sorted(group, key=lambda law: law.estimator != EstimatorName.HEADLINE) for group in groups.values()
    ]
    return [group for group in headline_first if group]


def refusal_groups(refused: Curve | Law) -> list[tuple[list[EstimatorName], Refusal]]:
    """The refusals of a budget or a law, estimators that refused in the same words together."""
    groups: dict[Refusal, list[EstimatorName]] = {}
    for name, refusal in refused.refusals.items():
        groups.setdefault(refusal, []).append(name)
    return [(names, refusal) for refusal, names in groups.items()]


def size_error(minimum: Minimum) -> str:
    """Two standard errors of a minimum's N as a factor: ×/÷ 1.08."""
    if not math.isfinite(minimum.log_params_se):
        return ""
    factor = math.exp(min(2 * minimum.log_params_se, 50))
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
    """A surface's parameters in a line: E = 1.82, A = 478, …"""
    return ", ".join(f"{_GREEK.get(name, name)} = {coefficient(values[name])}" for name in values)


def _known(value: Any) -> bool:
    return value is not None and value != "" and not (isinstance(value, float) and math.isnan(value))


def _text(value: Any, write: Callable[[float], str] | None) -> str:
    if not _known(value):
        return "–"
    return write(float(value)) if write else str(value)


def _sortable(value: Any) -> float:
    return float(value) if _known(value) else math.inf
