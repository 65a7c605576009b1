"""Where the FLOPs of a token go by size, and the exponent of N* that each way of counting would report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from analysis.answers.conventions import ConventionOptimum
from analysis.figures.axes import log_axis, values
from analysis.figures.panels import Panel, Row, figure, panel
from analysis.figures.theme import COUNTED
from analysis.wording import format_count, format_flops

PARTS = {
    "head": "Output head",
    "mlp": "MLP",
    "attention_projections": "Attention projections",
    "attention_scores": "Attention scores",
}
"""Parts of a token's FLOPs from the top of the stack down, in words."""

LABELS = {
    "isoflop": "isoflop: with head, causal attention",
    "full_attention": "PaLM: with head, full attention",
    "six_n": "6N with head, no attention",
    "kaplan": "Kaplan: 6N without head",
    "chinchilla": "Chinchilla: all, full attention",
}
"""Conventions in words."""

_WIDTH = 400.0
_DECADE = 10.0**0.5
"""How far an optimum moves with ten times the compute, about."""
_DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 3])


@dataclass(frozen=True)
class Size:
    """One shape and the FLOPs of a token."""

    params: float
    """N: matmul parameters with the head."""
    parts: dict[str, float]
    """Training FLOPs a token by the keys of PARTS."""
    shape: str
    """Shape in a few characters."""
    layers: int
    """Depth."""


def flops_shares(sizes: Sequence[Size], setting: str = "") -> Panel:
    """Stacked shares of a token's training FLOPs by size; `setting` names vocabulary and context."""
    rows = [
        {
            "params": size.params,
            "part": name,
            "share": size.parts[part] / sum(size.parts.values()),
            "order": order,
            "N": format_count(size.params),
            "of the FLOPs": f"{size.parts[part] / sum(size.parts.values()):.1%}",
            "shape": size.shape,
        }
        for size in sizes
        for order, (part, name) in enumerate(PARTS.items())
    ]
    names = list(PARTS.values())
    x = log_axis((sizes[0].params, sizes[-1].params), "Parameters N (head included)", format_count)
    base = alt.Chart(values(rows)).encode(
        x=alt.X("params:Q", **x),
        y=alt.Y("share:Q", stack="zero", title="Share of training FLOPs", scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format="%", grid=False)),
        color=alt.Color("part:N", sort=names, title=None, scale=alt.Scale(domain=names, range=COUNTED),
                        legend=alt.Legend(symbolType="square")),
        order=alt.Order("order:Q", sort="descending"),
        tooltip=[alt.Tooltip(f"{key}:N") for key in ("part", "of the FLOPs", "N", "shape")],
    )  # fmt: skip
    areas = base.mark_area(opacity=0.9, line={"strokeWidth": 0.6}, clip=True)
    return panel(
        [areas], "Where the FLOPs go", [_ends(sizes), *([setting] if setting else [])], _describe(sizes), width=_WIDTH
    )


def convention_exponents(found: Sequence[ConventionOptimum], law: str, sizes: Sequence[Size] = ()) -> Panel:
    """The exponent of N* against compute that each convention would report around a budget.

    `sizes` are the shapes that were asked: where their depth changes the exponents have steps, which a note explains.
    """
    names = [LABELS[name] for name in dict.fromkeys(one.convention for one in found)]
    rows = [
        {
            "flops": one.flops,
            "exponent": one.exponent,
            "convention": LABELS[one.convention],
            "N*": format_count(one.params),
            "C": format_flops(one.flops),
            "local exponent": f"{one.exponent:.3f}",
        }
        for one in found
        if math.isfinite(one.exponent)
    ]
    budgets = [one.flops for one in found if math.isfinite(one.exponent)]
    x = log_axis((min(budgets), max(budgets)), "Compute C (FLOPs)")
    legend = alt.Legend(symbolType="stroke", symbolSize=300, symbolStrokeWidth=2, labelLimit=260)
    channel: dict[str, Any] = {"sort": names, "title": None, "legend": legend}
    dashes = [_DASHES[i % len(_DASHES)] for i in range(len(names))]
    base = alt.Chart(values(rows)).encode(
        x=alt.X("flops:Q", **x),
        y=alt.Y("exponent:Q", title="Exponent of N* in C", scale=alt.Scale(zero=False, nice=True)),
        color=alt.Color("convention:N", scale=alt.Scale(domain=names, range=COUNTED), **channel),
        strokeDash=alt.StrokeDash("convention:N", scale=alt.Scale(domain=names, range=dashes), **channel),
        tooltip=[alt.Tooltip(f"{key}:N") for key in ("convention", "C", "N*", "local exponent")],
    )
    line = base.mark_line(strokeWidth=2, clip=True)
    notes = [f"One law ({law}), one ladder of shapes: only what is called N and C differs."]
    if len({size.layers for size in _between(sizes, found)}) > 1:
        notes.append("Ripples come from steps in depth along the ladder.")
    described = f"{notes[0]} Budgets {format_flops(min(budgets))} to {format_flops(max(budgets))}."
    return panel([line], "What each way of counting reports", notes, described, width=_WIDTH)


def _between(sizes: Sequence[Size], found: Sequence[ConventionOptimum]) -> list[Size]:
    """The sizes among which the optima of the budgets lie; an exponent looks a decade of compute to either side."""
    optima = [one.params for one in found if math.isfinite(one.params)]
    return [size for size in sizes if min(optima) / _DECADE <= size.params <= max(optima) * _DECADE] if optima else []


def flops_picture(
    sizes: Sequence[Size], found: Sequence[ConventionOptimum], law: str, setting: str
) -> alt.VConcatChart:
    """Both charts as one figure, one above the other; `setting` names vocabulary and context."""
    panels = (flops_shares(sizes, setting), convention_exponents(found, law, sizes))
    return figure([Row((one,)) for one in panels], f"Counting FLOPs: {law}")


def _ends(sizes: Sequence[Size]) -> str:
    """What attention and the MLP take of the smallest and of the largest model."""
    said = []
    for size in (sizes[0], sizes[-1]):
        total, scores = sum(size.parts.values()), size.parts["attention_scores"]
        attention = (scores + size.parts["attention_projections"]) / total
        mlp = size.parts["mlp"] / total
        said.append(f"{format_count(size.params)} parameters: attention {attention:.0%}, MLP {mlp:.0%}")
    return f"{'; '.join(said)}."


def _describe(sizes: Sequence[Size]) -> str:
    """The shares in words, of the smallest and of the largest model."""
    ends = []
    for size in (sizes[0], sizes[-1]):
        total = sum(size.parts.values())
        shares = ", ".join(f"{name} {size.parts[part] / total:.0%}" for part, name in PARTS.items())
        ends.append(f"at {format_count(size.params)} parameters {shares}")
    return f"Shares of a token's training FLOPs: {'; '.join(ends)}."
