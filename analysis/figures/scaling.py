"""The law against compute: N*, D* and L* with their band, and where the runs end and extrapolation begins."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import altair as alt

from analysis.figures.axes import linear_domain, log_axis, log_domain, titled, values
from analysis.figures.marks import BAR_NOTE, estimator_label, minimum_bar, minimum_shape
from analysis.figures.theme import PANEL_WIDTH
from analysis.records import Interval, LawError, Minimum, Prediction
from analysis.wording import format_count, format_factor, format_flops, format_interval, format_loss

if TYPE_CHECKING:
    from analysis.law import Law

_BAND_STEPS = 24


@dataclass(frozen=True, slots=True)
class _Quantity:
    """One quantity that a law answers with, and how it is drawn."""

    symbol: str
    title: str
    of: Callable[[Prediction], float]
    interval: Callable[[Prediction], Interval]
    at: Callable[[Minimum], float]
    write: Callable[[float], str]
    log: bool = True


_PARAMS = _Quantity(
    "N*", "Optimal parameters N*", lambda p: p.params, lambda p: p.params_interval, lambda m: m.params, format_count
)
_TOKENS = _Quantity(
    "D*", "Optimal tokens D*", lambda p: p.tokens, lambda p: p.tokens_interval, lambda m: m.tokens, format_count
)
_LOSS = _Quantity("L*", "Loss", lambda p: p.loss, lambda p: p.loss_interval, lambda m: m.loss, format_loss, log=False)


def optimal_params(law: Law, horizon: float = 100) -> alt.LayerChart:
    """N* against compute up to `horizon` times the largest budget: minima, line, 95 % band, extrapolation dashed."""
    return _panel(law, horizon, _PARAMS)


def optimal_tokens(law: Law, horizon: float = 100) -> alt.LayerChart:
    """D* against compute up to `horizon` times the largest budget: minima, line, 95 % band, extrapolation dashed."""
    return _panel(law, horizon, _TOKENS)


def loss_frontier(law: Law, horizon: float = 100) -> alt.LayerChart:
    """L* against compute with its band, over the losses of all runs as faint points."""
    return _panel(law, horizon, _LOSS)


def scaling(law: Law, horizon: float = 100) -> alt.HConcatChart:
    """N* and D* against compute side by side, as papers print them."""
    panels = [optimal_params(law, horizon), optimal_tokens(law, horizon)]
    title = panels[0].title
    for panel in panels:
        panel.title = alt.Undefined
    return alt.hconcat(*(panel.properties(width=PANEL_WIDTH) for panel in panels), spacing=28).properties(
        title=alt.TitleParams("Optimal model size and tokens against compute", subtitle=title.subtitle),
        description=f"{panels[0].description} {panels[1].description}",
    )


def compute_grid(low: float, high: float, horizon: float) -> tuple[list[float], list[float]]:
    """Budgets at which the band is drawn: (within low to high, beyond high), both ending on `high`."""
    within = [low * (high / low) ** (i / _BAND_STEPS) for i in range(_BAND_STEPS + 1)] if high > low else [high]
    beyond = [high * horizon ** (i / _BAND_STEPS) for i in range(_BAND_STEPS + 1)] if horizon > 1 else []
    return within, beyond


def _panel(law: Law, horizon: float, quantity: _Quantity) -> alt.LayerChart:
    within, beyond, problem = _bands(law, horizon)
    x, y = _scales(law, within + beyond, quantity)
    layers = _band_layers(within, x, y, quantity, "line", "band")
    layers += _band_layers(beyond, x, y, quantity, "beyond", "band-beyond")
    if beyond:
        layers.append(_edge_layer(beyond[0].flops, x))
    if not quantity.log:
        layers.append(_run_layer(law, x, y))
    if any(curve.minima for curve in law.curves):
        layers += _minimum_layers(law, x, y, quantity)
    if not layers:
        layers.append(_run_layer(law, x, y) if not quantity.log else _empty_layer(x, y))
    name = "Loss frontier" if quantity is _LOSS else quantity.title
    return titled(
        layers, f"{name} against compute", _subtitle(beyond, problem), _describe(within, beyond, quantity, problem)
    )


def _bands(law: Law, horizon: float) -> tuple[list[Prediction], list[Prediction], str]:
    """Predictions within and beyond the budgets that were run; none, and the law's reason, without a law."""
    within, beyond = compute_grid(law.smallest_budget, law.largest_budget, horizon)
    try:
        return list(law.band(within)), list(law.band(beyond)) if beyond else [], ""
    except LawError as error:
        return [], [], str(error)


def _scales(law: Law, band: Sequence[Prediction], quantity: _Quantity) -> tuple[dict[str, Any], dict[str, Any]]:
    compute = [curve.flops for curve in law.curves] + [prediction.flops for prediction in band]
    numbers = [quantity.at(minimum) for curve in law.curves for minimum in curve.minima]
    numbers += [end for p in band for end in (quantity.interval(p).low, quantity.interval(p).high)]
    x = log_axis(log_domain(compute), "Compute C (FLOPs)")
    if quantity.log:
        return x, log_axis(log_domain(numbers), quantity.title)
    numbers += [loss for curve in law.curves for loss in curve.losses]
    scale = alt.Scale(domain=list(linear_domain(numbers)), nice=False, zero=False)
    return x, {"scale": scale, "title": f"Loss ({law.loss_unit})"}


