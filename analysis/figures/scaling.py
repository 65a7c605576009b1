"""The law against compute: N*, D* and L* with their band, and where the runs end and extrapolation begins."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import altair as alt

from analysis.answers.published import PublishedLaw
from analysis.figures.axes import log_axis, log_domain, loss_domain, titled, values
from analysis.figures.marks import BAR_NOTE, estimator_label, minimum_bar, minimum_shape
from analysis.figures.published import ALL, published_layers, published_values, shown_laws
from analysis.figures.theme import PANEL_WIDTH
from analysis.records import Interval, LawError, Minimum, Prediction
from analysis.wording import format_count, format_factor, format_flops, format_interval, format_loss

if TYPE_CHECKING:
    from analysis.law import Law

_BAND_STEPS = 24
_FURTHEST_PUBLISHED = 30.0


@dataclass(frozen=True, slots=True)
class _Quantity:
    """One quantity that a law answers with, and how it is drawn."""

    name: str
    symbol: str
    title: str
    of: Callable[[Prediction], float]
    interval: Callable[[Prediction], Interval]
    at: Callable[[Minimum], float]
    write: Callable[[float], str]
    log: bool = True


_PARAMS = _Quantity(
    "params", "N*", "Optimal parameters N*", lambda p: p.params, lambda p: p.params_interval, lambda m: m.params,
    format_count,
)  # fmt: skip
_TOKENS = _Quantity(
    "tokens", "D*", "Optimal tokens D*", lambda p: p.tokens, lambda p: p.tokens_interval, lambda m: m.tokens,
    format_count,
)  # fmt: skip
_LOSS = _Quantity(
    "loss", "L*", "Loss", lambda p: p.loss, lambda p: p.loss_interval, lambda m: m.loss, format_loss, log=False
)
_QUANTITIES = (_PARAMS, _TOKENS, _LOSS)


@dataclass(frozen=True, slots=True)
class _View:
    """A law with its predictions over the compute that is drawn, and the published laws beside it."""

    law: Law
    within: Sequence[Prediction]
    beyond: Sequence[Prediction]
    problem: str
    published: Sequence[PublishedLaw]

    @classmethod
    def of(cls, law: Law, horizon: float, published: Sequence[PublishedLaw]) -> _View:
        """Predictions within and beyond the budgets that were run; none, and the law's reason, without a law."""
        within, beyond = compute_grid(law.smallest_budget, law.largest_budget, horizon)
        try:
            return cls(law, law.band(within), law.band(beyond) if beyond else [], "", published)
        except LawError as error:
            return cls(law, [], [], str(error), published)

    @property
    def band(self) -> list[Prediction]:
        """All predictions."""
        return [*self.within, *self.beyond]

    @property
    def budgets(self) -> list[float]:
        """Their budgets, FLOPs."""
        return [prediction.flops for prediction in self.band]

    def shown(self, quantity: _Quantity) -> tuple[PublishedLaw, ...]:
        """The published laws that pass through a quantity's frame."""
        return shown_laws(self.published, quantity.name, self.budgets, _domain(self, quantity))


def optimal_params(law: Law, horizon: float = 100, published: Sequence[PublishedLaw] = ALL) -> alt.LayerChart:
    """N* against compute up to `horizon` times the largest budget: minima, line, 95 % band, extrapolation dashed.

    Each `published` law stands beside it in its own convention.
    """
    return _panel(_View.of(law, horizon, published), _PARAMS)


def optimal_tokens(law: Law, horizon: float = 100, published: Sequence[PublishedLaw] = ALL) -> alt.LayerChart:
    """D* against compute, as `optimal_params`."""
    return _panel(_View.of(law, horizon, published), _TOKENS)


def loss_frontier(law: Law, horizon: float = 100, published: Sequence[PublishedLaw] = ALL) -> alt.LayerChart:
    """L* against compute with its band, over the losses of all runs as faint points.

    Published laws that pass through the frame are shown; their data and tokenizers are others.
    """
    return _panel(_View.of(law, horizon, published), _LOSS)


def panels(law: Law, horizon: float = 100, published: Sequence[PublishedLaw] = ALL) -> dict[str, alt.LayerChart]:
    """N*, D* and L* against compute as charts of their own, by the name of their file."""
    view = _View.of(law, horizon, published)
    names = ("optimal-params", "optimal-tokens", "loss-frontier")
    return {name: _panel(view, quantity) for name, quantity in zip(names, _QUANTITIES, strict=True)}


def scaling(
    law: Law, horizon: float = 100, published: Sequence[PublishedLaw] = ALL, *, loss: bool = True
) -> alt.HConcatChart:
    """N*, D* and, with `loss`, L* against compute side by side, as papers print them, with one legend."""
    view = _View.of(law, horizon, published)
    quantities = _QUANTITIES if loss else _QUANTITIES[:2]
    shown = [other for other in published if any(other in view.shown(quantity) for quantity in quantities)]
    drawn = [_panel(view, quantity, ()) for quantity in quantities[:-1]] + [_panel(view, quantities[-1], shown)]
    notes = list(dict.fromkeys(line for panel in drawn for line in panel.title.subtitle))
    described = " ".join(panel.description for panel in drawn)
    for panel in drawn:
        panel.title = alt.Undefined
    names = "Optimal size, tokens and loss" if loss else "Optimal size and tokens"
    return alt.hconcat(*(panel.properties(width=PANEL_WIDTH) for panel in drawn), spacing=28).properties(
        title=alt.TitleParams(f"{names} against compute", subtitle=notes), description=described
    )


