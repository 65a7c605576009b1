"""What each estimator says of N* on its own, next to the headline, at multiples of the largest budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import altair as alt

from analysis.figures.axes import log_axis, log_domain, values
from analysis.figures.marks import size_spread
from analysis.figures.palette import ESTIMATORS, HEADLINE
from analysis.figures.panels import Panel, panel
from analysis.figures.theme import WIDTH
from analysis.records import Interval, Prediction
from analysis.wording import estimator_label, format_count, format_factor, format_flops, format_interval

if TYPE_CHECKING:
    from analysis.law import Law

TARGETS = (1.0, 10.0, 100.0)
"""Multiples of the largest budget that are asked for."""

_MARKERS = ("circle", "square", "triangle-up", "diamond")
_LONGEST_BAR = 20.0
_ROW_HEIGHT = 38
_NOTE = "Shaded: the headline's 95 % interval. Bars: each estimator alone, ± 2 standard errors."


def estimator_disagreement(law: Law, targets: Sequence[float] = TARGETS, name: str = "") -> alt.LayerChart:
    """N* by each estimator alone next to the headline, at multiples of the largest budget.

    `name` is the sweep's or the table's.

    Raises:
        LawError: no law could be fitted, so there is nothing to compare.
    """
    return disagreement_panel(law, targets).alone(name)


def disagreement_panel(
    law: Law, targets: Sequence[float] = TARGETS, *, width: float = WIDTH, height: float | None = None
) -> Panel:
    """As `estimator_disagreement`, to be placed in a figure.

    Raises:
        LawError: no law could be fitted, so there is nothing to compare.
    """
    predictions = law.band(law.limits.only([law.largest_budget * factor for factor in targets]))
    rows = [row for prediction in predictions for row in _rows(prediction)]
    order = list(dict.fromkeys(row["estimator"] for row in rows))
    x = log_axis(log_domain(_bar_ends(rows)), "Optimal parameters N*", format_count, width=width)
    layers = [_headline_layer(rows, x), *_answer_layers(rows, order, x)]
    described = "N* by estimator. " + "; ".join(f"{r['estimator']} at {r['budget']}: {r['N*']}" for r in rows)
    title = "What each estimator says alone"
    return panel(layers, title, [_NOTE], described, width=width, height=height or _ROW_HEIGHT * len(order))


def _headline_layer(rows: Sequence[dict[str, Any]], x: dict[str, Any]) -> alt.Chart:
    """The headline's interval at each budget, down the whole chart."""
    own = [{key: row[key] for key in ("low", "high")} for row in rows if row["estimator"] == HEADLINE]
    chart: alt.Chart = (
        alt.Chart(values(own)).mark_rect(style="shade", clip=True).encode(x=alt.X("low:Q", **x), x2=alt.X2("high:Q"))
    )
    return chart


def _answer_layers(rows: Sequence[dict[str, Any]], order: Sequence[str], x: dict[str, Any]) -> list[alt.Chart]:
    """Each answer with its bar, one row an estimator, one marker a budget."""
    budgets = list(dict.fromkeys(row["budget"] for row in rows))
    names = [estimator_label(estimator) for estimator in ESTIMATORS]
    markers = alt.Scale(domain=budgets, range=[_MARKERS[i % len(_MARKERS)] for i in range(len(budgets))])
    base = alt.Chart(values(rows)).encode(
        y=alt.Y("estimator:N", sort=list(order), title=None, axis=alt.Axis(grid=True, labelLimit=160)),
        yOffset=alt.YOffset("budget:N", sort=budgets),
        color=alt.Color("estimator:N", sort=names, scale=alt.Scale(domain=names), legend=None),
    )
    bars = base.mark_rule(strokeWidth=1.5, clip=True).encode(x=alt.X("low:Q", **x), x2=alt.X2("high:Q"))
    marks = base.mark_point(filled=True, size=50, style="ink").encode(
        x=alt.X("params:Q", **x),
        shape=alt.Shape("budget:N", sort=budgets, scale=markers, title="Compute C (FLOPs)"),
        tooltip=[alt.Tooltip(f"{key}:N") for key in ("estimator", "budget", "N*", "range", "note")],
    )
    return [bars, marks]


def _bar_ends(rows: Sequence[dict[str, Any]]) -> list[float]:
    """Ends of the bars, none further than ×20 from its point, so that one hopeless estimator hides no other."""
    lows = [max(row["low"], row["params"] / _LONGEST_BAR) for row in rows]
    return lows + [min(row["high"], row["params"] * _LONGEST_BAR) for row in rows]


def _rows(prediction: Prediction) -> Iterator[dict[str, Any]]:
    """The headline's answer and each estimator's to one budget."""
    budget = f"{format_flops(prediction.flops)} ({format_factor(prediction.extrapolation)})"
    interval = prediction.params_interval
    answers = [(HEADLINE.label, prediction.params, interval, f"confidence {prediction.confidence}")]
    for answer in prediction.estimators:
        if answer.params is not None:
            spread = size_spread(answer.log_params_se)
            bar = Interval(answer.params / spread, answer.params * spread)
            label = estimator_label(answer.estimator)
            answers.append((label, answer.params, bar, answer.note or "–"))
    for label, params, bar, note in answers:
        yield {
            "estimator": label,
            "budget": budget,
            "params": params,
            "low": bar.low,
            "high": bar.high,
            "N*": format_count(params),
            "range": format_interval(bar, format_count),
            "note": note,
        }
