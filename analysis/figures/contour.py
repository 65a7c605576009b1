"""The loss over sizes and tokens: contours of L(N, D), the efficient frontier across them, and the runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np

from analysis.figures.axes import log_axis, log_domain, values
from analysis.figures.contour_lines import Frame, contour_names, contour_rows, even_levels
from analysis.figures.isoflop import run_rows, size_title
from analysis.figures.marks import budget_encodings
from analysis.figures.panels import Panel, panel
from analysis.figures.scaling import compute_grid, reached
from analysis.figures.theme import HEIGHT, WIDTH
from analysis.records import Prediction
from analysis.wording import format_count, format_factor, format_flops, format_interval, format_loss

if TYPE_CHECKING:
    from analysis.law import Law

_ISOFLOP_LINES = 9
_WIDEST_BAR = 2.5
_NAMES_BELOW, _NAMES_RIGHT = 0.06, 0.08
"""Parts of the frame at the bottom and on the right where a contour's name would leave it."""


@dataclass(frozen=True, slots=True)
class _Plane:
    """The channels that the layers share."""

    frame: Frame
    """What is shown."""
    x: dict[str, Any]
    """Scale and axis of N."""
    y: dict[str, Any]
    """Scale and axis of D."""

    def at(self, params: str = "params", tokens: str = "tokens") -> dict[str, Any]:
        """Position by two columns."""
        return {"x": alt.X(f"{params}:Q", **self.x), "y": alt.Y(f"{tokens}:Q", **self.y)}


def loss_contour(law: Law, horizon: float = 100, name: str = "") -> alt.LayerChart:
    """Contours of the law's L(N, D) with the runs and the frontier (N*(C), D*(C)) up to `horizon` × the data.

    Levels are evenly spaced in the loss. Contours and frontier are dashed beyond the largest budget; IsoFLOP lines
    are faint; bars along them are the 95 % interval of N*. `name` is the sweep's or the table's.

    Raises:
        LawError: no law could be fitted.
    """
    return contour_panel(law, horizon).alone(name)


def contour_panel(
    law: Law, horizon: float = 100, *, width: float = WIDTH, height: float = HEIGHT, legend: bool = True
) -> Panel:
    """As `loss_contour`, to be placed in a figure.

    Raises:
        LawError: no law could be fitted.
    """
    horizon = reached(law, horizon)
    within, beyond = compute_grid(law.smallest_budget, law.largest_budget, horizon)
    inside, outside = law.band(within), law.band(beyond) if beyond else []
    stops = law.band([law.largest_budget * factor for factor in _decades(horizon)])
    frame = _frame(law, [*inside, *outside], stops)
    levels = even_levels(law, frame, [*inside, *outside])
    names = contour_names(law, levels, frame)
    plane = _Plane(
        frame,
        log_axis(frame.params, size_title(law.convention, math.floor(width / 7)), format_count, width=width),
        log_axis(frame.tokens, "Tokens D", format_count, closest=0.06),
    )
    layers = [
        _isoflop_layer(law, stops, plane),
        *_contour_layers(law, levels, plane),
        *_frontier_layers(inside, outside, plane),
        *_stop_layers(law, stops, plane),
        _run_layer(law, plane, legend=legend),
        *_name_layers(names, plane),
    ]
    notes = _notes(law, levels, stops, extrapolates=bool(beyond))
    return panel(
        layers, "Loss over sizes and tokens", notes, _describe(law, len(names)),
        width=width, height=height, independent=True,
    )  # fmt: skip


def _decades(horizon: float) -> list[float]:
    """Multiples of the largest budget at which the frontier is named: 1, 10, 100 …"""
    return [10.0**power for power in range(math.floor(math.log10(horizon) + 1e-9) + 1)] if horizon >= 1 else []


def _frame(law: Law, band: Sequence[Prediction], stops: Sequence[Prediction]) -> Frame:
    """Every run, the frontier, the bars of the stops as far as they are worth showing, and room for names below."""
    sizes = [n for curve in law.curves for n in curve.params] + [p.params for p in band]
    tokens = [d for curve in law.curves for d in curve.tokens] + [p.tokens for p in band]
    for stop in stops:
        ends = (
            max(stop.params_interval.low, stop.params / _WIDEST_BAR),
            min(stop.params_interval.high, stop.params * _WIDEST_BAR),
        )
        sizes += ends
        tokens += [float(law.cost.tokens(stop.flops, end)) for end in ends]
    low, high = log_domain(tokens, pad=0.03)
    return Frame(log_domain(sizes, pad=0.03), (low * (low / high) ** _NAMES_BELOW, high))


def _contour_layers(law: Law, levels: Sequence[float], plane: _Plane) -> list[alt.Chart]:
    """Contours within the budgets that were run, and dashed beyond them."""
    layers = []
    for beyond, style in ((False, "contour"), (True, "contour-beyond")):
        rows = list(contour_rows(law, levels, plane.frame, beyond=beyond))
        if rows:
            line = alt.Chart(values(rows)).mark_line(style=style, clip=True)
            tooltip = [alt.Tooltip("level:N", title="Loss")]
            layers.append(
                line.encode(**plane.at(), detail=alt.Detail("piece:N"), order=alt.Order("order:Q"), tooltip=tooltip)
            )
    return layers


