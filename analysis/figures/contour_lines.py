"""Lines of equal loss over sizes and tokens: at which losses, where they run, and where they leave the frame."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analysis.figures.axes import linear_ticks, loss_domain
from analysis.figures.surface import surface_loss
from analysis.records import Prediction
from analysis.wording import format_loss

if TYPE_CHECKING:
    from analysis.law import Law

Floats = NDArray[np.float64]

_LEVELS = 11
_RAYS, _STEPS = 141, 161
_CLOSEST_NAMES = 0.045
_MARGIN = 1.4


@dataclass(frozen=True, slots=True)
class Frame:
    """What the chart shows."""

    params: tuple[float, float]
    """Smallest and largest N, parameters."""
    tokens: tuple[float, float]
    """Smallest and largest D, tokens."""


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
    """Points of the contours on one side of the largest budget, one `piece` for each unbroken stretch."""
    for level, sizes, tokens in _lines(law, levels, frame):
        shown = (sizes >= frame.params[0] / _MARGIN) & (sizes <= frame.params[1] * _MARGIN)
        shown &= (tokens >= frame.tokens[0] / _MARGIN) & (tokens <= frame.tokens[1] * _MARGIN)
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


def right_names(law: Law, levels: Sequence[float], frame: Frame) -> dict[float, str]:
    """Tokens at which contours leave the frame on the right → their losses."""
    tokens = np.geomspace(*frame.tokens, 400)
    return _names_along(tokens, surface_loss(law, np.full_like(tokens, frame.params[1]), tokens), levels)


def bottom_names(law: Law, levels: Sequence[float], frame: Frame) -> dict[float, str]:
    """Sizes at which contours leave the frame at the bottom → their losses."""
    sizes = np.geomspace(*frame.params, 400)
    return _names_along(sizes, surface_loss(law, sizes, np.full_like(sizes, frame.tokens[0])), levels)


def _names_along(edge: Floats, losses: Floats, levels: Sequence[float]) -> dict[float, str]:
    """Where the levels lie along an edge of the frame (n,), lowest first.

    Names that would touch each other or the corner are left out.
    """
    losses = np.minimum.accumulate(losses)
    digits = max(len(f"{level:g}".partition(".")[2]) for level in levels)
    apart = _CLOSEST_NAMES * math.log(edge[-1] / edge[0])
    names: dict[float, str] = {}
    for level in reversed(levels):
        if losses[-1] < level < losses[0]:
            at = float(np.exp(np.interp(-level, -losses, np.log(edge))))
            if all(abs(math.log(at / other)) > apart for other in [*names, edge[0]]):
                names[float(f"{at:.4g}")] = f"{level:.{digits}f}"
    return names
