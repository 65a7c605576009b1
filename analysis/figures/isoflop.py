"""The IsoFLOP chart: loss against parameters, one curve per budget, with fits, optima and refusals."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import altair as alt

from analysis.figures.axes import log_axis, log_domain, loss_domain, values
from analysis.figures.baseline import baseline_layer, baseline_notes, baseline_rows, within
from analysis.figures.marks import ARROW, COMPARED, LIGHT, budget_encodings, budget_labels
from analysis.figures.optima import Optima, optimum_layers
from analysis.figures.panels import Panel, panel
from analysis.figures.theme import HEIGHT, WIDTH
from analysis.records import Curve
from analysis.wording import (
    estimator_label,
    format_count,
    format_flops,
    format_loss,
    join_words,
    plural,
    refusal_phrase,
    refusal_summary,
)

if TYPE_CHECKING:
    from analysis.law import Law

_FIT_STEPS = 60
_NAMED_BUDGETS = 4
_TITLE_LINE = 62
_Key = TypeVar("_Key")
_DASHES = {"cubic": [1, 0], "parabola": [5, 3]}
_RUN_TOOLTIP = ("budget", "N", "D", "Loss")


def isoflop_curves(law: Law, name: str = "") -> alt.LayerChart:
    """Loss against N with one curve a budget: runs, fits, each estimator's minimum, and the headline's optimum.

    Parabola and Akima spline are lighter, for comparison. A budget that every estimator refused keeps its runs,
    hollow, has no line, and says so in the legend and below the title. `name` is the sweep's or the table's.
    """
    return isoflop_panel(law).alone(name)


def isoflop_panel(law: Law, *, width: float = WIDTH, height: float = HEIGHT) -> Panel:
    """As `isoflop_curves`, to be placed in a figure."""
    optima = Optima.of(law)
    curves = optima.curves
    scales, top = _scales(law, optima, width)
    layers = [_run_layer(curves, scales)]
    if any(curve.minima for curve in curves):
        layers = [_fit_layer(optima, scales), *layers]
    if optima.minima or optima.headline:
        layers += optimum_layers(optima, scales)
    above = [row | {"loss": top} for row in run_rows(curves) if row["loss"] > top]
    if above:
        layers.append(_above_layer(above, scales))
    baseline = list(baseline_rows(law))
    frame = scales["y"]["scale"].domain
    dotted = within(baseline, frame)
    layers += [baseline_layer(dotted, curves, scales)] if dotted else []
    notes = [*_notes(optima, len(above)), *baseline_notes(baseline, frame)]
    described = describe_curves(optima)
    return panel(layers, "IsoFLOP curves", notes, described, width=width, height=height, independent=True)


def describe_curves(optima: Optima) -> str:
    """The chart in words, for readers who do not see it."""
    parts = []
    for index, curve in enumerate(optima.curves):
        best = next((m for m in curve.minima if m.estimator == "cubic"), curve.minima[0] if curve.minima else None)
        found = (
            f"smallest loss {format_loss(best.loss)} at {format_count(best.params)} parameters"
            if best
            else f"no minimum ({refusal_summary(curve)})"
        )
        if optima.headline:
            found += f", headline's optimum at {format_count(optima.headline[index].params)}"
        parts.append(f"{format_flops(curve.flops)} FLOPs: {plural(len(curve.params), 'run')}, {found}")
    return "Loss against parameters at fixed compute. " + "; ".join(parts) + "."


def polynomial(coefficients: Sequence[float], params: float, centre: float) -> float:
    """A curve's fitted polynomial (lowest power first, in ln(N / centre)) at N = params."""
    x = math.log(params / centre)
    return sum(coefficient * x**power for power, coefficient in enumerate(coefficients))


def size_title(convention: str, line: int = _TITLE_LINE) -> list[str]:
    """Title of an axis of N that says what N counts, as lines: the clause on N where the convention has one."""
    counted = convention.partition(";")[0].removeprefix("N:").strip() if convention.startswith("N:") else convention
    return textwrap.wrap(f"Parameters N ({counted})" if counted else "Parameters N", line)


