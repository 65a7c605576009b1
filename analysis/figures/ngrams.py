"""Runs against n-grams: loss over training tokens, with the best n-gram of the same tokens and each order as lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import altair as alt

from analysis.answers.ngrams import ngram_sentence
from analysis.evidence import NgramBaseline
from analysis.figures.axes import linear_domain, log_axis, log_domain, values
from analysis.figures.isoflop import run_rows
from analysis.figures.marks import LIGHT, budget_encodings
from analysis.figures.panels import panel
from analysis.records import LawError
from analysis.wording import format_count, format_loss

if TYPE_CHECKING:
    from analysis.law import Law

_NOTE = "Lines: n-grams (interpolated modified Kneser-Ney) trained on the first D tokens that a run reads."
_APART = 0.035
"""Least distance of two names, as a share of the frame."""
_NAMES = 1.4
"""Room for the names of the lines, as a factor of their largest D."""
_TOOLTIPS = {"run": ("budget", "N", "D", "Loss"), "n-gram": ("n-gram", "D", "Loss")}


def ngram_curves(law: Law, name: str = "") -> alt.LayerChart:
    """Loss against training tokens: the runs, and n-grams of each order trained on the same tokens.

    `name` is the sweep's or the table's. Raises LawError where no n-grams were measured.
    """
    if law.ngrams is None:
        raise LawError("no n-grams were measured: `isoflop ngram SWEEP` does so for the runs of a sweep")
    runs, lines = list(run_rows(law.curves)), list(_rows(law.ngrams))
    best = [row for row in lines if row["order"] == max(score.order for score in law.ngrams.best)]
    losses = [row["loss"] for row in [*runs, *best]]
    tokens = [row["tokens"] for row in [*runs, *lines]]
    x = log_axis(log_domain([*tokens, _NAMES * max(tokens)], pad=0.03), "Training tokens D", format_count)
    frame = linear_domain(losses)
    scale = alt.Scale(domain=list(frame), nice=False, zero=False)
    colour, shape = budget_encodings(law.curves)
    drawn = {"x": alt.X("tokens:Q", **x), "y": alt.Y("loss:Q", scale=scale, title=f"Loss ({law.loss_unit})")}
    points = (
        alt.Chart(values(runs))
        .mark_point(filled=True, size=45, opacity=1, clip=True)
        .encode(**drawn, color=colour, shape=shape, tooltip=_tooltip("run"))
    )
    sentence = ngram_sentence(law)
    layers = [*_lines(lines, drawn, (frame[1] - frame[0]) * _APART), points]
    described = f"Loss of runs and of n-grams against training tokens. {sentence}".strip()
    return panel(layers, "Runs and n-grams", (sentence, _NOTE), described, independent=True).alone(name)


def _rows(ngrams: NgramBaseline) -> Iterator[dict[str, Any]]:
    """The n-grams as data of the chart."""
    for score in ngrams.scores:
        yield {
            "order": score.order,
            "n-gram": f"{score.order}-gram",
            "tokens": score.tokens,
            "loss": score.loss,
            "D": format_count(score.tokens),
            "Loss": format_loss(score.loss),
        }


def _lines(rows: list[dict[str, Any]], drawn: dict[str, Any], apart: float) -> list[alt.Chart]:
    """A line for each order with its name behind it where there is room, the highest one darker."""
    highest, last = max(row["order"] for row in rows), max(row["tokens"] for row in rows)
    opacity = alt.condition(f"datum.order == {highest}", alt.value(1), alt.value(LIGHT))
    line = (
        alt.Chart(values(rows))
        .mark_line(clip=True, strokeWidth=1.4, style="ink")
        .encode(**drawn, detail=alt.Detail("order:N"), opacity=opacity, tooltip=_tooltip("n-gram"))
    )
    named: list[dict[str, Any]] = []
    for row in sorted((row for row in rows if row["tokens"] == last), key=lambda row: -row["order"]):
        if all(abs(row["loss"] - other["loss"]) >= apart for other in named):
            named.append(row)
    names = (
        alt.Chart(values(named))
        .mark_text(clip=True, align="left", dx=5, style="name")
        .encode(**drawn, text=alt.Text("n-gram:N"))
    )
    return [line, names]


def _tooltip(kind: str) -> list[alt.Tooltip]:
    """What a mark says under the pointer."""
    return [alt.Tooltip(f"{key}:N") for key in _TOOLTIPS[kind]]