def _band_rows(band: Sequence[Prediction], quantity: _Quantity) -> Iterator[dict[str, Any]]:
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


def _band_layers(
    band: Sequence[Prediction], x: dict[str, Any], y: dict[str, Any], quantity: _Quantity, line: str, area: str
) -> list[alt.Chart]:
    if not band:
        return []
    base = alt.Chart(values(_band_rows(band, quantity))).encode(x=alt.X("flops:Q", **x))
    tooltip = [alt.Tooltip(f"{key}:N") for key in ("C", quantity.symbol, "95 % interval", "extrapolation")]
    return [
        base.mark_area(style=area, clip=True).encode(y=alt.Y("low:Q", **y), y2="high:Q", tooltip=tooltip),
        base.mark_line(style=line, clip=True).encode(y=alt.Y("value:Q", **y)),
    ]


def _edge_layer(largest: float, x: dict[str, Any]) -> alt.Chart:
    """A dotted rule at the largest budget, where extrapolation begins."""
    chart: alt.Chart = alt.Chart(values([{"flops": largest}])).mark_rule(style="guide").encode(x=alt.X("flops:Q", **x))
    return chart


def _run_layer(law: Law, x: dict[str, Any], y: dict[str, Any]) -> alt.Chart:
    rows = (
        {"flops": curve.flops, "loss": loss, "N": format_count(n), "D": format_count(d), "Loss": format_loss(loss)}
        for curve in law.curves
        for n, d, loss in zip(curve.params, curve.tokens, curve.losses, strict=True)
    )
    chart: alt.Chart = (
        alt.Chart(values(rows))
        .mark_point(filled=True, size=22, style="faint")
        .encode(
            x=alt.X("flops:Q", **x),
            y=alt.Y("loss:Q", **y),
            tooltip=[alt.Tooltip(f"{key}:N") for key in ("N", "D", "Loss")],
        )
    )
    return chart


def _minimum_layers(law: Law, x: dict[str, Any], y: dict[str, Any], quantity: _Quantity) -> list[alt.Chart]:
    rows = []
    for curve in law.curves:
        for minimum in curve.minima:
            low, high = _error_ends(minimum, quantity)
            rows.append(
                {
                    "flops": curve.flops,
                    "minimum": estimator_label(minimum.estimator),
                    "value": quantity.at(minimum),
                    "low": low,
                    "high": high,
                    "C": format_flops(curve.flops),
                    quantity.symbol: quantity.write(quantity.at(minimum)),
                }
            )
    base = alt.Chart(values(rows)).encode(x=alt.X("flops:Q", **x))
    bars = base.mark_rule(style="ink", clip=True).encode(y=alt.Y("low:Q", **y), y2="high:Q")
    marks = base.mark_point(filled=True, size=60, style="minimum", opacity=1).encode(
        y=alt.Y("value:Q", **y),
        shape=minimum_shape(law.curves),
        tooltip=[alt.Tooltip(f"{key}:N") for key in ("C", "minimum", quantity.symbol)],
    )
    return [bars, marks]


def _error_ends(minimum: Minimum, quantity: _Quantity) -> tuple[float, float]:
    """Two standard errors either way; N* and D* share theirs because D* = C / F(N*)."""
    value, (spread, rise) = quantity.at(minimum), minimum_bar(minimum)
    return (value / spread, value * spread) if quantity.log else (value - rise, value + rise)


def _empty_layer(x: dict[str, Any], y: dict[str, Any]) -> alt.Chart:
    """Axes alone, for a law with neither minima nor predictions."""
    chart: alt.Chart = alt.Chart(values([])).mark_point().encode(x=alt.X("flops:Q", **x), y=alt.Y("value:Q", **y))
    return chart


def _subtitle(beyond: Sequence[Prediction], problem: str) -> list[str]:
    if problem:
        return textwrap.wrap(problem[:1].upper() + problem[1:], 78)
    lines = ["Line and band: prediction with its 95 % interval.", BAR_NOTE]
    if beyond:
        lines[0] += " Dashed, right of the dotted rule: extrapolation."
    return lines


def _describe(within: Sequence[Prediction], beyond: Sequence[Prediction], quantity: _Quantity, problem: str) -> str:
    if problem or not within:
        return f"{quantity.title} against compute, minima only: {problem}"
    ends = [within[0], within[-1], *beyond[-1:]]
    said = "; ".join(
        f"{quantity.symbol} = {quantity.write(quantity.of(p))} "
        f"({format_interval(quantity.interval(p), quantity.write)}) at {format_flops(p.flops)} FLOPs"
        for p in ends
    )
    return f"{quantity.title} against compute: {said}."
