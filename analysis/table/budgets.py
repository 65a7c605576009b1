"""Budgets of external runs: which runs were meant to cost the same, found by gaps in ln C, never by rounding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

SPREAD = 0.42
"""Runs of one scattered budget lie within this range of ln C (×1.5); a wider group is split at its largest gap."""
FINEST = 1e-3
"""Gaps in ln C below this are rounding: budgets are never that close."""
CLEAR = 2.0
"""The gaps alone separate the budgets where the narrowest between them is this factor wider than any within one."""
FULL, SHARE = 4, 0.8
"""A grouping counts where `SHARE` of the runs are in budgets of at least `FULL` runs."""


def group(flops: Floats) -> tuple[Labels, Floats, bool]:
    """Budget of each run, labels (n,) ascending in C; the budgets, geometric means of their runs; whether clear.

    `flops` (n,). Where no gap stands out, budgets are not clear: runs that lie within `SPREAD` are then taken together.
    """
    order = np.argsort(flops, kind="stable")
    log_c = np.log(flops[order])
    found = _by_clear_gaps(log_c)
    sorted_labels = _by_largest_gaps(log_c) if found is None else found
    labels = np.empty(len(flops), dtype=np.int64)
    labels[order] = sorted_labels
    budgets = np.exp(np.bincount(sorted_labels, log_c) / np.bincount(sorted_labels))
    return labels, budgets, found is not None


def stand_apart(flops: Floats, labels: Labels) -> bool:
    """Whether the gaps between budgets stand out from those within them: runs (n,) with their `group` labels."""
    order = np.argsort(flops, kind="stable")
    gaps, between = np.diff(np.log(flops[order])), np.diff(labels[order]) > 0
    within = max(float(gaps[~between].max(initial=0.0)), FINEST)
    return bool(between.any() and gaps[between].min() >= CLEAR * within)


def _by_clear_gaps(log_c: Floats) -> Labels | None:
    """Labels of sorted ln C by the threshold that parts small gaps from large ones most clearly; None where none does.

    Every jump in the sorted gaps is a candidate; a grouping must hold most runs in full budgets none of which is wider
    than `SPREAD`.
    """
    gaps = np.diff(log_c)
    if len(gaps) == 0 or gaps.max() <= FINEST:
        return np.zeros(len(log_c), dtype=np.int64)
    sizes = np.unique(np.maximum(gaps, FINEST))
    if sizes[0] > FINEST:
        sizes = np.concatenate([[FINEST], sizes])
    ratios = sizes[1:] / sizes[:-1]
    for at in np.argsort(-ratios, kind="stable"):
        if ratios[at] < CLEAR:
            return None
        labels = np.concatenate([[0], np.cumsum(gaps > sizes[at])]).astype(np.int64)
        counts = np.bincount(labels)
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        widths = log_c[starts + counts - 1] - log_c[starts]
        if counts[counts >= FULL].sum() >= SHARE * len(log_c) and widths.max() <= SPREAD:
            return labels
    return None


def _by_largest_gaps(log_c: Floats) -> Labels:
    """Split sorted ln C at the largest gap of each group that is wider than `SPREAD`, until none is.

    Budgets read off a figure scatter by tens of per cent (Chinchilla, figure 4) and are unevenly spaced, so neither
    one fixed gap nor rounding to significant figures separates them.
    """
    breaks: list[int] = []
    pending = [(0, len(log_c))]
    while pending:
        start, stop = pending.pop()
        if log_c[stop - 1] - log_c[start] <= SPREAD:
            continue
        cut = start + 1 + int(np.argmax(np.diff(log_c[start:stop])))
        breaks.append(cut)
        pending += [(start, cut), (cut, stop)]
    labels = np.zeros(len(log_c), dtype=np.int64)
    labels[sorted(breaks)] = 1
    return np.cumsum(labels)
