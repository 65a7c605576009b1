"""The IsoFLOP chart: loss against parameters, one curve a budget, with fits, minima and refusals."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import altair as alt

from analysis.figures.axes import log_axis, log_domain, loss_domain, titled, values
from analysis.figures.marks import (
    BAR_NOTE,
    budget_encodings,
    budget_labels,
    estimator_label,
    minimum_bar,
    minimum_shape,
)
from analysis.records import Curve, Minimum
from analysis.wording import format_count, format_flops, format_loss, join_words, refusal_phrase, refusal_summary

if TYPE_CHECKING:
    from analysis.law import Law

_FIT_STEPS = 60
_NAMED_BUDGETS = 4
_LINE = 100
_ARROW = "M0,-1L0.7,0L0.2,0L0.2,1L-0.2,1L-0.2,0L-0.7,0Z"
_DASHES = {"cubic": [1, 0], "parabola": [5, 3]}


def isoflop_curves(law: Law) -> alt.LayerChart:
    """Loss against N with one curve a budget: runs, cubic and parabola, minima with ± 2 standard errors.

    A budget that every estimator refused keeps its runs, hollow, has no line, and says so in the legend
    and below the title.
    """
    curves = sorted(law.curves, key=lambda curve: curve.flops)
    scales, top = _scales(curves, law.loss_unit)
    layers = [_run_layer(curves, scales)]
    if any(curve.minima for curve in curves):
        layers = [_fit_layer(curves, scales), *layers, *_minimum_layers(curves, scales)]
    above = [row | {"loss": top} for row in run_rows(curves) if row["loss"] > top]
    if above:
        layers.append(_above_layer(above, scales))
    notes = _subtitle(curves, len(above))
    return titled(layers, "IsoFLOP curves", notes, describe_curves(curves), independent=True)


def describe_curves(curves: Sequence[Curve]) -> str:
    """The chart in words, for readers who do not see it."""
    parts = []
    for curve in curves:
        best = next((m for m in curve.minima if m.estimator == "cubic"), curve.minima[0] if curve.minima else None)
        found = (
            f"smallest loss {format_loss(best.loss)} at {format_count(best.params)} parameters"
            if best
            else f"no minimum ({refusal_summary(curve)})"
        )
        parts.append(f"{format_flops(curve.flops)} FLOPs: {len(curve.params)} runs, {found}")
    return "Loss against parameters at fixed compute. " + "; ".join(parts) + "."


def polynomial(coefficients: Sequence[float], params: float, centre: float) -> float:
    """A curve's fitted polynomial (lowest power first, in ln(N / centre)) at N = params."""
    x = math.log(params / centre)
    return sum(coefficient * x**power for power, coefficient in enumerate(coefficients))


def _scales(curves: Sequence[Curve], loss_unit: str) -> tuple[dict[str, Any], float]:
    """Both channels, and the loss at which the frame ends."""
    sizes = [n for curve in curves for n in curve.params] + [m.params for c in curves for m in c.minima]
    losses = [loss for curve in curves for loss in curve.losses]
    domain = loss_domain(losses, [m.loss for curve in curves for m in curve.minima])
    scale = alt.Scale(domain=list(domain), nice=False, zero=False)
    return {
        "x": log_axis(log_domain(sizes), "Parameters N"),
        "y": {"scale": scale, "title": f"Loss ({loss_unit})"},
    }, domain[1]


def run_rows(curves: Sequence[Curve]) -> Iterator[dict[str, Any]]:
    """The runs as data of a chart, each with the label of its budget."""
    for label, curve in zip(budget_labels(curves), curves, strict=True):
        for n, d, loss in zip(curve.params, curve.tokens, curve.losses, strict=True):
            yield {
                "budget": label,
                "params": n,
                "tokens": d,
                "loss": loss,
                "N": format_count(n),
                "D": format_count(d),
                "Loss": format_loss(loss),
            }


def _run_layer(curves: Sequence[Curve], scales: dict[str, Any]) -> alt.Chart:
    """The runs: filled where the budget has a minimum, hollow where it was refused."""
    labels = budget_labels(curves)
    refused = [label for label, curve in zip(labels, curves, strict=True) if not curve.minima]
    colour, shape = budget_encodings(labels, refused=refused)
    chart: alt.Chart = (
        alt.Chart(values(run_rows(curves)))
        .mark_point(filled=True, size=55, opacity=1, clip=True)
        .encode(
            x=alt.X("params:Q", **scales["x"]),
            y=alt.Y("loss:Q", **scales["y"]),
            color=colour,
            shape=shape,
            tooltip=[alt.Tooltip(f"{key}:N") for key in ("budget", "N", "D", "Loss")],
        )
    )
    return chart


def _above_layer(rows: Sequence[dict[str, Any]], scales: dict[str, Any]) -> alt.Chart:
    """An arrow at the top for each run above the frame."""
    chart: alt.Chart = (
        alt.Chart(values(rows))
        .mark_point(shape=_ARROW, filled=True, size=70, opacity=1, yOffset=7, style="minimum")
        .encode(
            x=alt.X("params:Q", **scales["x"]),
            y=alt.Y("loss:Q", **scales["y"]),
            tooltip=[alt.Tooltip(f"{key}:N") for key in ("budget", "N", "D", "Loss")],
        )
    )
    return chart


