"""TrainingCurves: the losses of external runs while they trained, and the last point of each as a finished run."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.records import LawError
from analysis.table.budgets import FULL, SHARE, group
from analysis.table.columns import has_tokens, positive

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

FEWEST_BUDGETS, MOST_BUDGETS = 3, 30
"""A grid has at least the first many budgets; more points a run than the second are a training curve."""


@dataclass(frozen=True, eq=False)
class TrainingCurves:
    """Points of R training runs, ascending in FLOPs within a run; arrays of points have the shape (n,)."""

    run: Labels
    """Index of the run of each point."""
    flops: Floats
    """Training FLOPs up to the point."""
    tokens: Floats
    """Tokens up to the point."""
    loss: Floats
    """Loss at the point."""
    params: Floats
    """Parameters of each run, shape (R,)."""
    names: tuple[str, ...]
    """What the data calls each run."""
    schedules: tuple[str, ...]
    """Learning-rate schedule of each run, such as cosine or wsd; empty where the data does not say."""
    horizons: Floats
    """Tokens at which the schedule of each run ends, shape (R,); NaN where the data does not say."""

    def without(self, names: Collection[str]) -> TrainingCurves:
        """The other runs' points, indices of runs counted anew."""
        kept = np.array([name not in names for name in self.names], dtype=bool)
        points = kept[self.run]
        return TrainingCurves(
            run=(np.cumsum(kept) - 1)[self.run[points]].astype(np.int64),
            flops=self.flops[points],
            tokens=self.tokens[points],
            loss=self.loss[points],
            params=self.params[kept],
            names=tuple(np.asarray(self.names, dtype=object)[kept]),
            schedules=tuple(np.asarray(self.schedules, dtype=object)[kept]),
            horizons=self.horizons[kept],
        )

    @property
    def digest(self) -> str:
        """Content hash of the points and what is known of their schedules."""
        columns = (self.run.astype(float), self.flops, self.tokens, self.loss, self.params[self.run], self.horizons)
        text = "|".join(self.schedules).encode()
        return hashlib.sha256(text + b"".join(np.ascontiguousarray(column).tobytes() for column in columns)).hexdigest()


def are_curves(frame: pd.DataFrame, names: Mapping[str, str]) -> bool:
    """Whether rows are points of training: a run has several, of one size and at different FLOPs."""
    if "run" not in frame or not frame["run"].notna().all():
        return False
    several = frame[frame["run"].duplicated(keep=False)]
    if len(several) == 0:
        return False
    groups = several.groupby("run", sort=False)
    one_size = bool((groups[names["params"]].nunique() == 1).all())
    return one_size and bool((groups[names["flops"]].nunique() > 1).all())


def name_models(frame: pd.DataFrame, names: Mapping[str, str]) -> bool:
    """Whether the column `run` holds names of models, each trained at several budgets, and rows are finished runs.

    Then every name has one size, no schedule is given, and the rows fall into clear budgets of several sizes; not so
    where every name has several rows and the last ones alone are such a grid: these are curves.
    """
    if {"schedule", "horizon"} & set(frame.columns) or not are_curves(frame, names):
        return False
    flops, size = (pd.to_numeric(frame[names[key]], errors="coerce").to_numpy(float) for key in ("flops", "params"))
    if not (np.isfinite(flops) & (flops > 0)).all() or not np.isfinite(size).all():
        return False
    run = pd.factorize(frame["run"])[0]
    if not _is_grid(flops, size):
        return False
    order = np.lexsort((flops, run))
    last = order[np.append(np.diff(run[order]) > 0, True)]
    return bool(np.bincount(run).min() < 2) or not _is_grid(flops[last], size[last])


def _is_grid(flops: Floats, size: Floats) -> bool:
    """Whether runs (n,) fall into a few clear budgets, most of them into budgets of `FULL` sizes or more."""
    budget, budgets, clear = group(flops)
    sizes = [len(np.unique(size[budget == index])) for index in range(len(budgets))]
    full = np.isin(budget, np.flatnonzero(np.array(sizes) >= FULL))
    return clear and FEWEST_BUDGETS <= len(budgets) <= MOST_BUDGETS and float(full.mean()) >= SHARE


def split_curves(frame: pd.DataFrame, names: Mapping[str, str]) -> tuple[pd.DataFrame, TrainingCurves]:
    """The last point of each run, as rows of finished runs in the frame's order, and all points.

    `names` are the columns of flops, params, tokens and loss; optional columns: `schedule`, and `horizon` (tokens).
    Points without a loss are left out of the curves. Raises LawError for FLOPs or sizes that are not positive
    numbers and for a run of two schedules.
    """
    flops, params = positive(frame, names["flops"]), positive(frame, names["params"])
    tokens = positive(frame, names["tokens"]) if has_tokens(frame, names) else flops / (6 * params)
    run, labels = pd.factorize(frame["run"])
    order = np.lexsort((flops, run))
    run, flops, params, tokens = run[order], flops[order], params[order], tokens[order]
    last = np.flatnonzero(np.append(np.diff(run) > 0, True))
    loss = pd.to_numeric(frame[names["loss"]], errors="coerce").to_numpy(dtype=float)[order]
    seen = np.isfinite(loss) & (loss > 0)
    rows = frame.iloc[order]
    curves = TrainingCurves(
        run=run[seen].astype(np.int64),
        flops=flops[seen],
        tokens=tokens[seen],
        loss=loss[seen],
        params=params[last],
        names=tuple(map(str, labels)),
        schedules=_schedules(rows),
        horizons=positive(rows.iloc[last], "horizon") if "horizon" in frame else np.full(len(last), np.nan),
    )
    return rows.iloc[last].sort_index(), curves


def _schedules(rows: pd.DataFrame) -> tuple[str, ...]:
    """The schedule of each run, in lower case."""
    if "schedule" not in rows:
        return ("",) * int(rows["run"].nunique())
    known = rows["schedule"].astype(str).str.strip().str.lower().where(rows["schedule"].notna(), "")
    groups = known.groupby(rows["run"].to_numpy(), sort=False)
    counts = groups.nunique()
    if (counts > 1).any():
        raise LawError(f"run {counts.index[counts > 1][0]} has more than one schedule; give each run one")
    return tuple(groups.first())
