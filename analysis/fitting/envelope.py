"""The envelope (Chinchilla's approach 1): which size has the least loss at each FLOP count of its training curves."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from analysis.fitting import interval
from analysis.names import EstimatorName
from analysis.records import Interval, PowerLaw
from analysis.refusals import (
    OneLossARun,
    Refusal,
    ScheduleTooLong,
    TooFewCrossings,
    UnfinishedSchedule,
    UnknownSchedule,
)
from analysis.table.training_curves import TrainingCurves

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

GRID = 1500
"""Log-spaced FLOP counts at which sizes compete (Hoffmann et al. 2022, section 3.1)."""
MATCHED = ("matched", "cosine", "linear")
"""`matched`: each point is the end of a schedule of its length. cosine, linear: the last point of each run is, and the
envelope of runs of several lengths comes near it in between."""
OVERSHOOT = 1.25
"""A schedule longer than the run by more than this costs loss (Hoffmann et al. 2022, appendix B)."""
BINS = 60
"""Points to which a longer curve is smoothed: a minimum over noisy curves picks the luckiest noise."""
MARGIN = 0.4
"""Both sizes must train for this much of ln C (×1.5) before and beyond their crossing, so that noise evens out."""
FEWEST_CROSSINGS = 3
"""Two points lie on a line whatever the truth."""


@dataclass(frozen=True)
class Envelope:
    """Where the least loss passes from one size to the next, and the power laws through there."""

    flops: tuple[float, ...]
    """FLOPs of each crossing, ascending."""
    params: tuple[float, ...]
    """N* there: the geometric mean of the two sizes."""
    tokens: tuple[float, ...]
    """D* there."""
    losses: tuple[float, ...]
    """The loss that both sizes have."""
    laws: tuple[PowerLaw, ...]
    """N* and D* against C."""


def envelope(curves: TrainingCurves | None) -> Envelope | Refusal:
    """N*(C) and D*(C) from training curves whose schedule matched their length (Hoffmann et al. 2022, section 3.1).

    Each size's curve is the least loss of its runs, smoothed and interpolated in ln C. The power laws go through the
    crossings at which the least loss passes from one size to the next, not through the staircase of the best size at
    each C: a line through K whole steps is flatter than the truth by 1/K². The interval of an exponent is that of the
    line, Student's t with two degrees of freedom fewer than there are crossings.
    """
    if curves is None:
        return OneLossARun()
    refusal = _schedule_refusal(curves)
    if refusal:
        return refusal
    sizes, group = np.unique(np.round(np.log(curves.params), 6).astype(np.float64), return_inverse=True)
    log_c = np.linspace(np.log(curves.flops.min()), np.log(curves.flops.max()), GRID)
    losses = np.full((len(sizes), GRID), np.inf)
    finished = np.full(len(sizes), np.inf)
    for run, size in enumerate(group):
        losses[size] = np.minimum(losses[size], _interpolated(curves, run, log_c))
        finished[size] = min(finished[size], _first_matched(curves, run))
    margin = int(np.ceil(MARGIN / max(log_c[1] - log_c[0], MARGIN / GRID)))
    crossings = [
        (at, small, large)
        for at, small, large in _crossings(losses, margin)
        if log_c[at] >= max(finished[small], finished[large])
    ]
    if len(crossings) < FEWEST_CROSSINGS:
        return TooFewCrossings(len(crossings), FEWEST_CROSSINGS)
    return _through(curves, sizes, group, log_c, losses, crossings)


def _schedule_refusal(curves: TrainingCurves) -> Refusal | None:
    """Why the curves' losses are not those of runs as long as each point."""
    unknown = [name for name, schedule in zip(curves.names, curves.schedules, strict=True) if not schedule]
    if unknown:
        return UnknownSchedule(tuple(unknown), MATCHED)
    other = sorted({schedule for schedule in curves.schedules if schedule not in MATCHED})
    if other:
        wrong = [n for n, schedule in zip(curves.names, curves.schedules, strict=True) if schedule not in MATCHED]
        return UnfinishedSchedule(tuple(wrong), tuple(other))
    ends = np.array([curves.tokens[curves.run == run].max(initial=0.0) for run in range(len(curves.names))])
    long = curves.horizons > OVERSHOOT * ends
    if long.any():
        factor = float(np.nanmax(np.where(long, curves.horizons / np.maximum(ends, 1), 0)))
        return ScheduleTooLong(tuple(curves.names[i] for i in np.flatnonzero(long)), factor)
    return None


