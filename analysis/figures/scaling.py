"""The law against compute: N*, D* and L* with their band, and where the runs end and extrapolation begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import altair as alt

from analysis.answers.published import PublishedLaw
from analysis.figures.axes import log_axis, log_domain, loss_domain
from analysis.figures.optima import Optima
from analysis.figures.panels import Panel, panel, side_by_side
from analysis.figures.published import outside_note, published_layers, shown_laws
from analysis.figures.quantities import LOSS, PARAMS, QUANTITIES, TOKENS, Quantity
from analysis.figures.scaling_layers import (
    band_layers,
    edge_layer,
    empty_layer,
    minimum_layers,
    run_layer,
)
from analysis.figures.theme import HEIGHT, PANEL_WIDTH, WIDTH
from analysis.records import LawError, Prediction
from analysis.wording import format_flops, format_interval

if TYPE_CHECKING:
    from analysis.law import Law

_BAND_STEPS = 24
_WIDEST_BAND = 10.0


@dataclass(frozen=True, slots=True)
class View:
    """A law with its answers over the compute that is drawn, and the published laws that were asked for."""

    law: Law
    """The law."""
    optima: Optima
    """Its optima at its own budgets."""
    within: Sequence[Prediction]
    """Answers within the budgets that were run; none without a law."""
    beyond: Sequence[Prediction]
    """Answers beyond them, the first at the largest budget."""
    problem: str
    """Why there are none."""
    published: Sequence[PublishedLaw]
    """Published laws to draw."""

    @classmethod
    def of(cls, law: Law, horizon: float, published: Sequence[PublishedLaw]) -> View:
        """Answers up to `horizon` times the largest budget; none, and the law's reason, without a law."""
        optima = Optima.of(law)
        try:
            within, beyond = compute_grid(law.smallest_budget, law.largest_budget, reached(law, horizon))
            return cls(law, optima, law.band(within), law.band(beyond) if beyond else [], "", published)
        except LawError as error:
            return cls(law, optima, [], [], str(error), published)

    @property
    def band(self) -> list[Prediction]:
        """All answers."""
        return [*self.within, *self.beyond]

    @property
    def budgets(self) -> list[float]:
        """Their budgets, FLOPs."""
        return [prediction.flops for prediction in self.band]

    def shown(self, quantity: Quantity) -> tuple[PublishedLaw, ...]:
        """The published laws that pass through a quantity's frame."""
        return shown_laws(self.published, quantity.name, self.budgets, self.domain(quantity))

    def domain(self, quantity: Quantity) -> tuple[float, float]:
        """What the quantity's axis shows: this law's own minima, line, and band as far as it is worth showing.

        The runs stand in where there is neither, and always for the loss.
        """
        runs = [value for curve in self.law.curves for value in quantity.of_runs(curve)]
        own = [quantity.at(minimum) for _, minimum in self.optima.minima] + [quantity.of(p) for p in self.band]
        intervals = [quantity.interval(prediction) for prediction in self.band]
        if not quantity.log:
            return loss_domain(runs, [*own, *(end for one in intervals for end in (one.low, one.high))])
        own = own or runs
        lows = [max(one.low, min(own) / _WIDEST_BAND) for one in intervals]
        return log_domain([*own, *lows, *(min(one.high, max(own) * _WIDEST_BAND) for one in intervals)])


def optimal_params(
    law: Law, horizon: float = 100, published: Sequence[PublishedLaw] = (), name: str = ""
) -> alt.LayerChart:
    """N* against compute up to `horizon` times the largest budget: minima, line, 95 % band, extrapolation dashed.

    The law's own answers set the frame; each `published` law that passes through it is drawn in its own convention.
    `name` is the sweep's or the table's.
    """
    return _panel(View.of(law, horizon, published), PARAMS).alone(name)


def optimal_tokens(
    law: Law, horizon: float = 100, published: Sequence[PublishedLaw] = (), name: str = ""
) -> alt.LayerChart:
    """D* against compute, as `optimal_params`."""
    return _panel(View.of(law, horizon, published), TOKENS).alone(name)


def loss_frontier(
    law: Law, horizon: float = 100, published: Sequence[PublishedLaw] = (), name: str = ""
) -> alt.LayerChart:
    """L* against compute with its band, as `optimal_params`, over the losses of all runs as faint points."""
    return _panel(View.of(law, horizon, published), LOSS).alone(name)


def panels(
    law: Law, horizon: float = 100, published: Sequence[PublishedLaw] = (), name: str = ""
) -> dict[str, alt.LayerChart]:
    """N*, D* and L* against compute as charts of their own, by the name of their file."""
    view = View.of(law, horizon, published)
    names = ("optimal-params", "optimal-tokens", "loss-frontier")
    return {file: _panel(view, quantity).alone(name) for file, quantity in zip(names, QUANTITIES, strict=True)}


def scaling(law: Law, horizon: float = 100, published: Sequence[PublishedLaw] = (), name: str = "") -> alt.HConcatChart:
    """N*, D* and L* against compute side by side, as papers print them, with one legend."""
    drawn = scaling_row(law, horizon, published, width=PANEL_WIDTH)
    return side_by_side(drawn, "Optimal size, tokens and loss against compute", name)


