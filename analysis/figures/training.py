"""Training curves of runs: the loss against tokens, FLOPs or seconds, several runs in one chart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt

from analysis.figures.axes import log_axis, log_domain, loss_domain, values
from analysis.figures.panels import panel
from analysis.wording import format_count, format_duration, format_flops, format_loss, join_words, plural

Against = Literal["tokens", "flops", "seconds"]
"""What a training curve is drawn against."""
MOST_POINTS = 400
"""Points of a curve that are drawn: of more, every so many."""
_AXES: Mapping[Against, tuple[str, Callable[[float], str]]] = {
    "tokens": ("Training tokens", format_count),
    "flops": ("Training FLOPs", format_flops),
    "seconds": ("Training seconds", format_duration),
}
_NOTE = "Points: the training loss as it was logged; diamonds: the validation loss."
_SHAPES = {"training": "circle", "validation": "diamond"}


@dataclass(frozen=True, slots=True)
class RunCurve:
    """What one run logged."""

    name: str
    """What the legend calls it."""
    points: Sequence[Mapping[str, Any]]
    """Its points in order: tokens, flops, seconds, and loss or validation_loss."""


def training_curves(curves: Sequence[RunCurve], against: Against = "tokens") -> alt.LayerChart:
    """The losses of runs as they were logged; the validation loss is a diamond at the end."""
    rows = [row for curve in curves for row in _rows(curve, against)]
    title, write = _AXES[against]
    names = list(dict.fromkeys(curve.name for curve in curves))
    x = log_axis(log_domain(row["x"] for row in rows), title, write)
    scale = alt.Scale(domain=list(loss_domain([row["loss"] for row in rows])), nice=False, zero=False)
    base = alt.Chart(values(rows)).encode(
        x=alt.X("x:Q", **x),
        y=alt.Y("loss:Q", scale=scale, title="Loss (nats/token)"),
        color=alt.Color("run:N", sort=names, title="Run", legend=alt.Legend() if len(names) > 1 else None),
        tooltip=[alt.Tooltip(f"{key}:N") for key in ("run", "Loss", "at", "kind")],
    )
    line = base.transform_filter("datum.kind == 'training'").mark_line(clip=True, strokeWidth=1.5)
    marks = base.mark_point(filled=True, clip=True, opacity=1).encode(
        shape=alt.Shape("kind:N", scale=alt.Scale(domain=list(_SHAPES), range=list(_SHAPES.values())), title="Loss"),
        size=alt.Size("kind:N", scale=alt.Scale(domain=list(_SHAPES), range=[14, 90]), legend=None),
    )
    told = f"Loss of {plural(len(curves), 'run')} against {title.lower()}: {join_words(_ends(curves))}."
    return panel([line, marks], "Training curves", (_NOTE,), told).alone(names[0] if len(names) == 1 else "")


def _rows(curve: RunCurve, against: Against) -> Iterator[dict[str, Any]]:
    """The points of a curve as data of the chart."""
    write = _AXES[against][1]
    points = [point for point in curve.points if point.get(against, 0) > 0]
    stride = -(-len(points) // MOST_POINTS) or 1
    for index, point in enumerate(points):
        kind = "validation" if "validation_loss" in point else "training"
        if index % stride and kind == "training":
            continue
        loss = point["validation_loss"] if kind == "validation" else point["loss"]
        at = point[against]
        yield {"run": curve.name, "x": at, "loss": loss, "kind": kind, "Loss": format_loss(loss), "at": write(at)}


def _ends(curves: Sequence[RunCurve]) -> Iterator[str]:
    """Each curve's last loss in words."""
    for curve in curves:
        last = curve.points[-1] if curve.points else {}
        loss = last.get("validation_loss", last.get("loss"))
        yield f"{curve.name} ends at {format_loss(loss)}" if loss is not None else f"{curve.name} has logged nothing"
