"""Where the FLOPs of a token go by size, and the exponent of N* that each way of counting would report."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from analysis.answers.conventions import ConventionOptimum
from analysis.figures.axes import log_axis, titled, values
from analysis.figures.theme import PANEL_WIDTH
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

_WRAP = 72


@dataclass(frozen=True)
class Size:
    """One shape and the FLOPs of a token."""

    params: float
    """N: matmul parameters with the head."""
    parts: dict[str, float]
    """Training FLOPs a token by the keys of PARTS."""
    shape: str
    """Shape in a few characters."""


def flops_shares(sizes: Sequence[Size], setting: str = "") -> alt.LayerChart:
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
    x = log_axis((sizes[0].params, sizes[-1].params), "Parameters N (head included)", format_count)
    base = alt.Chart(values(rows)).encode(
        x=alt.X("params:Q", **x),
        y=alt.Y("share:Q", stack="zero", title="Share of training FLOPs", scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format="%", grid=False)),
        color=alt.Color("part:N", sort=list(PARTS.values()), title=None, legend=alt.Legend(symbolType="square")),
        order=alt.Order("order:Q", sort="descending"),
        tooltip=[alt.Tooltip(f"{key}:N") for key in ("part", "of the FLOPs", "N", "shape")],
    )  # fmt: skip
    areas = base.mark_area(opacity=0.9, line={"strokeWidth": 0.6}, clip=True)
    subtitle = textwrap.wrap(f"{_ends(sizes)} {setting}".strip(), _WRAP)
    return titled([areas], "Where the FLOPs go", subtitle, _describe(sizes), width=PANEL_WIDTH + 60)


def convention_exponents(found: Sequence[ConventionOptimum], law: str) -> alt.LayerChart:
    """The exponent of N* against compute that each convention would report around a budget."""
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
    channel: dict[str, Any] = {"sort": names, "scale": alt.Scale(domain=names), "title": None, "legend": legend}
    base = alt.Chart(values(rows)).encode(
        x=alt.X("flops:Q", **x),
        y=alt.Y("exponent:Q", title="Exponent of N* in C", scale=alt.Scale(zero=False, nice=True)),
        color=alt.Color("convention:N", **channel),
        strokeDash=alt.StrokeDash("convention:N", **channel),
        tooltip=[alt.Tooltip(f"{key}:N") for key in ("convention", "C", "N*", "local exponent")],
    )
    line = base.mark_line(strokeWidth=2, clip=True)
    words = f"One law ({law}), one ladder of shapes: only what is called N and C differs. Ripples are steps in depth."
    subtitle = textwrap.wrap(words, _WRAP)
    return titled(
        [line], "What each way of counting reports", subtitle, f"{words} Budgets {format_flops(min(budgets))} to "
        f"{format_flops(max(budgets))}.", width=PANEL_WIDTH + 60,
    )  # fmt: skip


def flops_picture(
    sizes: Sequence[Size], found: Sequence[ConventionOptimum], law: str, setting: str
) -> alt.VConcatChart:
    """Both charts, one below the other."""
    parts = [flops_shares(sizes, setting), convention_exponents(found, law)]
    stacked: alt.VConcatChart = alt.vconcat(*parts, spacing=28).resolve_scale(
        color="independent", strokeDash="independent"
    )
    return stacked


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
    ends = []
    for size in (sizes[0], sizes[-1]):
        total = sum(size.parts.values())
        shares = ", ".join(f"{name} {size.parts[part] / total:.0%}" for part, name in PARTS.items())
        ends.append(f"at {format_count(size.params)} parameters {shares}")
    return f"Shares of a token's training FLOPs: {'; '.join(ends)}."