def _fit_rows(curves: Sequence[Curve]) -> Iterator[dict[str, Any]]:
    for label, curve in zip(budget_labels(curves), curves, strict=True):
        if not curve.minima:
            continue
        low, high = min(curve.params), max(curve.params)
        for name, coefficients in (("cubic", curve.cubic), ("parabola", curve.parabola)):
            for step in range(_FIT_STEPS + 1) if coefficients else ():
                n = low * (high / low) ** (step / _FIT_STEPS)
                fitted = polynomial(coefficients, n, curve.centre)
                yield {"budget": label, "fit": name, "params": n, "loss": fitted}


def _fit_layer(curves: Sequence[Curve], scales: dict[str, Any]) -> alt.Chart:
    rows = list(_fit_rows(curves))
    names = [name for name in _DASHES if any(row["fit"] == name for row in rows)]
    dashes = alt.Scale(domain=names, range=[_DASHES[name] for name in names])
    colour, _ = budget_encodings(budget_labels(curves))
    chart: alt.Chart = (
        alt.Chart(values(rows))
        .mark_line(clip=True, strokeWidth=1.4)
        .encode(
            x=alt.X("params:Q", **scales["x"]),
            y=alt.Y("loss:Q", **scales["y"]),
            color=colour.legend(None),
            strokeDash=alt.StrokeDash(
                "fit:N",
                sort=names,
                scale=dashes,
                title="Fit",
                legend=alt.Legend(symbolSize=350, symbolStrokeWidth=1.5, rowPadding=0),
            ),
        )
    )
    return chart


def _minimum_rows(curves: Sequence[Curve]) -> Iterator[dict[str, Any]]:
    for label, curve in zip(budget_labels(curves), curves, strict=True):
        for minimum in curve.minima:
            yield {
                "budget": label,
                "minimum": estimator_label(minimum.estimator),
                "params": minimum.params,
                "loss": minimum.loss,
                **_error_bar(minimum),
                "N*": format_count(minimum.params),
                "D*": format_count(minimum.tokens),
                "L*": format_loss(minimum.loss),
                "note": minimum.note or "–",
            }


def _error_bar(minimum: Minimum) -> dict[str, float]:
    spread, rise = minimum_bar(minimum)
    return {
        "params_low": minimum.params / spread,
        "params_high": minimum.params * spread,
        "loss_low": minimum.loss - rise,
        "loss_high": minimum.loss + rise,
    }


def _minimum_layers(curves: Sequence[Curve], scales: dict[str, Any]) -> list[alt.Chart]:
    rows = values(_minimum_rows(curves))
    x, y = alt.X("params:Q", **scales["x"]), alt.Y("loss:Q", **scales["y"])
    base = alt.Chart(rows)
    across = base.mark_rule(style="ink", clip=True).encode(
        x=alt.X("params_low:Q", **scales["x"]), x2="params_high:Q", y=y
    )
    along = base.mark_rule(style="ink", clip=True).encode(x=x, y=alt.Y("loss_low:Q", **scales["y"]), y2="loss_high:Q")
    mark = base.mark_point(filled=True, size=60, style="minimum", opacity=1).encode(
        x=x,
        y=y,
        shape=minimum_shape(curves),
        tooltip=[alt.Tooltip(f"{key}:N") for key in ("budget", "minimum", "N*", "D*", "L*", "note")],
    )
    return [across, along, mark]


def _subtitle(curves: Sequence[Curve], above: int) -> list[str]:
    lines = [BAR_NOTE] if any(curve.minima for curve in curves) else []
    for reason, budgets in _grouped((refusal_summary(curve), curve) for curve in curves if not curve.minima).items():
        lines.append(f"Refused (hollow): {_named(budgets)}: {reason}.")
    partly = (
        (f"{estimator_label(name)} refused ({refusal_phrase(refusal.reason)})", curve)
        for curve in curves
        if curve.minima
        for name, refusal in curve.refusals.items()
    )
    said = [f"{phrase} at {_named(budgets)}" for phrase, budgets in _grouped(partly).items()]
    if said:
        text = "; ".join(said)
        lines += textwrap.wrap(f"{text[:1].upper()}{text[1:]}.", _LINE)
    if above:
        plural = "s" if above > 1 else ""
        lines.append(f"Arrow{plural} at the top: {above} run{plural} above the frame.")
    return lines


def _grouped(pairs: Iterable[tuple[str, Curve]]) -> dict[str, list[Curve]]:
    groups: dict[str, list[Curve]] = {}
    for phrase, curve in pairs:
        groups.setdefault(phrase, []).append(curve)
    return groups


def _named(curves: Sequence[Curve]) -> str:
    if len(curves) > _NAMED_BUDGETS:
        return f"{len(curves)} budgets"
    return join_words(format_flops(curve.flops) for curve in curves)