def _name_layers(rows: Sequence[dict[str, Any]], plane: _Plane) -> list[alt.Chart]:
    """The names of the contours to the right of their ends, or above them at the edges of the frame."""
    (left, right), (bottom, top) = plane.frame.params, plane.frame.tokens
    low, wide = bottom * (top / bottom) ** _NAMES_BELOW, right * (left / right) ** _NAMES_RIGHT
    at_right = [row for row in rows if row["params"] > wide]
    below = [row for row in rows if row["tokens"] < low and row not in at_right]
    placed: list[tuple[list[dict[str, Any]], dict[str, Any]]] = [
        ([row for row in rows if row not in at_right and row not in below], {"align": "left", "dx": 5}),
        (at_right, {"align": "right", "baseline": "bottom", "dx": -3, "dy": -3}),
        (below, {"baseline": "bottom", "dy": -3}),
    ]
    layers = []
    for part, place in placed:
        base = alt.Chart(values(part)).encode(**plane.at(), text=alt.Text("name:N"))
        layers += [base.mark_text(style=style, **place) for style in ("halo", "name")] if part else []
    return layers


def _isoflop_layer(law: Law, stops: Sequence[Prediction], plane: _Plane) -> alt.Chart:
    """Models of equal compute, nearly straight lines of slope −1: the budgets, thinned out, and the stops."""
    fitted = sorted(curve.flops for curve in law.curves)
    budgets = [*fitted[:: math.ceil(len(fitted) / _ISOFLOP_LINES)], *(stop.flops for stop in stops)]
    sizes = np.geomspace(*plane.frame.params, 25)
    rows = [
        {"budget": format_flops(budget), "params": n, "tokens": float(law.cost.tokens(budget, n))}
        for budget in budgets
        for n in sizes.tolist()
    ]
    line = alt.Chart(values(rows)).mark_line(style="isoflop", clip=True)
    chart: alt.Chart = line.encode(**plane.at(), detail=alt.Detail("budget:N"))
    return chart


def _run_layer(law: Law, plane: _Plane, *, legend: bool) -> alt.Chart:
    """The runs, hollow where their budget was refused."""
    curves = sorted(law.curves, key=lambda curve: curve.flops)
    colour, shape = budget_encodings(curves, legend=legend)
    chart: alt.Chart = (
        alt.Chart(values(run_rows(curves)))
        .mark_point(filled=True, size=34, opacity=1)
        .encode(
            **plane.at(),
            color=colour,
            shape=shape,
            tooltip=[alt.Tooltip(f"{key}:N") for key in ("budget", "N", "D", "Loss")],
        )
    )
    return chart


def _frontier_layers(inside: Sequence[Prediction], outside: Sequence[Prediction], plane: _Plane) -> list[alt.Chart]:
    """The frontier within the budgets that were run, and dashed beyond them."""
    layers = []
    for band, style in ((inside, "line"), (outside, "beyond")):
        rows = [{"params": p.params, "tokens": p.tokens} for p in band]
        if rows:
            line = alt.Chart(values(rows)).mark_line(style=style, clip=True)
            layers.append(line.encode(**plane.at(), order=alt.Order("tokens:Q")))
    return layers


def _stop_layers(law: Law, stops: Sequence[Prediction], plane: _Plane) -> list[alt.Chart]:
    """The optimum at 1, 10, 100 … times the largest budget, named, with the interval of N* along its IsoFLOP line."""
    if not stops:
        return []
    base = alt.Chart(values([_stop_row(law, stop) for stop in stops]))
    bars = base.mark_rule(style="interval", clip=True).encode(
        **plane.at("low", "tokens_low"), x2=alt.X2("high:Q"), y2=alt.Y2("tokens_high:Q")
    )
    marks = base.mark_point(filled=True, size=45, opacity=1, style="stop").encode(
        **plane.at(), tooltip=[alt.Tooltip(f"{key}:N") for key in ("C", "N*", "range", "D*", "L*")]
    )
    names = [
        base.mark_text(style=style, align="right", dx=-12).encode(**plane.at(), text=alt.Text("name:N"))
        for style in ("halo", "name")
    ]
    return [bars, *names, marks]


def _stop_row(law: Law, stop: Prediction) -> dict[str, Any]:
    """An optimum with its interval; the largest budget itself has no name, because the legend has it."""
    low, high = stop.params_interval.low, stop.params_interval.high
    named = stop.extrapolation > 1.0 + 1e-9
    return {
        "params": stop.params,
        "tokens": stop.tokens,
        "low": low,
        "high": high,
        "tokens_low": float(law.cost.tokens(stop.flops, low)),
        "tokens_high": float(law.cost.tokens(stop.flops, high)),
        "name": f"{format_flops(stop.flops)} ({format_factor(stop.extrapolation)})" if named else "",
        "C": format_flops(stop.flops),
        "N*": format_count(stop.params),
        "range": format_interval(stop.params_interval, format_count),
        "D*": format_count(stop.tokens),
        "L*": format_loss(stop.loss),
    }


def _notes(law: Law, levels: Sequence[float], stops: Sequence[Prediction], *, extrapolates: bool) -> list[str]:
    """What lines and bars mean, and the spacing of the contours."""
    line = "Thick line: the headline's efficient frontier"
    notes = [f"{line}; bars: 95 % interval of N* at equal compute (dotted)." if stops else f"{line}."]
    if len(levels) > 1:
        unit = f" {law.loss_unit}" if "/" in law.loss_unit else ""
        step = f"every {levels[0] - levels[1]:.3g}{unit}"
        notes.append(f"Contours: the law's loss, {step}, as far from the frontier as there were runs.")
    if extrapolates:
        notes.append("Dashed: extrapolation beyond the largest budget.")
    return notes


def _describe(law: Law, names: int) -> str:
    """The chart in words."""
    frontier = law.band([law.smallest_budget, law.largest_budget])
    ends = " to ".join(f"{format_count(p.params)} parameters on {format_count(p.tokens)} tokens" for p in frontier)
    return f"Contours of the loss over parameters and tokens, {names} named; the frontier runs from {ends}."
