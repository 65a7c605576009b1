"""The course of an adaptive sweep: how narrow its answer's intervals were after each round, against FLOPs spent."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import altair as alt

from analysis.figures.axes import log_axis, log_domain, values
from analysis.figures.panels import Panel, panel, side_by_side
from analysis.figures.theme import HEIGHT, PANEL_WIDTH
from analysis.suggest.course import Course, CoursePoint
from analysis.wording import format_flops

_WIDEST = 1e3
"""No half-width is drawn wider than this factor of N*."""
_TOOLTIP = ("spent", "half-width", "source")
Width = Callable[[CoursePoint], float]
"""Half-width of a point that a panel shows."""


def course_panels(course: Course, name: str = "") -> alt.HConcatChart:
    """Half-widths of N* and of the loss against FLOPs spent, as planned and as they came.

    `name` is the sweep's.
    """
    title = f"How the answer at {format_flops(course.flops)} FLOPs narrowed"
    panels = [
        _panel(course, "N* (factor − 1)", _size, None if course.params_factor is None else course.params_factor - 1),
        _panel(course, "loss", _loss, course.loss),
    ]
    return side_by_side(panels, title, name, spacing=48)


def _size(point: CoursePoint) -> float:
    return min(point.precision.params_factor, _WIDEST) - 1


def _loss(point: CoursePoint) -> float:
    return point.precision.loss_half


def _panel(course: Course, quantity: str, width_of: Width, asked: float | None) -> Panel:
    """One quantity: the plan's line, a mark for each complete round, and what was asked for."""
    points = [*course.expected, *course.measured]
    x = log_axis(log_domain([point.spent for point in points]), "FLOPs spent", format_flops, width=PANEL_WIDTH)
    ends = [*map(width_of, points), *([] if asked is None else [asked])]
    y = log_axis(log_domain(ends), f"Half-width of {quantity}", "{:.3g}".format)
    layers: list[alt.Chart | alt.LayerChart] = []
    if asked is not None:
        layers.append(alt.Chart(values([{"asked": asked}])).mark_rule(style="guide").encode(y=alt.Y("asked:Q", **y)))
    if course.expected:
        layers.append(_line(course.expected, width_of, "planned", x, y).mark_line(style="beyond", clip=True))
    measured = _line(course.measured, width_of, "after a round", x, y)
    layers += [measured.mark_line(style="line"), measured.mark_point(filled=True, size=50, opacity=1, style="reached")]
    notes = ["Dashed: what the plan expected; marks: what each complete round showed."]
    notes += ["Dotted: what was asked for."] if asked is not None else []
    return panel(layers, f"Half-width of {quantity}", notes, _words(course, quantity, width_of), height=0.8 * HEIGHT,
                 width=PANEL_WIDTH)  # fmt: skip


def _line(
    points: Sequence[CoursePoint], width_of: Width, source: str, x: dict[str, Any], y: dict[str, Any]
) -> alt.Chart:
    """Points as data of a chart."""
    rows = [
        {
            "at": point.spent,
            "width": width_of(point),
            "spent": format_flops(point.spent),
            "half-width": f"{width_of(point):.3g}",
            "source": source,
        }
        for point in points
        if math.isfinite(width_of(point))
    ]
    tooltip = [alt.Tooltip(f"{key}:N") for key in _TOOLTIP]
    chart: alt.Chart = alt.Chart(values(rows)).encode(
        x=alt.X("at:Q", **x), y=alt.Y("width:Q", **y), order=alt.Order("at:Q"), tooltip=tooltip
    )
    return chart


def _words(course: Course, quantity: str, width_of: Width) -> str:
    """The panel for a reader who does not see it."""
    said = "; ".join(f"{width_of(point):.3g} after {format_flops(point.spent)}" for point in course.measured)
    return f"Half-width of {quantity} against FLOPs spent: {said or 'no round is complete yet'}."
