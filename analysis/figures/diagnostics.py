"""Charts that test a law: residuals of the curves, and what each estimator says on its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import altair as alt

from analysis.figures.axes import log_axis, log_domain, titled, values
from analysis.figures.isoflop import polynomial
from analysis.figures.marks import budget_encodings, budget_labels, estimator_label, size_spread
from analysis.figures.theme import HEIGHT
from analysis.records import Curve, Interval, Prediction
from analysis.wording import format_count, format_factor, format_flops, format_interval, join_words

if TYPE_CHECKING:
    from analysis.law import Law

_AXES = {"params": "Parameters N", "tokens": "Tokens D", "flops": "Compute C (FLOPs)"}
_TARGETS = (1.0, 10.0, 100.0)
_LONGEST_BAR = 20.0
_ROW_HEIGHT = 42


def residuals(law: Law, against: Literal["params", "tokens", "flops"] = "params") -> alt.LayerChart:
    """Loss minus its budget's cubic, in thousandths of the loss unit, against N, D or C.

    A healthy sweep scatters around zero without a shape; a common trend means that the curves are no cubics
    or that a hyperparameter moves with size. Budgets without a cubic are left out and named.
    """
    curves = sorted((curve for curve in law.curves if curve.cubic), key=lambda curve: curve.flops)
    labels = budget_labels(curves)
    refused = [label for label, curve in zip(labels, curves, strict=True) if not curve.minima]
    missing = [format_flops(curve.flops) for curve in law.curves if not curve.cubic]
    rows = list(_residual_rows(curves))
    x = log_axis(log_domain([row[against] for row in rows]), _AXES[against])
    size = max([abs(row["residual"]) for row in rows], default=1.0) or 1.0
    y: dict[str, Any] = {
        "scale": alt.Scale(domain=[-1.15 * size, 1.15 * size], nice=False),
        "title": f"Loss − cubic (10⁻³ {law.loss_unit})",
    }
    colour, shape = budget_encodings(labels, refused=refused)
    points = (
        alt.Chart(values(rows))
        .mark_point(filled=True, size=55, opacity=1)
        .encode(
            x=alt.X(f"{against}:Q", **x),
            y=alt.Y("residual:Q", **y),
            color=colour,
            shape=shape,
            tooltip=[alt.Tooltip(f"{key}:N") for key in ("budget", "N", "D")]
            + [alt.Tooltip("residual:Q", format=".2f")],
        )
    )
    zero = alt.Chart(values([{"zero": 0}])).mark_rule(style="guide").encode(y=alt.Y("zero:Q", **y))
    description = f"Residuals of {len(rows)} runs about their budget's cubic, largest {size:.1f} thousandths."
    subtitle = _residual_subtitle(law, missing)
    return titled([zero, points], "Residuals of the cubics", subtitle, description, height=HEIGHT * 2 / 3)


def _residual_rows(curves: Sequence[Curve]) -> Iterator[dict[str, Any]]:
    for label, curve in zip(budget_labels(curves), curves, strict=True):
        for n, d, loss in zip(curve.params, curve.tokens, curve.losses, strict=True):
            yield {
                "budget": label,
                "params": n,
                "tokens": d,
                "flops": curve.flops,
                "residual": 1000 * (loss - polynomial(curve.cubic, n, curve.centre)),
                "N": format_count(n),
                "D": format_count(d),
            }


def _residual_subtitle(law: Law, missing: Sequence[str]) -> list[str]:
    lines = []
    spreads = [curve.residual for curve in law.curves if math.isfinite(curve.residual)]
    if spreads:
        text = f"Standard deviation by budget {1000 * min(spreads):.1f} to {1000 * max(spreads):.1f}"
        sigmas = [curve.seed_sigma for curve in law.curves if curve.seed_sigma is not None]
        text += f"; between seeds {1000 * min(sigmas):.1f} to {1000 * max(sigmas):.1f}." if sigmas else "."
        lines.append(text)
    if missing:
        named = join_words(missing) if len(missing) <= 4 else f"{len(missing)} budgets"
        lines.append(f"Without a cubic: {named}.")
    return lines


def estimator_disagreement(law: Law, targets: Sequence[float] = _TARGETS) -> alt.LayerChart:
    """N* by each estimator alone beside the headline, at multiples of the largest budget.

    Raises:
        LawError: no law could be fitted, so there is nothing to compare.
    """
    predictions = law.band([law.largest_budget * factor for factor in targets])
    rows = [row for prediction in predictions for row in _estimator_rows(prediction)]
    labels = list(dict.fromkeys(row["budget"] for row in rows))
    x = log_axis(log_domain(_bar_ends(rows)), "Optimal parameters N*")
    colour, shape = budget_encodings(labels, "Compute C (FLOPs)")
    order = list(dict.fromkeys(row["estimator"] for row in rows))
    base = alt.Chart(values(rows)).encode(
        y=alt.Y("estimator:N", sort=order, title=None, axis=alt.Axis(grid=True, labelLimit=160)),
        yOffset=alt.YOffset("budget:N", sort=labels),
        color=colour,
        opacity=alt.condition("datum.used", alt.value(1), alt.value(0.35)),
    )
    bars = base.mark_rule(strokeWidth=1.5, clip=True).encode(x=alt.X("low:Q", **x), x2="high:Q")
    marks = base.mark_point(filled=True, size=50).encode(
        x=alt.X("params:Q", **x),
        shape=shape,
        tooltip=[alt.Tooltip(f"{key}:N") for key in ("estimator", "budget", "N*", "range", "note")],
    )
    return titled(
        [bars, marks],
        "What each estimator says alone",
        ["Headline: 95 % interval. Others: ± 2 standard errors; faint where the headline does not lean on them."],
        "N* by estimator. " + "; ".join(f"{r['estimator']} at {r['budget']}: {r['N*']}" for r in rows),
        height=_ROW_HEIGHT * len(order),
    )


def _bar_ends(rows: Sequence[dict[str, Any]]) -> list[float]:
    """Ends of the bars, none further than ×20 from its point, so that one hopeless estimator hides no other."""
    lows = [max(row["low"], row["params"] / _LONGEST_BAR) for row in rows]
    return lows + [min(row["high"], row["params"] * _LONGEST_BAR) for row in rows]


def _estimator_rows(prediction: Prediction) -> Iterator[dict[str, Any]]:
    budget = f"{format_flops(prediction.flops)} ({format_factor(prediction.extrapolation)})"
    interval = prediction.params_interval
    answers = [("headline", prediction.params, interval, True, f"confidence {prediction.confidence}")]
    for answer in prediction.estimators:
        if answer.params is not None:
            spread = size_spread(answer.log_params_se)
            bar = Interval(answer.params / spread, answer.params * spread)
            name = estimator_label(answer.estimator)
            answers.append((name, answer.params, bar, answer.used, answer.note or "–"))
    for name, params, bar, used, note in answers:
        yield {
            "estimator": name,
            "budget": budget,
            "params": params,
            "low": bar.low,
            "high": bar.high,
            "used": used,
            "N*": format_count(params),
            "range": format_interval(bar, format_count),
            "note": note,
        }
