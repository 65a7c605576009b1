"""The loss over sizes and tokens: contours of L(N, D), the efficient frontier across them, and the runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from analysis.figures.axes import edge_axis, log_axis, log_domain, titled, values
from analysis.figures.isoflop import run_rows
from analysis.figures.marks import budget_encodings, budget_labels
from analysis.figures.scaling import compute_grid
from analysis.figures.surface import surface_loss
from analysis.records import Prediction
from analysis.wording import format_count, format_factor, format_flops, format_interval, format_loss

if TYPE_CHECKING:
    from analysis.law import Law

Floats = NDArray[np.float64]

_LEVELS = 10
_RAYS, _STEPS = 101, 161
_CLOSEST_NAMES = 0.045
_ISOFLOP_LINES = 9
_WIDEST_BAR = 2.5


@dataclass(frozen=True, slots=True)
class _Frame:
    """What the chart shows: sizes and tokens, natural units."""

    params: tuple[float, float]
    tokens: tuple[float, float]


def loss_contour(law: Law, horizon: float = 100) -> alt.LayerChart:
    """Contours of the surfaces' L(N, D) with the runs and the frontier (N*(C), D*(C)) up to `horizon` × the data.

    Contours and frontier are dashed beyond the largest budget; IsoFLOP lines are faint; bars along them are the
    95 % interval of N*.

    Raises:
        LawError: no surface could be fitted.
    """
    within, beyond = compute_grid(law.smallest_budget, law.largest_budget, horizon)
    inside, outside = law.band(within), law.band(beyond) if beyond else []
    stops = law.band([law.largest_budget * factor for factor in _decades(horizon)])
    frame = _frame(law, [*inside, *outside], stops)
    levels = _levels(law, frame, horizon)
    right, bottom = _right_names(law, levels, frame), _bottom_names(law, levels, frame)
    x, y = log_axis(frame.params, "Parameters N"), log_axis(frame.tokens, "Tokens D")
    layers = [
        _isoflop_layer(law, stops, frame, x, y),
        *_contour_layers(law, levels, frame, x, y),
        _right_layer(right, frame, law.loss_unit),
        *_bottom_layers(bottom, frame, x, y),
        *_frontier_layers(inside, outside, x, y),
        *_stop_layers(law, stops, x, y),
        _run_layer(law, x, y),
    ]
    chart = titled(layers, "Loss over sizes and tokens", _subtitle(beyond), _describe(law, right), independent=True)
    named: alt.LayerChart = chart.resolve_axis(y="independent")
    return named


def _decades(horizon: float) -> list[float]:
    """Multiples of the largest budget at which the frontier is named: 1, 10, 100 …"""
    return [10.0**power for power in range(math.floor(math.log10(horizon) + 1e-9) + 1)] if horizon >= 1 else []


def _frame(law: Law, band: Sequence[Prediction], stops: Sequence[Prediction]) -> _Frame:
    """Every run, the frontier, and the bars of the stops as far as they are worth showing."""
    sizes = [n for curve in law.curves for n in curve.params] + [p.params for p in band]
    tokens = [d for curve in law.curves for d in curve.tokens] + [p.tokens for p in band]
    for stop in stops:
        ends = (
            max(stop.params_interval.low, stop.params / _WIDEST_BAR),
            min(stop.params_interval.high, stop.params * _WIDEST_BAR),
        )
        sizes += ends
        tokens += [float(law.cost.tokens(stop.flops, end)) for end in ends]
    return _Frame(log_domain(sizes, pad=0.03), log_domain(tokens, pad=0.03))


def _levels(law: Law, frame: _Frame, horizon: float) -> list[float]:
    """Losses to draw, highest first: even steps of compute along the frontier, as few digits as keep them apart."""
    low = float(frame.params[0] * frame.tokens[0] * 6)
    budgets = np.geomspace(max(low, law.smallest_budget / 30), law.largest_budget * max(horizon, 1.0), _LEVELS)
    band = law.band(budgets.tolist())
    losses = surface_loss(law, [p.params for p in band], [p.tokens for p in band])
    steps = -np.diff(np.minimum.accumulate(losses))
    digits = max(0, math.ceil(-math.log10(max(float(np.median(steps)), 1e-6)) + 0.3))
    return sorted({round(float(loss), digits) for loss in losses}, reverse=True)


def _contour(law: Law, levels: Sequence[float], frame: _Frame) -> Iterator[tuple[float, Floats, Floats]]:
    """Each level with the N and D (n,) of its line, ordered along it.

    Solved along rays of equal N/D, on which the loss of every surface falls as both grow.
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


