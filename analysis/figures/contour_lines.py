"""Lines of equal loss over sizes and tokens: at which losses, where they run, and their names."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analysis.figures.axes import linear_ticks, loss_domain
from analysis.figures.surface import off_optimum, surface_loss
from analysis.records import Prediction
from analysis.wording import format_loss

if TYPE_CHECKING:
    from analysis.law import Law

Floats = NDArray[np.float64]

_LEVELS = 11
_RAYS, _STEPS = 141, 161
_NAME = (0.09, 0.045)
"""Width and height that a contour's name takes, as parts of the frame."""
_BEYOND_RUNS = 0.2
"""How much further from the optimum than any run contours are drawn, in ln N."""
_MARGIN = 1.4


@dataclass(frozen=True, slots=True)
class Frame:
    """What the chart shows."""

    params: tuple[float, float]
    """Smallest and largest N, parameters."""
    tokens: tuple[float, float]
    """Smallest and largest D, tokens."""

    def holds(self, params: Floats, tokens: Floats, margin: float = 1.0) -> NDArray[np.bool_]:
        """Which models (n,) it shows, or those within a factor of `margin` of it."""
        inside = (params >= self.params[0] / margin) & (params <= self.params[1] * margin)
        return np.asarray(inside & (tokens >= self.tokens[0] / margin) & (tokens <= self.tokens[1] * margin))


def even_levels(law: Law, frame: Frame, frontier: Sequence[Prediction]) -> list[float]:
    """Losses to draw, highest first: multiples of a round step down to the frame's lowest.

    They start at the runs' highest loss, or as far above the frontier's start as its end lies below it, if that is
    less. The step is the smallest of 1, 2 or 5 × 10ⁿ that needs at most eleven lines from there to the frontier's end.
    """
    along = surface_loss(law, [p.params for p in frontier], [p.tokens for p in frontier])
    start, end = float(along.max()), float(along.min())
    highest = loss_domain([loss for curve in law.curves for loss in curve.losses])[1]
    ticks = linear_ticks(end, min(highest, 2 * start - end), _LEVELS)
    if len(ticks) < 2:
        return ticks
    step = ticks[1] - ticks[0]
    lowest = float(surface_loss(law, [frame.params[1]], [frame.tokens[1]])[0])
    first, last = math.ceil(min(lowest, ticks[0]) / step - 1e-9), round(ticks[-1] / step)
    return [float(f"{index * step:.12g}") for index in range(last, first - 1, -1)]


def _lines(law: Law, levels: Sequence[float], frame: Frame) -> Iterator[tuple[float, Floats, Floats]]:
    """Each level with the N and D (n,) of its line, ordered along it.

    Solved along rays of equal N/D, on which the law's loss falls as both grow.
    """
    (n_low, n_high), (d_low, d_high) = frame.params, frame.tokens
    ratio = np.linspace(math.log(n_low / d_high), math.log(n_high / d_low), _RAYS)
    product = np.linspace(math.log(n_low * d_low), math.log(n_high * d_high), _STEPS)
    log_n = (product[None] + ratio[:, None]) / 2
    log_d = (product[None] - ratio[:, None]) / 2
    losses = surface_loss(law, np.exp(log_n).ravel(), np.exp(log_d).ravel()).reshape(log_n.shape)
    falling = np.minimum.accumulate(losses, axis=1)
    for level in levels:
        met = (falling[:, 0] >= level) & (falling[:, -1] <= level)
        at = np.array([np.interp(-level, -row, product) for row in falling[met]])
        yield level, np.exp((at + ratio[met]) / 2), np.exp((at - ratio[met]) / 2)


def contour_rows(law: Law, levels: Sequence[float], frame: Frame, *, beyond: bool) -> Iterator[dict[str, Any]]:
    """Points of the contours on one side of the largest budget, one `piece` for each unbroken stretch.

    They end where no run was as far from the optimum of its compute: the law knows nothing of the loss there.
    """
    for level, sizes, tokens in _lines(law, levels, frame):
        shown = frame.holds(sizes, tokens, _MARGIN) & _near_runs(law, sizes, tokens)
        compute = tokens * law.cost.flops_per_token(sizes)
        side = (compute > law.largest_budget) == beyond
        kept = shown & (side | _widened(side) if beyond else side)
        piece = np.cumsum(np.diff(kept.astype(int), prepend=0) == 1)
        for index in np.flatnonzero(kept):
            yield {
                "level": format_loss(level),
                "piece": f"{level} {piece[index]}",
                "order": int(index),
                "params": float(f"{sizes[index]:.5g}"),
                "tokens": float(f"{tokens[index]:.5g}"),
            }


def _widened(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Neighbours of a stretch, so that the two styles of a line meet."""
    padded = np.pad(mask, 1)
    return np.asarray(padded[:-2] | padded[2:])


def contour_names(law: Law, levels: Sequence[float], frame: Frame) -> list[dict[str, Any]]:
    """The losses of the contours at their ends on the side of large models, lowest first, as data of a chart.

    Names that would touch each other are left out.
    """
    digits = max((len(f"{level:g}".partition(".")[2]) for level in levels), default=0)
    height, width = (math.log(high / low) for low, high in (frame.tokens, frame.params))
    names: list[dict[str, Any]] = []
    for level, sizes, tokens in _lines(law, levels[::-1], frame):
        shown = np.flatnonzero(_near_runs(law, sizes, tokens) & frame.holds(sizes, tokens))
        if not len(shown):
            continue
        n, d = float(sizes[shown[-1]]), float(tokens[shown[-1]])
        apart = [
            max(abs(math.log(d / o["tokens"])) / height / _NAME[1], abs(math.log(n / o["params"])) / width / _NAME[0])
            for o in names
        ]
        if all(distance > 1 for distance in apart):
            names.append({"name": f"{level:.{digits}f}", "params": n, "tokens": d})
    return names


def _near_runs(law: Law, sizes: Floats, tokens: Floats) -> NDArray[np.bool_]:
    """Which models (n,) are no further from the optimum of their compute than runs were, in ln N, on either side."""
    runs = [(n, d) for curve in law.curves for n, d in zip(curve.params, curve.tokens, strict=True)]
    reached = off_optimum(law, *zip(*runs, strict=True))
    off = off_optimum(law, sizes, tokens)
    return np.asarray((off >= reached.min() - _BEYOND_RUNS) & (off <= reached.max() + _BEYOND_RUNS))
