"""The optimum of each budget: the headline's own, and each estimator's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import altair as alt

from analysis.figures.axes import values
from analysis.figures.marks import COMPARED, bar_note, budget_labels, estimator_encodings, minimum_bar, star
from analysis.figures.palette import ESTIMATORS, HEADLINE
from analysis.records import Curve, LawError, Minimum, Prediction
from analysis.wording import estimator_label, format_count, format_interval, format_loss, join_words

if TYPE_CHECKING:
    from analysis.law import Law

_TOOLTIP = ("budget", "estimator", "N*", "D*", "L*", "note")


@dataclass(frozen=True, slots=True)
class Optima:
    """A law's optima at its own budgets."""

    curves: tuple[Curve, ...]
    """Every budget's curve, ascending."""
    headline: tuple[Prediction, ...]
    """The headline's answer at each of them; none without a law."""
    problem: str = ""
    """Why there is no headline."""

    @classmethod
    def of(cls, law: Law) -> Optima:
        """The optima of a law."""
        curves = tuple(sorted(law.curves, key=lambda curve: curve.flops))
        try:
            answers = tuple(law.band([curve.flops for curve in curves]))
        except LawError as error:
            return cls(curves, (), str(error))
        return cls(curves, answers)

    @property
    def minima(self) -> list[tuple[Curve, Minimum]]:
        """Every estimator's minimum of every curve, those of `COMPARED` first, to be drawn below the others."""
        found = [(curve, minimum) for curve in self.curves for minimum in curve.minima]
        return sorted(found, key=lambda pair: pair[1].estimator not in COMPARED)

    @property
    def estimators(self) -> set[str]:
        """Names of the estimators that have a minimum."""
        return {minimum.estimator for _, minimum in self.minima}

    def barred(self) -> list[Minimum]:
        """The minima that are drawn with error bars: those of `COMPARED` have none."""
        return [minimum for _, minimum in self.minima if minimum.estimator not in COMPARED]

    def notes(self) -> list[str]:
        """What bars and lighter marks mean, as far as there are any."""
        lighter = self.estimators & COMPARED
        said = [bar_note(self.barred())]
        if lighter:
            names = [estimator_label(name) for name in ESTIMATORS if name in lighter]
            said.append(f"Lighter: {join_words(names)}, for comparison.")
        return [note for note in said if note]


def _optimum_rows(optima: Optima) -> Iterator[dict[str, Any]]:
    """Minima of the estimators, then the headline's optima on top of them."""
    labels = dict(zip((curve.flops for curve in optima.curves), budget_labels(optima.curves), strict=True))
    for curve, minimum in optima.minima:
        yield _minimum_row(minimum, labels[curve.flops])
    for answer in optima.headline:
        yield _headline_row(answer, labels[answer.flops])


def _minimum_row(minimum: Minimum, budget: str) -> dict[str, Any]:
    """An estimator's minimum, with the ends of its error bars where it has any."""
    spread, rise = (1.0, 0.0) if minimum.estimator in COMPARED else minimum_bar(minimum)
    return {
        "budget": budget,
        "estimator": estimator_label(minimum.estimator),
        "params": minimum.params,
        "loss": minimum.loss,
        "params_low": minimum.params / spread,
        "params_high": minimum.params * spread,
        "loss_low": max(minimum.loss - rise, 0.0),
        "loss_high": minimum.loss + rise,
        "N*": format_count(minimum.params),
        "D*": format_count(minimum.tokens),
        "L*": format_loss(minimum.loss),
        "note": minimum.note or "–",
    }


def _headline_row(answer: Prediction, budget: str) -> dict[str, Any]:
    """The headline's optimum with the ends of its intervals."""
    sizes, losses = answer.params_interval, answer.loss_interval
    return {
        "budget": budget,
        "estimator": HEADLINE,
        "params": answer.params,
        "loss": answer.loss,
        "params_low": sizes.low,
        "params_high": sizes.high,
        "loss_low": losses.low,
        "loss_high": losses.high,
        "N*": f"{format_count(answer.params)} ({format_interval(sizes, format_count)})",
        "D*": f"{format_count(answer.tokens)} ({format_interval(answer.tokens_interval, format_count)})",
        "L*": f"{format_loss(answer.loss)} ({format_interval(losses)})",
        "note": "–",
    }


def optimum_layers(optima: Optima, scales: dict[str, Any]) -> list[alt.Chart]:
    """Bars and marks of the optima in a chart of the loss over sizes, whose `x` and `y` channels `scales` has."""
    shown = optima.estimators | ({HEADLINE} if optima.headline else set())
    colour, shape, opacity = estimator_encodings(shown)
    x, y = alt.X("params:Q", **scales["x"]), alt.Y("loss:Q", **scales["y"])
    base = alt.Chart(values(_optimum_rows(optima)))
    plain, _, _ = estimator_encodings(shown, legend=False)
    bars = base.encode(color=plain)
    across = bars.mark_rule(clip=True, strokeWidth=1.3).encode(
        x=alt.X("params_low:Q", **scales["x"]), x2=alt.X2("params_high:Q"), y=y
    )
    along = bars.mark_rule(clip=True, strokeWidth=1.3).encode(
        x=x, y=alt.Y("loss_low:Q", **scales["y"]), y2=alt.Y2("loss_high:Q")
    )
    at = {"x": x, "y": y, "color": colour, "shape": shape, "opacity": opacity}
    tooltip = [alt.Tooltip(f"{key}:N") for key in _TOOLTIP]
    marks = base.mark_point(filled=True, size=60, clip=True).encode(**at, tooltip=tooltip)
    stars = base.transform_filter(f"datum.estimator == '{HEADLINE}'").encode(x=x, y=y, tooltip=tooltip)
    above = [
        stars.mark_point(filled=True, size=size, shape=star(), style=style, opacity=1, clip=True)
        for size, style in ((120, "star-halo"), (60, "star"))
    ]
    return [across, along, marks, *above]