def scaling_row(
    law: Law,
    horizon: float = 100,
    published: Sequence[PublishedLaw] = (),
    *,
    quantities: Sequence[Quantity] = QUANTITIES,
    width: float = WIDTH,
    height: float = HEIGHT,
    legend: bool = True,
) -> list[Panel]:
    """The quantities against compute as panels of a row: the last has the legend of the published laws of all.

    `legend` says whether it has that of the estimators, too.
    """
    view = View.of(law, horizon, published)
    listed = [other for other in published if any(other in view.shown(quantity) for quantity in quantities)]
    size = {"width": width, "height": height}
    first = [_panel(view, quantity, (), legend=False, **size) for quantity in quantities[:-1]]
    return [*first, _panel(view, quantities[-1], listed, legend=legend, **size)]


def reached(law: Law, horizon: float) -> float:
    """The multiple of the largest budget up to which a law is drawn: the horizon, as far as it answers at all.

    Raises LawError without a law.
    """
    return min(horizon, law.limits.highest / law.largest_budget)


def compute_grid(low: float, high: float, horizon: float) -> tuple[list[float], list[float]]:
    """Budgets at which the band is drawn: (within low to high, beyond high), both ending on `high`."""
    within = [low * (high / low) ** (i / _BAND_STEPS) for i in range(_BAND_STEPS + 1)] if high > low else [high]
    beyond = [high * horizon ** (i / _BAND_STEPS) for i in range(_BAND_STEPS + 1)] if horizon > 1 else []
    return within, beyond


def _panel(
    view: View,
    quantity: Quantity,
    listed: Sequence[PublishedLaw] | None = None,
    *,
    legend: bool = True,
    width: float = WIDTH,
    height: float = HEIGHT,
) -> Panel:
    """One quantity against compute; the legends name the published laws `listed` (those shown), and the estimators."""
    law, shown = view.law, view.shown(quantity)
    x, y = _channels(view, quantity, width)
    layers = published_layers(
        shown, shown if listed is None else listed, view.published, quantity.name, view.budgets, x, y
    )
    layers += band_layers(view.within, x, y, quantity, "line", "band")
    layers += band_layers(view.beyond, x, y, quantity, "beyond", "band-beyond")
    if view.beyond:
        layers.append(edge_layer(view.beyond[0].flops, x))
    if not quantity.log:
        layers.append(run_layer(law, x, y))
    if view.optima.minima:
        layers += minimum_layers(view.optima, x, y, quantity, legend=legend)
    if not layers:
        layers.append(empty_layer(x, y))
    title = "Loss frontier" if quantity is LOSS else quantity.title
    return panel(
        layers, f"{title} against compute", _notes(view, quantity), _describe(view, quantity),
        width=width, height=height, independent=True,
    )  # fmt: skip


def _channels(view: View, quantity: Quantity, width: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """Scales and axes of compute and of a quantity."""
    budgets = [curve.flops for curve in view.law.curves] + view.budgets
    x = log_axis(log_domain(budgets), "Compute C (FLOPs)", width=width)
    domain = view.domain(quantity)
    if quantity.log:
        return x, log_axis(domain, quantity.title, quantity.write, closest=0.06)
    return x, {
        "scale": alt.Scale(domain=list(domain), nice=False, zero=False),
        "title": f"{quantity.title} ({view.law.loss_unit})",
    }


def _notes(view: View, quantity: Quantity) -> list[str]:
    """What lines, bands, points and bars mean, as far as the chart has them."""
    if view.problem:
        return [view.problem[:1].upper() + view.problem[1:], *view.optima.notes()]
    line = "Line and band: the headline with its 95 % interval."
    notes = [f"{line} Dashed, right of the dotted rule: extrapolation." if view.beyond else line]
    if not quantity.log:
        notes.append("Faint points: all runs; the band is of the mean of many, so single runs may lie outside it.")
    notes += view.optima.notes()
    shown = view.shown(quantity)
    if shown and quantity.log:
        notes.append("Thin lines: published laws, each in its own way of counting, dashed beyond its own budgets.")
    elif shown:
        notes.append("Published losses (thin lines) are of other data and tokenizers: compare slopes, not heights.")
    return notes + outside_note(view.published, shown, quantity.name, quantity.symbol, view.budgets)


def _describe(view: View, quantity: Quantity) -> str:
    """The chart in words: the answers at the ends of the runs and of the extrapolation."""
    if view.problem or not view.within:
        return f"{quantity.title} against compute, minima only: {view.problem}"
    ends = [view.within[0], view.within[-1], *view.beyond[-1:]]
    said = "; ".join(
        f"{quantity.symbol} = {quantity.write(quantity.of(p))} "
        f"({format_interval(quantity.interval(p), quantity.write)}) at {format_flops(p.flops)} FLOPs"
        for p in ends
    )
    return f"{quantity.title} against compute: {said}."