def _scales(law: Law, optima: Optima, width: float) -> tuple[dict[str, Any], float]:
    """Both channels, and the loss at which the frame ends."""
    sizes = [n for curve in optima.curves for n in curve.params]
    sizes += [minimum.params for _, minimum in optima.minima] + [answer.params for answer in optima.headline]
    losses = [loss for curve in optima.curves for loss in curve.losses]
    others = [minimum.loss for _, minimum in optima.minima] + [answer.loss for answer in optima.headline]
    domain = loss_domain(losses, others)
    title = size_title(law.convention, math.floor(_TITLE_LINE * width / WIDTH))
    return {
        "x": log_axis(log_domain(sizes), title, format_count, width=width),
        "y": {"scale": alt.Scale(domain=list(domain), nice=False, zero=False), "title": f"Loss ({law.loss_unit})"},
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
    colour, shape = budget_encodings(curves)
    chart: alt.Chart = (
        alt.Chart(values(run_rows(curves)))
        .mark_point(filled=True, size=45, opacity=1, clip=True)
        .encode(
            x=alt.X("params:Q", **scales["x"]),
            y=alt.Y("loss:Q", **scales["y"]),
            color=colour,
            shape=shape,
            tooltip=[alt.Tooltip(f"{key}:N") for key in _RUN_TOOLTIP],
        )
    )
    return chart


def _above_layer(rows: Sequence[dict[str, Any]], scales: dict[str, Any]) -> alt.Chart:
    """An arrow at the top for each run above the frame."""
    chart: alt.Chart = (
        alt.Chart(values(rows))
        .mark_point(shape=ARROW, filled=True, size=70, opacity=1, yOffset=7, style="ink")
        .encode(
            x=alt.X("params:Q", **scales["x"]),
            y=alt.Y("loss:Q", **scales["y"]),
            tooltip=[alt.Tooltip(f"{key}:N") for key in _RUN_TOOLTIP],
        )
    )
    return chart


def _fit_rows(curves: Sequence[Curve]) -> Iterator[dict[str, Any]]:
    """Points along the fitted polynomials of each budget that has a minimum."""
    for label, curve in zip(budget_labels(curves), curves, strict=True):
        if not curve.minima:
            continue
        low, high = min(curve.params), max(curve.params)
        for name, coefficients in (("cubic", curve.cubic), ("parabola", curve.parabola)):
            for step in range(_FIT_STEPS + 1) if coefficients else ():
                n = low * (high / low) ** (step / _FIT_STEPS)
                fitted = polynomial(coefficients, n, curve.centre)
                yield {"budget": label, "fit": name, "params": n, "loss": fitted}


def _fit_layer(optima: Optima, scales: dict[str, Any]) -> alt.Chart:
    """Each budget's cubic and parabola, the parabola lighter."""
    rows = list(_fit_rows(optima.curves))
    names = [name for name in _DASHES if any(row["fit"] == name for row in rows)]
    dashes = alt.Scale(domain=names, range=[_DASHES[name] for name in names])
    light = alt.Scale(type="ordinal", domain=names, range=[LIGHT if name in COMPARED else 1.0 for name in names])
    colour, _ = budget_encodings(optima.curves, legend=False)
    legend = alt.Legend(title="Fit", symbolSize=350, symbolStrokeWidth=1.5, rowPadding=0)
    chart: alt.Chart = (
        alt.Chart(values(rows))
        .mark_line(clip=True, strokeWidth=1.4)
        .encode(
            x=alt.X("params:Q", **scales["x"]),
            y=alt.Y("loss:Q", **scales["y"]),
            color=colour,
            strokeDash=alt.StrokeDash("fit:N", sort=names, scale=dashes, title="Fit", legend=legend),
            opacity=alt.Opacity("fit:N", sort=names, scale=light, title="Fit", legend=legend),
        )
    )
    return chart


def _notes(optima: Optima, above: int) -> list[str]:
    """What marks mean, which budgets were refused, and what lies outside the frame."""
    star = "Star: the headline's optimum of each budget, with its 95 % interval."
    notes = [star if optima.headline else f"{optima.problem[:1].upper()}{optima.problem[1:]}"]
    notes += [*optima.notes(), *_refusal_notes(optima.curves)]
    if above:
        plural = "s" if above > 1 else ""
        notes.append(f"Arrow{plural} at the top: {above} run{plural} above the frame.")
    return notes


def _refusal_notes(curves: Sequence[Curve]) -> list[str]:
    """Budgets without a minimum, then single estimators that refused where others did not."""
    whole = _grouped((refusal_summary(curve), curve) for curve in curves if not curve.minima)
    refused = [f"{_named(budgets)} ({reason})" for reason, budgets in whole.items()]
    partly = _grouped(
        ((refusal_phrase(refusal.reason), estimator_label(name)), curve)
        for curve in curves
        if curve.minima
        for name, refusal in curve.refusals.items()
    )
    alike: dict[tuple[str, str], list[str]] = {}
    for (reason, name), budgets in partly.items():
        alike.setdefault((reason, _named(budgets)), []).append(name)
    missing = [f"{join_words(names)} at {where} ({reason})" for (reason, where), names in alike.items()]
    notes = [f"Refused (hollow): {'; '.join(refused)}."] if refused else []
    return [*notes, f"No minimum by {'; by '.join(missing)}."] if missing else notes


def _grouped(pairs: Iterable[tuple[_Key, Curve]]) -> dict[_Key, list[Curve]]:
    """Curves by key, in the order of the keys' first appearance."""
    groups: dict[_Key, list[Curve]] = {}
    for key, curve in pairs:
        groups.setdefault(key, []).append(curve)
    return groups


def _named(curves: Sequence[Curve]) -> str:
    """Budgets by name, or their number where they are many."""
    if len(curves) > _NAMED_BUDGETS:
        return f"{len(curves)} budgets"
    return join_words(format_flops(curve.flops) for curve in curves)