def compute_grid(low: float, high: float, horizon: float) -> tuple[list[float], list[float]]:
    """Budgets at which the band is drawn: (within low to high, beyond high), both ending on `high`."""
    within = [low * (high / low) ** (i / _BAND_STEPS) for i in range(_BAND_STEPS + 1)] if high > low else [high]
    beyond = [high * horizon ** (i / _BAND_STEPS) for i in range(_BAND_STEPS + 1)] if horizon > 1 else []
    return within, beyond


def _panel(view: _View, quantity: _Quantity, legend: Sequence[PublishedLaw] | None = None) -> alt.LayerChart:
    """One quantity against compute; `legend` names the published laws of the legend, none for no legend at all."""
    law, domain, shown = view.law, _domain(view, quantity), view.shown(quantity)
    x = log_axis(log_domain([curve.flops for curve in law.curves] + view.budgets), "Compute C (FLOPs)")
    y = log_axis(domain, quantity.title, closest=0.06) if quantity.log else _loss_axis(domain, law.loss_unit)
    listed = shown if legend is None else legend
    layers = published_layers(shown, listed, view.published, quantity.name, view.budgets, x, y)
    layers += _band_layers(view.within, x, y, quantity, "line", "band")
    layers += _band_layers(view.beyond, x, y, quantity, "beyond", "band-beyond")
    if view.beyond:
        layers.append(_edge_layer(view.beyond[0].flops, x))
    if not quantity.log:
        layers.append(_run_layer(law, x, y))
    if any(curve.minima for curve in law.curves):
        layers += _minimum_layers(law, x, y, quantity, legend != ())
    if not layers:
        layers.append(_empty_layer(x, y))
    name = "Loss frontier" if quantity is _LOSS else quantity.title
    notes = _subtitle(view, bool(shown), quantity)
    return titled(layers, f"{name} against compute", notes, _describe(view, quantity), independent=True)


def _domain(view: _View, quantity: _Quantity) -> tuple[float, float]:
    """What the quantity's axis shows: minima and band, and published laws as far as they leave these room."""
    numbers = [quantity.at(minimum) for curve in view.law.curves for minimum in curve.minima]
    numbers += [end for p in view.band for end in (quantity.interval(p).low, quantity.interval(p).high)]
    if not quantity.log:
        return loss_domain([loss for curve in view.law.curves for loss in curve.losses], numbers)
    if numbers:
        low, high = min(numbers) / _FURTHEST_PUBLISHED, max(numbers) * _FURTHEST_PUBLISHED
        others = [at for other in view.published for at in published_values(other, quantity.name, view.budgets)]
        numbers += [at for at in others if low <= at <= high]
    return log_domain(numbers)


def _loss_axis(domain: tuple[float, float], unit: str) -> dict[str, Any]:
    return {"scale": alt.Scale(domain=list(domain), nice=False, zero=False), "title": f"Loss ({unit})"}


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
        .mark_point(filled=True, size=22, style="faint", clip=True)
        .encode(
            x=alt.X("flops:Q", **x),
            y=alt.Y("loss:Q", **y),
            tooltip=[alt.Tooltip(f"{key}:N") for key in ("N", "D", "Loss")],
        )
    )
    return chart


def _minimum_layers(
    law: Law, x: dict[str, Any], y: dict[str, Any], quantity: _Quantity, legend: bool
) -> list[alt.Chart]:
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
    shape = minimum_shape(law.curves)
    base = alt.Chart(values(rows)).encode(x=alt.X("flops:Q", **x))
    bars = base.mark_rule(style="ink", clip=True).encode(y=alt.Y("low:Q", **y), y2="high:Q")
    marks = base.mark_point(filled=True, size=60, style="minimum", opacity=1).encode(
        y=alt.Y("value:Q", **y),
        shape=shape if legend else shape.legend(None),
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


def _subtitle(view: _View, published: bool, quantity: _Quantity) -> list[str]:
    if view.problem:
        return textwrap.wrap(view.problem[:1].upper() + view.problem[1:], 78)
    lines = ["Line and band: prediction with its 95 % interval.", BAR_NOTE]
    if view.beyond:
        lines[0] += " Dashed, right of the dotted rule: extrapolation."
    if published and quantity.log:
        lines.append("Thin lines: published laws, each in its own way of counting, dashed beyond its own budgets.")
    elif published:
        lines.append("Thin lines: published losses, of other data and tokenizers: compare slopes, not heights.")
    return lines


def _describe(view: _View, quantity: _Quantity) -> str:
    if view.problem or not view.within:
        return f"{quantity.title} against compute, minima only: {view.problem}"
    ends = [view.within[0], view.within[-1], *view.beyond[-1:]]
    said = "; ".join(
        f"{quantity.symbol} = {quantity.write(quantity.of(p))} "
        f"({format_interval(quantity.interval(p), quantity.write)}) at {format_flops(p.flops)} FLOPs"
        for p in ends
    )
    return f"{quantity.title} against compute: {said}."
