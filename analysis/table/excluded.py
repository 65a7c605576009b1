"""Rows of a table that enter no fit, and the sentence that names them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.records import LawError
from analysis.table.columns import number
from analysis.table.habits import folded, words

Floats = NDArray[np.float64]

OUTLANDISH = 100.0
"""A loss this factor above or below the median is of a run that diverged, or in another unit."""
FINISHED = words(
    "done finished finish complete completed success succeeded successful ok okay terminated passed ended trained "
    "cd true closed published finalized finalised converged pass yes"
)
"""States of a finished run: ours, and those of wandb, MLflow, Ray Tune, Slurm, Optuna, Kubernetes and others."""
UNFINISHED = words(
    "failed fail failure crashed crash killed kill cancelled canceled running pending queued preempted preempting "
    "timeout error errored diverged aborted stopped interrupted lost waiting scheduled created submitted starting "
    "suspended requeued paused pruned unknown node_fail out_of_memory oom boot_fail deadline revoked completing "
    "evicted stopping stale unfinished false in_progress active no"
)
"""States of any other run."""
STATE_COLUMNS = (
    *("state", "status", "run_state", "run_status", "job_state", "job_status"),
    *("trial_state", "trial_status", "task_state", "task_status"),
)
"""Names of the column that has them."""
APART = {"check": "it checks the recipe", "validation": "it validates a forecast"}
"""Roles of runs outside the grid, and the reason for which they are excluded."""


@dataclass(frozen=True, slots=True)
class ExcludedRow:
    """One row left out."""

    run: str
    """What the data calls the run, or the number of its row."""
    flops: float | None
    """Training FLOPs, where they are a finite number."""
    params: float | None
    """N, where it is a finite number."""
    loss: float | None
    """Loss, where it is a finite number."""
    reason: str
    """Why, in a few words."""


def describe_excluded(excluded: Sequence[ExcludedRow], most: int = 5) -> str:
    """One sentence that names rows left out, by reason; empty for none."""
    by_reason: dict[str, list[str]] = {}
    for entry in excluded:
        by_reason.setdefault(entry.reason, []).append(entry.run)
    named = []
    for reason, runs in list(by_reason.items())[:most]:
        more = f" and {len(runs) - most} more" if len(runs) > most else ""
        named.append(f"{', '.join(runs[:most])}{more} ({reason})")
    if len(by_reason) > most:
        named.append(f"and {len(by_reason) - most} more reasons")
    count = len(excluded)
    return f"{count} row{'s were' if count > 1 else ' was'} left out: {'; '.join(named)}." if count else ""


def drop_unfinished(frame: pd.DataFrame, names: Mapping[str, str]) -> tuple[pd.DataFrame, list[ExcludedRow]]:
    """The rows of finished runs with a plausible loss, and the other rows with their reasons.

    `names` are the columns of flops, params, tokens and loss. Raises LawError where no row is left.
    """
    reasons = pd.Series("", index=frame.index)
    loss = pd.Series(number(frame, names["loss"]), index=frame.index)
    reasons[~np.isfinite(loss)] = "the loss is not a finite number"
    state = _states(frame)
    if state is not None:
        finished = state.map(_plain).isin(FINISHED)
        reasons[~finished] = "state is " + state[~finished]
    if "role" in frame:
        apart = frame["role"].map(APART)
        reasons = reasons.where(apart.isna(), apart)
    if (reasons != "").all():
        raise LawError(
            f"none of the {len(frame)} rows is a finished run with a loss ({_most(reasons)}){_rename(state)}"
        )
    middle = float(loss[reasons == ""].median())
    if middle > 0:
        far = (reasons == "") & (loss > 0) & ((loss > OUTLANDISH * middle) | (loss < middle / OUTLANDISH))
        reasons[far] = f"its loss is over {OUTLANDISH:.0f} times above or below the median, {middle:.3g}"
    out = reasons != ""
    return frame.loc[~out], _rows(frame.loc[out], names, list(reasons[out]))


def _states(frame: pd.DataFrame) -> pd.Series | None:
    """The state of each run, `unknown` for none; None without a column of states.

    A column that is called otherwise than `state` counts where it has a word for a state that is known here.
    """
    named = {folded(str(column)): column for column in frame.columns}
    for name in STATE_COLUMNS:
        if name not in named or not frame[named[name]].notna().any():
            continue
        column = frame[named[name]]
        state = column.astype(str).str.strip().where(column.notna(), "unknown")
        if name == "state" or state.map(_plain).isin(FINISHED | UNFINISHED - {"unknown"}).any():
            return state
    return None


def is_unfinished(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Which rows (n,) are not of finished runs, by their state."""
    state = _states(frame)
    if state is None:
        return np.zeros(len(frame), dtype=bool)
    return ~state.map(_plain).isin(FINISHED).to_numpy(dtype=bool)


def _plain(state: str) -> str:
    """A state's word alone, in lower case: TrialState.COMPLETE → complete, CANCELLED by 1000 → cancelled."""
    word = re.split(r"[.:]", state.strip().lower())[-1].strip().replace("-", "_")
    word = re.sub(r"^((run|job|trial|task)_?)?(state|status)_", "", word)
    return re.split(r"[\s(+]", word)[0] if word else ""


def _most(reasons: pd.Series) -> str:
    """The most frequent reasons."""
    counts = reasons.value_counts()
    if len(counts) == 1:
        return str(counts.index[0])
    return "; ".join(f"{count} × {reason}" for reason, count in counts.head(3).items())


def _rename(state: pd.Series | None) -> str:
    """What to do where a state is not known here."""
    if state is None or state.map(_plain).isin(FINISHED | UNFINISHED).all():
        return ""
    return "; write finished for finished runs, or remove the column"


def _rows(frame: pd.DataFrame, names: Mapping[str, str], reasons: Sequence[str]) -> list[ExcludedRow]:
    """A record of each row of a frame, with its reason."""
    runs = frame["run"].astype(str) if "run" in frame else [f"row {index}" for index in frame.index]
    numbers = [pd.to_numeric(frame[names[key]], errors="coerce") for key in ("flops", "params", "loss")]
    known = [[float(value) if np.isfinite(value) else None for value in column] for column in numbers]
    return [ExcludedRow(*entry) for entry in zip(runs, *known, reasons, strict=True)]


def drop_repeated(frame: pd.DataFrame, values: Mapping[str, Floats]) -> tuple[NDArray[np.bool_], list[ExcludedRow]]:
    """Which rows to keep (n,): rows of one seed that are equal but for rounding are one run entered twice."""
    keys = pd.DataFrame({key: np.round(np.log(column), 8) for key, column in values.items()}, index=frame.index)
    for column in ("seed", "run"):
        if column in frame:
            keys[column] = frame[column]
    again = keys.duplicated().to_numpy()
    return ~again, rows_left_out(frame.loc[again], values, again, "repeats another row")


def rows_left_out(
    rows: pd.DataFrame, values: Mapping[str, Floats], mask: NDArray[np.bool_], reason: str
) -> list[ExcludedRow]:
    """Records of rows, the part of a mask (n,) of the values (n,) by quantity, that are left out for one reason."""
    plain = pd.DataFrame({key: column[mask] for key, column in values.items()}, index=rows.index)
    if "run" in rows:
        plain["run"] = rows["run"]
    return _rows(plain, {key: key for key in values}, [reason] * len(rows))
