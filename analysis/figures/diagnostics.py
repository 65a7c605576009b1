"""Charts that test a law: residuals of the curves, and what each estimator says on its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import altair as alt

from analysis.figures.axes import CLOSEST, log_axis, log_domain, titled, values
from analysis.figures.isoflop import polynomial
from analysis.figures.marks import budget_encodings, budget_labels, estimator_label, size_spread
from analysis.figures.surface import surface_loss
from analysis.figures.theme import HEIGHT, WIDTH
from analysis.records import Curve, Interval, LawError, Prediction
from analysis.wording import format_count, format_factor, format_flops, format_interval, join_words

if TYPE_CHECKING:
    from analysis.law import Law

Against = Literal["params", "tokens", "flops"]

RESIDUAL_WIDTH = 250
"""Width of one of three panels, pixels."""

_AXES: dict[Against, str] = {"params": "Parameters N", "tokens": "Tokens D", "flops": "Compute C (FLOPs)"}
AS_IN_THE_DATA = "as in the data"
_TARGETS = (1.0, 10.0, 100.0)
_LONGEST_BAR = 20.0
_ROW_HEIGHT = 42


def residuals(law: Law, against: Against = "params") -> alt.LayerChart:
    """Loss minus the law's L(N, D), in thousandths of the loss unit, against N, D or C; all runs, refused ones hollow.

    A healthy fit scatters around zero without a shape; a trend means that the surfaces miss the runs, or that a
    hyperparameter moves with size. Without a surface each budget's cubic stands in, and budgets without one are named.
    """
    about = _About.of(law)
    rows = list(_residual_rows(law, about))
    chart = _residual_panel(law, against, rows)
    chart.title = alt.TitleParams(f"Residuals of the {about.name}", subtitle=_residual_subtitle(law, about))
    return chart


def residual_panels(law: Law) -> alt.HConcatChart:
    """`residuals` against N, D and C side by side, on one scale.

    Raises:
        LawError: there is neither a surface nor a cubic.
    """
    about = _About.of(law)
    rows = list(_residual_rows(law, about))
    if not rows:
        raise LawError("there is neither a surface nor a cubic to draw residuals of")
    panels = [_residual_panel(law, against, rows, RESIDUAL_WIDTH) for against in _AXES]
    for panel in panels:
        panel.title = alt.Undefined
    return alt.hconcat(*panels, spacing=20).properties(
        title=alt.TitleParams(f"Residuals of the {about.name}", subtitle=_residual_subtitle(law, about)),
        description=" ".join(panel.description for panel in panels),
    )


@dataclass(frozen=True, slots=True)
class _About:
    """What the residuals are about: the surfaces that the law's loss leans on, or each budget's cubic."""

    name: str
    curves: tuple[Curve, ...]
    """Curves whose runs have a residual, by budget."""
    expected: Callable[[Curve], Sequence[float]]
    """Expected loss of each run of a curve."""

    @classmethod
    def of(cls, law: Law) -> _About:
        curves = tuple(sorted(law.curves, key=lambda curve: curve.flops))
        try:
            surface_loss(law, [1.0], [1.0])
        except LawError:
            kept = tuple(curve for curve in curves if curve.cubic)
            return cls("cubics", kept, lambda c: [polynomial(c.cubic, n, c.centre) for n in c.params])
        return cls("surfaces", curves, lambda c: surface_loss(law, c.params, c.tokens).tolist())


def _residual_rows(law: Law, about: _About) -> Iterator[dict[str, Any]]:
    for label, curve in zip(budget_labels(about.curves), about.curves, strict=True):
        runs = zip(curve.params, curve.tokens, curve.losses, about.expected(curve), strict=True)
        for n, d, loss, expected in runs:
            yield {
                "budget": label,
                "params": n,
                "tokens": d,
                "flops": float(d * law.cost.flops_per_token(n)),
                "residual": 1000 * (loss - expected),
                "refused": not curve.minima,
                "N": format_count(n),
                "D": format_count(d),
            }


def _residual_panel(law: Law, against: Against, rows: Sequence[dict[str, Any]], width: float = WIDTH) -> alt.LayerChart:
    labels = list(dict.fromkeys(row["budget"] for row in rows))
    refused = {row["budget"] for row in rows if row["refused"]}
    x = log_axis(log_domain([row[against] for row in rows]), _AXES[against], closest=CLOSEST * WIDTH / width)
    size = max([abs(row["residual"]) for row in rows], default=1.0) or 1.0
    y: dict[str, Any] = {
        "scale": alt.Scale(domain=[-1.1 * size, 1.1 * size], nice=False),
        "title": "Residual (10⁻³)" if law.loss_unit == AS_IN_THE_DATA else f"Residual (10⁻³ {law.loss_unit})",
    }
    colour, shape = budget_encodings(labels, refused=refused)
    tooltip = [*(alt.Tooltip(f"{key}:N") for key in ("budget", "N", "D")), alt.Tooltip("residual:Q", format=".2f")]
    points = (
        alt.Chart(values(rows))
        .mark_point(filled=True, size=45, opacity=1)
        .encode(x=alt.X(f"{against}:Q", **x), y=alt.Y("residual:Q", **y), color=colour, shape=shape, tooltip=tooltip)
    )
    zero = alt.Chart(values([{"zero": 0}])).mark_rule(style="guide").encode(y=alt.Y("zero:Q", **y))
    name = _AXES[against].partition(" (")[0]
    description = f"Residuals of {len(rows)} runs against {name}, the largest {size:.3g} thousandths of the loss unit."
    return titled([zero, points], "Residuals", [], description, width=width, height=HEIGHT * 2 / 3)


def _residual_subtitle(law: Law, about: _About) -> list[str]:
    lines = []
    spreads = [curve.residual for curve in law.curves if math.isfinite(curve.residual)]
    if spreads:
        text = f"Scatter of a budget about its own cubic: {1000 * min(spreads):.3g} to {1000 * max(spreads):.3g}"
        sigmas = [curve.seed_sigma for curve in law.curves if curve.seed_sigma is not None]
        text += f"; between seeds: {1000 * min(sigmas):.3g} to {1000 * max(sigmas):.3g}." if sigmas else "."
        lines.append(text)
    missing = [format_flops(curve.flops) for curve in law.curves if curve not in about.curves]
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
