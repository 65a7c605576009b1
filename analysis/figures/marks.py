"""What several charts share: how budgets and minima are coloured, shaped and given error bars."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import altair as alt

from analysis.figures.theme import SHAPES
from analysis.records import Curve, Minimum
from analysis.wording import format_flops

STANDARD_ERRORS = 2.0
"""Half-length of error bars at minima, in standard errors."""

BAR_NOTE = "Bars: ± 2 standard errors; none where N* is not known within a factor of 30."
_LONGEST_BAR = 30.0

_POLYGONS = {
    "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "diamond": ((0, -1), (1, 0), (0, 1), (-1, 0)),
    "triangle-up": ((0, -1), (1, 0.73), (-1, 0.73)),
    "triangle-down": ((0, 1), (-1, -0.73), (1, -0.73)),
    "triangle-right": ((1, 0), (-0.73, 1), (-0.73, -1)),
    "triangle-left": ((-1, 0), (0.73, -1), (0.73, 1)),
    "cross": (
        *((-0.4, -1), (0.4, -1), (0.4, -0.4), (1, -0.4), (1, 0.4), (0.4, 0.4)),
        *((0.4, 1), (-0.4, 1), (-0.4, 0.4), (-1, 0.4), (-1, -0.4), (-0.4, -0.4)),
    ),
}
_HOLE = 0.6
_LEGEND_ROWS = 14
_RING = "M-{r},0A{r},{r},0,1,{sweep},{r},0A{r},{r},0,1,{sweep},-{r},0Z"


def hollow(shape: str) -> str:
    """The outline of a Vega shape as a path with a hole, which legends draw hollow too (they ignore fill opacity)."""
    if shape == "circle":
        return ring(1, _HOLE)
    corners = _POLYGONS[shape]
    middle = [sum(axis) / len(corners) for axis in zip(*corners, strict=True)]
    inner = [[m + _HOLE * (c - m) for c, m in zip(corner, middle, strict=True)] for corner in reversed(corners)]
    return "".join("M" + "L".join(f"{x:.4g},{y:.4g}" for x, y in outline) + "Z" for outline in (corners, inner))


def ring(outer: float, inner: float) -> str:
    """A circle with a hole as a path, radii in units of the mark."""
    return _RING.format(r=outer, sweep=1) + _RING.format(r=inner, sweep=0)


_MINIMUM_SHAPES = {
    "cubic": "M0,-0.9L0.9,0L0,0.9L-0.9,0Z",
    "parabola": ring(1.25, 1.02),
    "akima": hollow("triangle-up"),
}
"""Marker of each estimator's minimum: the cubic's filled diamond stays readable inside the parabola's ring."""


def budget_labels(curves: Sequence[Curve]) -> list[str]:
    """Each budget as the legend writes it, all different, marked where every estimator refused."""
    for digits in (3, 4, 5, 8):
        labels = [format_flops(curve.flops, digits) for curve in curves]
        if len(set(labels)) == len(labels):
            break
    return [label + ("" if curve.minima else " (refused)") for label, curve in zip(labels, curves, strict=True)]


def budget_encodings(
    labels: Sequence[str], title: str = "Budget C (FLOPs)", refused: Collection[str] = ()
) -> tuple[alt.Color, alt.Shape]:
    """Colour and marker of ascending budgets in one legend, the refused ones hollow; rows have their `budget`."""
    names = list(labels)
    shapes = [SHAPES[index % len(SHAPES)] for index in range(len(names))]
    shapes = [hollow(shape) if name in refused else shape for name, shape in zip(names, shapes, strict=True)]
    columns = 2 if len(names) > _LEGEND_ROWS else alt.Undefined
    legend = alt.Legend(title=title, symbolLimit=len(names) + 1, columns=columns)
    return (
        alt.Color("budget:O", sort=names, scale=alt.Scale(domain=names), title=title, legend=legend),
        alt.Shape("budget:N", sort=names, scale=alt.Scale(domain=names, range=shapes), title=title, legend=legend),
    )


def minimum_shape(curves: Sequence[Curve]) -> alt.Shape:
    """Marker of each estimator's minima; rows carry the estimator as `minimum`."""
    present = {estimator_label(minimum.estimator) for curve in curves for minimum in curve.minima}
    names = [name for name in _MINIMUM_SHAPES if name in present] + sorted(present - set(_MINIMUM_SHAPES))
    shapes = [_MINIMUM_SHAPES.get(name, hollow("square")) for name in names]
    return alt.Shape("minimum:N", sort=names, scale=alt.Scale(domain=names, range=shapes), title="Minimum by")


def estimator_label(name: str) -> str:
    """An estimator's name for people: joint_skew → joint skew."""
    return name.replace("_", " ")


def size_spread(log_params_se: float | None) -> float:
    """The factor that an error bar of N* (or of D* = C / F(N*)) reaches either way; 1 where unknown.

    At most 10⁶: beyond it a bar crosses any chart, and says as much.
    """
    if log_params_se is None or not math.isfinite(log_params_se):
        return 1.0
    return math.exp(min(STANDARD_ERRORS * log_params_se, math.log(1e6)))


def minimum_bar(minimum: Minimum) -> tuple[float, float]:
    """What the error bars of a minimum reach: a factor for N* and D*, a difference for the loss.

    Bars longer than a factor of 30 would only cross the chart: such a minimum gets none (1 and 0), and
    `BAR_NOTE` below the title says so.
    """
    spread = size_spread(minimum.log_params_se)
    known = math.isfinite(minimum.log_params_se) and spread <= _LONGEST_BAR and math.isfinite(minimum.loss_se)
    return (spread, STANDARD_ERRORS * minimum.loss_se) if known else (1.0, 0.0)
