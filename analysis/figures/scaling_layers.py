"""The layers of a chart against compute: the law's band, the minima of the curves, the runs, and the largest budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import altair as alt

from analysis.figures.axes import values
from analysis.figures.marks import COMPARED, estimator_encodings, minimum_bar
from analysis.figures.optima import Optima
from analysis.figures.quantities import Quantity
from analysis.records import Minimum, Prediction
from analysis.wording import estimator_label, format_count, format_factor, format_flops, format_interval, format_loss

if TYPE_CHECKING:
    from analysis.law import Law


def band_layers(
    band: Sequence[Prediction], x: dict[str, Any], y: dict[str, Any], quantity: Quantity, line: str, area: str
) -> list[alt.Chart]:
    """The answers as a line with its interval, in two named styles."""
    if not band:
        return []
    base = alt.Chart(values(_band_rows(band, quantity))).encode(x=alt.X("flops:Q", **x))
    tooltip = [alt.Tooltip(f"{key}:N") for key in ("C", quantity.symbol, "95 % interval", "extrapolation")]
    return [
        base.mark_area(style=area, clip=True).encode(y=alt.Y("low:Q", **y), y2=alt.Y2("high:Q"), tooltip=tooltip),
        base.mark_line(style=line, clip=True).encode(y=alt.Y("value:Q", **y)),
    ]


def _band_rows(band: Sequence[Prediction], quantity: Quantity) -> Iterator[dict[str, Any]]:
    """Answers as data of a chart."""
    for prediction in band:
        interval = quantity.interval(prediction)
        yield {
            "flops": prediction.flops,
            "value": quantity.of(prediction),
            "low": interval.low,
            "high": interval.high,
            "C": format_flops(prediction.flops),
            quantity.symbol: quantity.write(quantity.of(prediction)),
            "95 % interval": format_interval(interval, quantity.write),
            "extrapolation": format_factor(max(prediction.extrapolation, 1.0)),
        }


def edge_layer(largest: float, x: dict[str, Any]) -> alt.Chart:
    """A dotted rule at the largest budget, where extrapolation begins."""
    chart: alt.Chart = alt.Chart(values([{"flops": largest}])).mark_rule(style="guide").encode(x=alt.X("flops:Q", **x))
    return chart


def run_layer(law: Law, x: dict[str, Any], y: dict[str, Any]) -> alt.Chart:
    """The losses of all runs at their budgets, faint."""
    rows = (
        {"flops": curve.flops, "loss": loss, "N": format_count(n), "D": format_count(d), "Loss": format_loss(loss)}
        for curve in law.curves
        for n, d, loss in zip(curve.params, curve.tokens, curve.losses, strict=True)
    )
    chart: alt.Chart = (
        alt.Chart(values(rows))
        .mark_point(filled=True, size=22, style="run", clip=True)
        .encode(
            x=alt.X("flops:Q", **x),
            y=alt.Y("loss:Q", **y),
            tooltip=[alt.Tooltip(f"{key}:N") for key in ("N", "D", "Loss")],
        )
    )
    return chart


def minimum_layers(
    optima: Optima, x: dict[str, Any], y: dict[str, Any], quantity: Quantity, *, legend: bool
) -> list[alt.Chart]:
    """Each estimator's minima with their bars, those of `COMPARED` lighter and without."""
    colour, shape, opacity = estimator_encodings(optima.estimators, legend=legend)
    plain, _, _ = estimator_encodings(optima.estimators, legend=False)
    base = alt.Chart(values(_minimum_rows(optima, quantity))).encode(x=alt.X("flops:Q", **x))
    bars = base.mark_rule(clip=True).encode(y=alt.Y("low:Q", **y), y2=alt.Y2("high:Q"), color=plain)
    marks = base.mark_point(filled=True, size=60).encode(
        y=alt.Y("value:Q", **y),
        color=colour,
        shape=shape,
        opacity=opacity,
        tooltip=[alt.Tooltip(f"{key}:N") for key in ("C", "estimator", quantity.symbol)],
    )
    return [bars, marks]


def _minimum_rows(optima: Optima, quantity: Quantity) -> Iterator[dict[str, Any]]:
    """Minima as data of a chart, with the ends of their error bars where they have any."""
    for curve, minimum in optima.minima:
        value = quantity.at(minimum)
        low, high = (value, value) if minimum.estimator in COMPARED else _bar_ends(minimum, quantity)
        yield {
            "flops": curve.flops,
            "estimator": estimator_label(minimum.estimator),
            "value": value,
            "low": low,
            "high": high,
            "C": format_flops(curve.flops),
            quantity.symbol: quantity.write(value),
        }


def _bar_ends(minimum: Minimum, quantity: Quantity) -> tuple[float, float]:
    """Two standard errors either way; N* and D* share theirs because D* = C / F(N*)."""
    value, (spread, rise) = quantity.at(minimum), minimum_bar(minimum)
    return (value / spread, value * spread) if quantity.log else (value - rise, value + rise)


def empty_layer(x: dict[str, Any], y: dict[str, Any]) -> alt.Chart:
    """Axes alone, for a law with neither minima nor predictions."""
    chart: alt.Chart = alt.Chart(values([])).mark_point().encode(x=alt.X("flops:Q", **x), y=alt.Y("value:Q", **y))
    return chart