def _contour_rows(law: Law, levels: Sequence[float], frame: _Frame, beyond: bool) -> Iterator[dict[str, Any]]:
    """Points of the contours on one side of the largest budget, one `piece` for each unbroken stretch."""
    for level, sizes, tokens in _contour(law, levels, frame):
        shown = (sizes >= frame.params[0] / 1.2) & (sizes <= frame.params[1] * 1.2)
        shown &= (tokens >= frame.tokens[0] / 1.2) & (tokens <= frame.tokens[1] * 1.2)
        compute = tokens * law.cost.flops_per_token(sizes)
        side = (compute > law.largest_budget) == beyond
        kept = shown & (side | _beside(side) if beyond else side)
        piece = np.cumsum(np.diff(kept.astype(int), prepend=0) == 1)
        for index in np.flatnonzero(kept):
            yield {
                "level": format_loss(level),
                "piece": f"{level} {piece[index]}",
                "order": int(index),
                "params": float(f"{sizes[index]:.5g}"),
                "tokens": float(f"{tokens[index]:.5g}"),
            }


def _beside(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Neighbours of a stretch, so that the two styles of a line meet."""
    padded = np.pad(mask, 1)
    return np.asarray(padded[:-2] | padded[2:])


def _contour_layers(
    law: Law, levels: Sequence[float], frame: _Frame, x: dict[str, Any], y: dict[str, Any]
) -> list[alt.Chart]:
    layers = []
    for beyond, style in ((False, "contour"), (True, "contour-beyond")):
        rows = list(_contour_rows(law, levels, frame, beyond))
        if rows:
            layers.append(
                alt.Chart(values(rows))
                .mark_line(style=style, clip=True)
                .encode(
                    x=alt.X("params:Q", **x),
                    y=alt.Y("tokens:Q", **_bare(y)),
                    detail="piece:N",
                    order="order:Q",
                    tooltip=[alt.Tooltip("level:N", title="Loss")],
                )
            )
    return layers


def _bare(channel: dict[str, Any]) -> dict[str, Any]:
    """A channel whose axis another layer draws."""
    return channel | {"axis": None}


def _right_names(law: Law, levels: Sequence[float], frame: _Frame) -> dict[float, str]:
    """Tokens at which contours leave the frame on the right → their losses."""
    tokens = np.geomspace(*frame.tokens, 400)
    return _names_along(tokens, surface_loss(law, np.full_like(tokens, frame.params[1]), tokens), levels)


def _bottom_names(law: Law, levels: Sequence[float], frame: _Frame) -> dict[float, str]:
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


def _right_layer(names: dict[float, str], frame: _Frame, unit: str) -> alt.Chart:
    """An axis on the right that names the contours that end there."""
    y = edge_axis(frame.tokens, names, f"Contours: loss ({unit})")
    rows = values([{"tokens": at} for at in names])
    chart: alt.Chart = alt.Chart(rows).mark_point(opacity=0, size=0).encode(y=alt.Y("tokens:Q", **y))
    return chart


def _bottom_layers(names: dict[float, str], frame: _Frame, x: dict[str, Any], y: dict[str, Any]) -> list[alt.Chart]:
    """The names of the contours that end at the bottom, inside the frame."""
    rows = [{"params": at, "tokens": frame.tokens[0], "name": name} for at, name in names.items()]
    base = alt.Chart(values(rows)).encode(
        x=alt.X("params:Q", **x), y=alt.Y("tokens:Q", **_bare(y)), text=alt.Text("name:N")
    )
    return [base.mark_text(style=style, baseline="bottom", dy=-4) for style in ("halo", "name")] if rows else []


def _isoflop_layer(
    law: Law, stops: Sequence[Prediction], frame: _Frame, x: dict[str, Any], y: dict[str, Any]
) -> alt.Chart:
    """Models of equal compute, nearly straight lines of slope −1: the budgets, thinned out, and the stops."""
    fitted = sorted(curve.flops for curve in law.curves)
    budgets = [*fitted[:: math.ceil(len(fitted) / _ISOFLOP_LINES)], *(stop.flops for stop in stops)]
    sizes = np.geomspace(*frame.params, 25)
    rows = [
        {"budget": format_flops(budget), "params": n, "tokens": float(law.cost.tokens(budget, n))}
        for budget in budgets
        for n in sizes.tolist()
    ]
    chart: alt.Chart = (
        alt.Chart(values(rows))
        .mark_line(style="isoflop", clip=True)
        .encode(x=alt.X("params:Q", **x), y=alt.Y("tokens:Q", **_bare(y)), detail="budget:N")
    )
    return chart


def _run_layer(law: Law, x: dict[str, Any], y: dict[str, Any]) -> alt.Chart:
    """The runs, hollow where their budget was refused; this layer draws the left axis."""
    curves = sorted(law.curves, key=lambda curve: curve.flops)
    labels = budget_labels(curves)
    refused = [label for label, curve in zip(labels, curves, strict=True) if not curve.minima]
    colour, shape = budget_encodings(labels, refused=refused)
    chart: alt.Chart = (
        alt.Chart(values(run_rows(curves)))
        .mark_point(filled=True, size=36, opacity=1)
        .encode(
            x=alt.X("params:Q", **x),
            y=alt.Y("tokens:Q", **y),
            color=colour,
            shape=shape,
            tooltip=[alt.Tooltip(f"{key}:N") for key in ("budget", "N", "D", "Loss")],
        )
    )
    return chart


def _frontier_layers(
    inside: Sequence[Prediction], outside: Sequence[Prediction], x: dict[str, Any], y: dict[str, Any]
) -> list[alt.Chart]:
    layers = []
    for band, style in ((inside, "line"), (outside, "beyond")):
        rows = [{"params": p.params, "tokens": p.tokens} for p in band]
        if rows:
            line = alt.Chart(values(rows)).mark_line(style=style, clip=True)
            layers.append(line.encode(x=alt.X("params:Q", **x), y=alt.Y("tokens:Q", **_bare(y)), order="tokens:Q"))
    return layers


def _stop_layers(law: Law, stops: Sequence[Prediction], x: dict[str, Any], y: dict[str, Any]) -> list[alt.Chart]:
    """The optimum at 1, 10, 100 … times the largest budget, named, with the interval of N* along its IsoFLOP line."""
    rows = []
    for stop in stops:
        low, high = stop.params_interval.low, stop.params_interval.high
        rows.append(
            {
                "params": stop.params,
                "tokens": stop.tokens,
                "low": low,
                "high": high,
                "tokens_low": float(law.cost.tokens(stop.flops, low)),
                "tokens_high": float(law.cost.tokens(stop.flops, high)),
                "name": _name(stop),
                "C": format_flops(stop.flops),
                "N*": format_count(stop.params),
                "range": format_interval(stop.params_interval, format_count),
                "D*": format_count(stop.tokens),
                "L*": format_loss(stop.loss),
            }
        )
    if not rows:
        return []
    base = alt.Chart(values(rows))
    at = {"x": alt.X("params:Q", **x), "y": alt.Y("tokens:Q", **_bare(y))}
    bars = base.mark_rule(style="interval", clip=True).encode(
        x=alt.X("low:Q", **x), x2="high:Q", y=alt.Y("tokens_low:Q", **_bare(y)), y2="tokens_high:Q"
    )
    marks = base.mark_point(filled=True, size=45, opacity=1, style="stop").encode(
        **at, tooltip=[alt.Tooltip(f"{key}:N") for key in ("C", "N*", "range", "D*", "L*")]
    )
    names = [
        base.mark_text(style=style, align="right", dx=-12).encode(**at, text="name:N") for style in ("halo", "name")
    ]
    return [bars, *names, marks]


def _name(stop: Prediction) -> str:
    """Budget and factor; none for the largest budget itself, which the legend has."""
    if stop.extrapolation <= 1.0 + 1e-9:
        return ""
    return f"{format_flops(stop.flops)} ({format_factor(stop.extrapolation)})"


def _subtitle(beyond: Sequence[float]) -> list[str]:
    line = "Blue: the efficient frontier; bars: 95 % interval of N* at equal compute (faint lines)."
    return [line, "Dashed: extrapolation beyond the largest budget."] if beyond else [line]


def _describe(law: Law, names: dict[float, str]) -> str:
    frontier = law.band([law.smallest_budget, law.largest_budget])
    ends = " to ".join(f"{format_count(p.params)} parameters on {format_count(p.tokens)} tokens" for p in frontier)
    return f"Contours of the loss over parameters and tokens, {len(names)} named; the frontier runs from {ends}."
