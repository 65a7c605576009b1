"""What several charts share: the shapes of budgets and estimators, their legends, and the error bars of minima."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import altair as alt

from analysis.figures.palette import ESTIMATORS, HEADLINE
from analysis.figures.theme import SHAPES
from analysis.names import EstimatorName
from analysis.records import Curve, Minimum
from analysis.wording import estimator_label, format_flops

STANDARD_ERRORS = 2.0
"""Half-length of error bars at minima, in standard errors."""

LIGHT = 0.45
"""Opacity of the estimators of `COMPARED`."""

COMPARED = frozenset({EstimatorName.PARABOLA, EstimatorName.PARABOLA_NEAR_MINIMUM, EstimatorName.AKIMA})
"""Estimators of minima that charts show lighter and without bars: the cubic follows the skew of a curve, which a
parabola cannot, and an Akima spline follows the noise, too; both are there for comparison."""

_SALTIRE = "M-1,-0.6L-0.6,-1L0,-0.4L0.6,-1L1,-0.6L0.4,0L1,0.6L0.6,1L0,0.4L-0.6,1L-1,0.6L-0.4,0Z"
VERDICTS = {"inside": "circle", "outside": _SALTIRE}
"""Marker of what came, by whether a forecast's interval held it, in the order of the legend."""

ARROW = "M0,-1L0.7,0L0.2,0L0.2,1L-0.2,1L-0.2,0L-0.7,0Z"
"""An arrow upwards, for runs beyond the frame."""

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


def star(points: int = 5, outer: float = 1.6, inner: float = 0.67) -> str:
    """A star as a path, radii in units of the mark, one point up."""
    radii = [outer if corner % 2 == 0 else inner for corner in range(2 * points)]
    angles = [math.pi * corner / points for corner in range(2 * points)]
    corners = [(r * math.sin(a), -r * math.cos(a)) for r, a in zip(radii, angles, strict=True)]
    return "M" + "L".join(f"{x:.4g},{y:.4g}" for x, y in corners) + "Z"


_ESTIMATOR_SHAPES = {
    HEADLINE: star(),
    "cubic": "M0,-0.9L0.9,0L0,0.9L-0.9,0Z",
    "parabola": ring(1.25, 1.02),
    "akima": hollow("triangle-up"),
}
"""Marker of each estimator's optimum: the cubic's filled diamond stays readable inside the parabola's ring."""


def budget_labels(curves: Sequence[Curve]) -> list[str]:
    """Each budget as the legend writes it, all different, marked where every estimator refused."""
    for digits in (3, 4, 5, 8):
        labels = [format_flops(curve.flops, digits) for curve in curves]
        if len(set(labels)) == len(labels):
            break
    return [label + ("" if curve.minima else " (refused)") for label, curve in zip(labels, curves, strict=True)]


def _listed(names: Sequence[str]) -> list[str]:
    """The budgets that a legend names: all, or of more than two columns hold one column's, evenly chosen."""
    if len(names) <= 2 * _LEGEND_ROWS:
        return list(names)
    return [names[round(row * (len(names) - 1) / (_LEGEND_ROWS - 1))] for row in range(_LEGEND_ROWS)]


def budget_encodings(curves: Sequence[Curve], *, legend: bool = True) -> tuple[alt.Color, alt.Shape]:
    """Colour and marker of a law's ascending budgets in one legend, refused ones hollow; rows have their `budget`.

    All charts pass all curves of the law, so that a budget looks the same in each.
    """
    names = budget_labels(curves)
    shapes = [SHAPES[index % len(SHAPES)] for index in range(len(names))]
    shapes = [shape if curve.minima else hollow(shape) for curve, shape in zip(curves, shapes, strict=True)]
    title = "Budget C (FLOPs)"
    listed = _listed(names)
    columns = 2 if len(listed) > _LEGEND_ROWS else alt.Undefined
    values = listed if len(listed) < len(names) else alt.Undefined
    key = alt.Legend(title=title, symbolLimit=len(names) + 1, columns=columns, values=values) if legend else None
    return (
        alt.Color("budget:O", sort=names, scale=alt.Scale(domain=names), title=title, legend=key),
        alt.Shape("budget:N", sort=names, scale=alt.Scale(domain=names, range=shapes), title=title, legend=key),
    )


def estimator_encodings(shown: Collection[str], *, legend: bool = True) -> tuple[alt.Color, alt.Shape, alt.Opacity]:
    """Colour, marker and opacity of estimators in one legend that names those `shown`; rows have their `estimator`.

    Colours go by the place in `ESTIMATORS`, so that they are the same in all charts; those of `COMPARED` are
    lighter.
    """
    names = [estimator_label(name) for name in ESTIMATORS]
    shapes = [_ESTIMATOR_SHAPES.get(name, hollow("square")) for name in ESTIMATORS]
    opacities = [LIGHT if name in COMPARED else 1.0 for name in ESTIMATORS]
    title = "Optimum by"
    listed = [estimator_label(name) for name in ESTIMATORS if name in shown]
    key = alt.Legend(title=title, values=listed, symbolSize=80) if legend else None
    channel: dict[str, Any] = {"sort": names, "title": title, "legend": key}
    return (
        alt.Color("estimator:N", scale=alt.Scale(domain=names), **channel),
        alt.Shape("estimator:N", scale=alt.Scale(domain=names, range=shapes), **channel),
        alt.Opacity("estimator:N", scale=alt.Scale(type="ordinal", domain=names, range=opacities), **channel),
    )


def size_spread(log_params_se: float | None) -> float:
    """The factor that an error bar of N* (or of D* = C / F(N*)) reaches either way; 1 where unknown.

    At most 10⁶: beyond it a bar crosses any chart, and says as much.
    """
    if log_params_se is None or not math.isfinite(log_params_se):
        return 1.0
    return math.exp(min(STANDARD_ERRORS * log_params_se, math.log(1e6)))


def has_bar(minimum: Minimum) -> bool:
    """Whether a minimum is known well enough for error bars: longer ones would only cross the chart."""
    known = math.isfinite(minimum.log_params_half) and math.isfinite(minimum.loss_half)
    return known and math.exp(min(minimum.log_params_half, math.log(1e6))) <= _LONGEST_BAR


def minimum_bar(minimum: Minimum) -> tuple[float, float]:
    """What the error bars of a minimum reach: a factor for N* and D*, a difference for the loss; 1 and 0 for no bar."""
    if not has_bar(minimum):
        return 1.0, 0.0
    return math.exp(minimum.log_params_half), minimum.loss_half


def bar_note(minima: Sequence[Minimum]) -> str:
    """What the bars of these minima are, and why one lacks them where one does; nothing without a bar."""
    if not any(map(has_bar, minima)):
        return ""
    missing = "" if all(map(has_bar, minima)) else f" (none where N* is not known within a factor of {_LONGEST_BAR:g})"
    return f"Bars at minima: 95 % intervals{missing}."
