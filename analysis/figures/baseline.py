"""The n-grams in the IsoFLOP chart: what the best one of the same tokens reaches along each budget's curve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

import altair as alt

from analysis.figures.axes import values
from analysis.figures.marks import budget_encodings, budget_labels
from analysis.records import Curve

if TYPE_CHECKING:
    from analysis.law import Law

_DASH = [1, 3]


def baseline_rows(law: Law) -> Iterator[dict[str, Any]]:
    """A point for each run: its budget, its N, and the loss of the best n-gram of its tokens."""
    for label, curve in zip(budget_labels(law.curves), law.curves, strict=True):
        for params, tokens in sorted(zip(curve.params, curve.tokens, strict=True)):
            score = law.ngrams.at(tokens) if law.ngrams is not None else None
            if score is not None:
                yield {"budget": label, "params": params, "loss": score.loss}


def baseline_layer(rows: Sequence[dict[str, Any]], curves: Sequence[Curve], scales: dict[str, Any]) -> alt.Chart:
    """A dotted line for each budget of the points, as far as it lies in the frame."""
    colour, _ = budget_encodings(curves, legend=False)
    chart: alt.Chart = (
        alt.Chart(values(rows))
        .mark_line(clip=True, strokeWidth=1.6, strokeDash=_DASH)
        .encode(x=alt.X("params:Q", **scales["x"]), y=alt.Y("loss:Q", **scales["y"]), color=colour)
    )
    return chart


def within(rows: Sequence[dict[str, Any]], frame: Sequence[float]) -> list[dict[str, Any]]:
    """The points of the budgets whose line lies in the frame for the greater part: a stub of one only puzzles."""
    inside: dict[str, list[bool]] = {}
    for row in rows:
        inside.setdefault(row["budget"], []).append(frame[0] <= row["loss"] <= frame[1])
    return [row for row in rows if 2 * sum(inside[row["budget"]]) >= len(inside[row["budget"]])]


def baseline_notes(rows: Sequence[dict[str, Any]], frame: Sequence[float]) -> list[str]:
    """What the dotted lines are, or where they are."""
    if not rows:
        return []
    if within(rows, frame):
        return ["Dotted: the best n-gram of the same tokens."]
    where = "below" if median(row["loss"] for row in rows) < frame[0] else "above"
    return [f"The best n-grams of the same tokens lie {where} the frame."]
