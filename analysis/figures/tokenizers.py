"""Why BPE: what a byte of text costs to train on with each tokenizer, and how far a token reaches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from analysis.figures.axes import values
from analysis.figures.flops import PARTS
from analysis.figures.panels import Panel, Row, figure, panel
from analysis.figures.theme import COUNTED
from analysis.wording import format_flops

_ROW_HEIGHT = 30
_COSTS_WIDTH = 380
_REACH_WIDTH = 190
_GAP = 26
_NAMES = 126
"""Room for the tokenizers' names, pixels."""
_HEADROOM = 1.12
"""Length of an axis over the longest bar: room for the number behind it."""


@dataclass(frozen=True)
class TokenizerBar:
    """One tokenizer of the chart."""

    name: str
    """Its name."""
    bytes_per_token: float
    """UTF-8 bytes per token."""
    entries: int
    """Entries of its vocabulary."""
    parts: dict[str, float]
    """Training FLOPs of a byte by the keys of PARTS."""

    @property
    def flops(self) -> float:
        """Training FLOPs of a byte."""
        return sum(self.parts.values())


def tokenizer_costs(bars: Sequence[TokenizerBar], setting: str) -> alt.VConcatChart:
    """FLOPs per byte by part of the model, and bytes per token, a row for each tokenizer; `setting` names the shape."""
    return figure(
        [Row((_costs(bars, setting), _reach(bars)), gap=_GAP, indent=_NAMES)], "Tokenizers: what a byte costs"
    )


def _costs(bars: Sequence[TokenizerBar], setting: str) -> Panel:
    """Stacked FLOPs per byte, with their sum behind each bar."""
    longest = max(bar.flops for bar in bars)
    unit, unit_name = _unit(longest)
    rows = [
        {
            "tokenizer": bar.name,
            "part": name,
            "flops": bar.parts[part] / unit,
            "order": order,
            "FLOPs per byte": format_flops(bar.parts[part]),
            "share": f"{bar.parts[part] / bar.flops:.0%}",
        }
        for bar in bars
        for order, (part, name) in enumerate(reversed(PARTS.items()))
    ]
    names = list(PARTS.values())
    y = _names(bars, labels=True)
    x = alt.X(
        "flops:Q",
        stack="zero",
        title=f"Training FLOPs per byte of text{unit_name}",
        scale=alt.Scale(domain=[0, _HEADROOM * longest / unit], nice=False),
        axis=alt.Axis(tickCount=5, grid=False),
    )
    legend = alt.Legend(symbolType="square", orient="bottom", columns=4, values=names[::-1], offset=14)
    stacks = alt.Chart(values(rows)).mark_bar(height={"band": 0.68}).encode(
        x=x,
        y=y,
        color=alt.Color("part:N", title=None, scale=alt.Scale(domain=names, range=COUNTED), legend=legend),
        order=alt.Order("order:Q"),
        tooltip=[alt.Tooltip(f"{key}:N") for key in ("tokenizer", "part", "FLOPs per byte", "share")],
    )  # fmt: skip
    sums = [{"tokenizer": bar.name, "flops": bar.flops / unit, "text": f"{bar.flops / unit:.2f}"} for bar in bars]
    notes = [
        f"{setting[:1].upper()}{setting[1:]}, and each tokenizer's own vocabulary.",
        "Longer tokens cut the cost of the body, more entries raise that of the head: "
        f"{min(bars, key=lambda bar: bar.flops).name} needs the fewest FLOPs per byte.",
    ]
    said = "; ".join(f"{bar.name} {format_flops(bar.flops)}" for bar in bars)
    layers = [stacks, _numbers(sums, y, "flops")]
    return _panel(layers, "FLOPs per byte", notes, f"Training FLOPs per byte of text: {said}.", len(bars), _COSTS_WIDTH)


def _unit(largest: float) -> tuple[float, str]:
    """A power of a thousand that divides FLOPs so that the largest is at least 1, and what to call it."""
    power = max(0, math.floor(math.log10(largest) / 3))
    names = {0: "", 1: " (thousands)", 2: " (millions)", 3: " (billions)"}
    return 1000.0**power, names.get(power, f" (×{format_flops(1000.0**power)})")


def _reach(bars: Sequence[TokenizerBar]) -> Panel:
    """Bytes per token."""
    longest = max(bar.bytes_per_token for bar in bars) * _HEADROOM * 1.08
    rows = [
        {
            "tokenizer": bar.name,
            "bytes": bar.bytes_per_token,
            "text": f"{bar.bytes_per_token:.2f}",
            "entries": f"{bar.entries:,}",
        }
        for bar in bars
    ]
    y = _names(bars, labels=False)
    x = alt.X("bytes:Q", title="Bytes per token", scale=alt.Scale(domain=[0, longest], nice=False),
              axis=alt.Axis(tickCount=4, grid=False))  # fmt: skip
    marks = alt.Chart(values(rows)).mark_bar(height={"band": 0.68}, style="reach").encode(
        x=x, y=y, tooltip=[alt.Tooltip(f"{key}:N") for key in ("tokenizer", "text", "entries")]
    )  # fmt: skip
    said = "; ".join(f"{bar.name} {bar.bytes_per_token:.2f}" for bar in bars)
    layers = [marks, _numbers(rows, y, "bytes")]
    return _panel(layers, "Bytes per token", [], f"Bytes per token: {said}.", len(bars), _REACH_WIDTH)


def _names(bars: Sequence[TokenizerBar], *, labels: bool) -> alt.Y:
    """A row for each tokenizer, in the order given."""
    axis = alt.Axis(labels=labels, ticks=False, domain=True, grid=False, labelLimit=_NAMES, labelPadding=6)
    return alt.Y("tokenizer:N", sort=[bar.name for bar in bars], title=None, axis=axis)


def _numbers(rows: Sequence[dict[str, Any]], y: alt.Y, field: str) -> alt.Chart:
    """The number behind each bar."""
    made: alt.Chart = alt.Chart(values(list(rows))).mark_text(style="name", align="left", dx=5).encode(
        x=alt.X(f"{field}:Q"), y=y, text=alt.Text("text:N")
    )  # fmt: skip
    return made


def _panel(
    layers: Sequence[alt.Chart], title: str, notes: Sequence[str], description: str, rows: int, width: float
) -> Panel:
    """A panel with a row for each tokenizer."""
    return panel(layers, title, notes, description, width=width, height=_ROW_HEIGHT * rows)
