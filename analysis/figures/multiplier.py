"""The compute multiplier between two recipes, as a curve over the loss that both reach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from analysis.answers.compare import Comparison, Multiplier
from analysis.figures.axes import linear_domain, log_axis, log_domain, values
from analysis.figures.panels import Panel, Row, figure, panel
from analysis.figures.theme import PANEL_WIDTH, WIDTH
from analysis.records import QuestionError
from analysis.wording import format_factor, format_flops, format_interval, format_loss, format_multiplier

_WIDEST = 30.0
_GAP = 92.0


def compute_multiplier(comparison: Comparison) -> alt.LayerChart:
    """The baseline's compute over the other's for the same loss, with its interval and a line at 1.

    The loss falls to the right, as training gets longer; what lies beyond either sweep's budgets is dashed.
    """
    return _panel(comparison).alone()


def compute_multipliers(comparisons: Sequence[Comparison]) -> alt.LayerChart | alt.VConcatChart:
    """One comparison as `compute_multiplier`, several as one figure, two in a row.

    Raises:
        QuestionError: there is none.
    """
    if not comparisons:
        raise QuestionError("there is no comparison to draw")
    if len(comparisons) == 1:
        return compute_multiplier(comparisons[0])
    parts = [_panel(comparison, PANEL_WIDTH) for comparison in comparisons]
    rows = [Row(tuple(parts[at : at + 2]), _GAP) for at in range(0, len(parts), 2)]
    return figure(rows, "Compute multipliers")


def _panel(comparison: Comparison, width: float = WIDTH) -> Panel:
    """One comparison, to be placed in a figure."""
    points = sorted(comparison.points, key=lambda point: -point.loss)
    last = max((i for i, point in enumerate(points) if point.extrapolation <= 1.0 + 1e-9), default=-1)
    parts = (points[: last + 1], points[max(last, 0) :] if last < len(points) - 1 else [])
    x: dict[str, Any] = {
        "scale": alt.Scale(domain=list(linear_domain([p.loss for p in points], pad=0.03))[::-1], nice=False),
        "title": f"Loss of both ({comparison.unit})",
    }
    y = log_axis(_domain(points), "Compute multiplier", format_multiplier, closest=0.06)
    layers = [_even_layer(y)]
    layers += [
        layer
        for part, style in zip(parts, ("", "-beyond"), strict=True)
        if part
        for layer in _part_layers(part, style, x, y)
    ]
    title = f"Compute multiplier of {comparison.other} over {comparison.baseline}"
    return panel(layers, title, _notes(comparison, beyond=bool(parts[1])), _describe(comparison), width=width)


def _domain(points: Sequence[Multiplier]) -> tuple[float, float]:
    """Curve, line at 1, and the interval as far as it is worth showing."""
    middle = [point.multiplier for point in points]
    low = max(min(point.interval.low for point in points), min(middle) / _WIDEST)
    high = min(max(point.interval.high for point in points), max(middle) * _WIDEST)
    return log_domain([1.0, low, high, *middle], pad=0.08)


def _even_layer(y: dict[str, Any]) -> alt.Chart:
    """The line at 1, on which both recipes are equal."""
    chart: alt.Chart = alt.Chart(values([{"even": 1.0}])).mark_rule(style="even").encode(y=alt.Y("even:Q", **y))
    return chart


def _part_layers(points: Sequence[Multiplier], style: str, x: dict[str, Any], y: dict[str, Any]) -> list[alt.Chart]:
    """Interval, line and invisible points that carry the tooltips, in a style within or beyond the budgets."""
    tooltip = [
        alt.Tooltip(f"{key}:N") for key in ("loss of both", "multiplier", "range", "baseline", "other", "factor")
    ]
    base = alt.Chart(values(_rows(points))).encode(x=alt.X("loss:Q", **x))
    return [
        base.mark_area(style=f"band{style}", clip=True).encode(y=alt.Y("low:Q", **y), y2=alt.Y2("high:Q")),
        base.mark_line(style="beyond" if style else "line", clip=True).encode(y=alt.Y("value:Q", **y)),
        base.mark_point(filled=True, size=90, opacity=0).encode(y=alt.Y("value:Q", **y), tooltip=tooltip),
    ]


def _rows(points: Sequence[Multiplier]) -> Iterator[dict[str, Any]]:
    """The points of a comparison as data of a chart."""
    for point in points:
        yield {
            "loss": point.loss,
            "value": point.multiplier,
            "low": point.interval.low,
            "high": point.interval.high,
            "loss of both": format_loss(point.loss),
            "multiplier": format_multiplier(point.multiplier),
            "range": format_interval(point.interval, format_multiplier),
            "baseline": f"{format_flops(point.baseline_flops)} FLOPs",
            "other": f"{format_flops(point.flops)} FLOPs",
            "factor": f"{format_factor(max(point.extrapolation, 1.0))} the largest budget",
        }


def _notes(comparison: Comparison, *, beyond: bool) -> list[str]:
    """Who is better above 1, by how much at the largest budgets, and what dashes mean."""
    baseline, other, largest = comparison.baseline, comparison.other, comparison.at_largest
    notes = [
        f"Above 1, {other} reaches the same loss with less compute than {baseline}.",
        f"At a loss of {format_loss(largest.loss)}: {format_multiplier(largest.multiplier)} "
        f"({format_interval(largest.interval, format_multiplier)}). Band: 95 % interval.",
    ]
    return [*notes, "Dashed: beyond the budgets of at least one of the two."] if beyond else notes


def _describe(comparison: Comparison) -> str:
    """The chart in words."""
    ends = "; ".join(
        f"at loss {format_loss(point.loss)} {format_multiplier(point.multiplier)} "
        f"({format_interval(point.interval, format_multiplier)})"
        for point in dict.fromkeys((comparison.points[0], comparison.points[-1]))
    )
    return f"Compute of {comparison.baseline} over that of {comparison.other} for the same loss: {ends}."