def _interpolated(curves: TrainingCurves, run: int, log_c: Floats) -> Floats:
    """Loss (GRID,) of a run, smoothed, by straight lines in ln C; infinite outside its points."""
    at = curves.run == run
    x, y = np.log(curves.flops[at]), curves.loss[at]
    if len(x) < 2:
        return np.full(len(log_c), np.inf)
    if len(x) > BINS:
        edges = np.linspace(x[0], x[-1], BINS + 1)
        which = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, BINS - 1)
        counts = np.bincount(which, minlength=BINS)
        filled = counts > 0
        x, y = (np.bincount(which, values, BINS)[filled] / counts[filled] for values in (x, y))
    return np.asarray(np.interp(log_c, x, y, left=np.inf, right=np.inf))


def _first_matched(curves: TrainingCurves, run: int) -> float:
    """ln C of the first point of a run that is the end of a schedule of its length."""
    flops = curves.flops[curves.run == run]
    if len(flops) == 0:
        return float("inf")
    return float(np.log(flops[0] if curves.schedules[run] == "matched" else flops[-1]))


def _crossings(losses: Floats, margin: int) -> list[tuple[int, int, int]]:
    """(grid index, smaller size, larger size) where the least of losses (S, GRID) passes to the next size that wins.

    Both must have a loss at `margin` grid points to either side: where the smaller size's runs are over, the least loss
    passes to the larger for no other reason.
    """
    trained = np.isfinite(losses).any(axis=0)
    best = np.argmin(losses, axis=0)[trained]
    grid = np.flatnonzero(trained)
    winners = np.unique(best)
    found = []
    for small, large in pairwise(winners):
        # Noise makes the winner flicker near a crossing: as many points before it as smaller sizes win.
        at = int(grid[min(int((best <= small).sum()), len(grid) - 1)])
        around = slice(at - margin, at + margin + 1)
        if margin <= at < losses.shape[1] - margin and np.isfinite(losses[[small, large], around]).all():
            found.append((at, int(small), int(large)))
    return found


def _through(
    curves: TrainingCurves,
    sizes: Floats,
    group: Labels,
    log_c: Floats,
    losses: Floats,
    crossings: list[tuple[int, int, int]],
) -> Envelope:
    """Power laws through the crossings."""
    log_k = np.log(curves.flops / (curves.params[curves.run] * curves.tokens))
    size_k = np.array([np.median(log_k[np.isin(curves.run, np.flatnonzero(group == s))]) for s in range(len(sizes))])
    c = np.array([log_c[at] for at, _, _ in crossings])
    log_n = np.array([(sizes[small] + sizes[large]) / 2 for _, small, large in crossings])
    log_d = c - log_n - np.array([(size_k[small] + size_k[large]) / 2 for _, small, large in crossings])
    return Envelope(
        flops=tuple(np.exp(c).tolist()),
        params=tuple(np.exp(log_n).tolist()),
        tokens=tuple(np.exp(log_d).tolist()),
        losses=tuple(float(losses[[small, large], at].mean()) for at, small, large in crossings),
        laws=(_line("params", c, log_n), _line("tokens", c, log_d)),
    )


def _line(quantity: str, c: Floats, values: Floats) -> PowerLaw:
    centred = c - c.mean()
    exponent = float(centred @ values / (centred @ centred))
    residual = values - values.mean() - exponent * centred
    error = np.sqrt(float(residual @ residual) / (len(c) - 2) / float(centred @ centred))
    half = float(interval.student(float(len(c) - 2))) * float(error)
    return PowerLaw(
        quantity=quantity,
        estimator=EstimatorName.ENVELOPE,
        coefficient=float(np.exp(values.mean() - exponent * c.mean())),
        exponent=exponent,
        exponent_interval=Interval(exponent - half, exponent + half),
    )
