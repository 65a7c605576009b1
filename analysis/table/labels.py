"""Labels of runs: which share a budget, a size or a trunk."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.records import LawError
from analysis.table import budgets as grouping
from analysis.table.units import rows_text
from analysis.wording import typed_flops

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

FAR_FROM_BUDGET = 2.0
"""A run that cost this factor more or less than its budget was not run at it."""


def codes(values: Any) -> Labels:
    """Labels (n,) that equal values share, in the order of their first."""
    return np.asarray(pd.factorize(values)[0], dtype=np.int64)


def sizes_of(frame: pd.DataFrame, params: Floats) -> Labels:
    """Labels (n,) of the sizes: those of the column `size_id` where it is full, else of equal N."""
    if "size_id" in frame and frame["size_id"].notna().all():
        return codes(frame["size_id"].astype(str))
    return codes(np.round(np.log(params), 6))


def trunks_of(frame: pd.DataFrame) -> Labels:
    """Runs with the same trunk share an index; a run without one gets its own."""
    if "trunk" not in frame:
        return np.arange(len(frame))
    trunk = frame["trunk"].astype(object).where(frame["trunk"].notna() & (frame["trunk"].astype(str) != ""), None)
    return codes(pd.Series([f"own {i}" if name is None else f"trunk {name}" for i, name in enumerate(trunk)]))


def budgets_of(frame: pd.DataFrame, flops: Floats) -> tuple[Labels, Floats, list[str]]:
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
                    f"more or less than the budget, such as {typed_flops(flops[row])} FLOPs at a budget of "
                    f"{typed_flops(named[row])}. Correct the column or leave it out."
                )
            budgets, labels = np.unique(named, return_inverse=True)
            return labels.astype(np.int64), budgets, []
        warnings.append("The column budget holds more than FLOPs, so budgets were found by gaps in the FLOPs.")
    labels, budgets, clear = grouping.group(flops)
    if not clear and grouping.stand_apart(flops, labels):
        warnings.append(
            f"Most budgets have fewer than {grouping.FULL} runs; a curve needs five sizes at each. Runs within "
            f"×{np.exp(grouping.SPREAD):.1f} are taken together."
        )
    elif not clear:
        warnings.append(
            "No gaps in the FLOPs separate the budgets: runs within "
            f"×{np.exp(grouping.SPREAD):.1f} are taken together. A column budget would settle it."
        )
    return labels, budgets, warnings
