"""Panels: a chart with its title and notes, alone or as one of several that make up a figure."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

import altair as alt

from analysis.figures.theme import HEIGHT, WIDTH

_CHARACTER = 5.5
"""Mean width of a character of a note, pixels."""
_LEGEND = 130
"""Room that notes may take above a legend, pixels."""
_BELOW = 26
"""Between two rows of a figure, pixels."""
_TITLE_AT = -14
"""Middle of the title of a figure's part over the top of its plot area, pixels."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart, still without its title, so that it can stand alone or in a figure."""

    chart: alt.LayerChart
    """The plot, its axes and legends."""
    title: str
    """What it shows, in a few words."""
    notes: tuple[str, ...] = ()
    """Sentences for below the title, each true of the data shown."""

    @property
    def width(self) -> float:
        """Width of the plot area, pixels."""
        return float(self.chart.width)

    @property
    def description(self) -> str:
        """The chart in words."""
        return str(self.chart.description)

    def alone(self, name: str = "") -> alt.LayerChart:
        """The chart with its title and notes; `name` says whose it is."""
        self.chart.title = alt.TitleParams(heading(name, self.title), subtitle=wrapped(self.notes, self.width))
        return self.chart

    def as_part(self, title: str = "") -> alt.LayerChart:
        """The chart as a part of a figure that has the notes; `title` is written above its plot area.

        It is a mark, because Vega moves a chart's own title by what its axes need, and titles in a row would not
        line up.
        """
        self.chart.title = alt.Undefined
        if title:
            at = {"x": alt.value(0), "y": alt.value(_TITLE_AT), "text": alt.value(title)}
            written = alt.Chart(alt.InlineData(values=[{}])).mark_text(style="part", align="left").encode(**at)
            self.chart.layer = [*self.chart.layer, written]
        return self.chart


def panel(
    layers: Sequence[alt.Chart | alt.LayerChart],
    title: str,
    notes: Sequence[str],
    description: str,
    *,
    width: float = WIDTH,
    height: float = HEIGHT,
    independent: bool = False,
) -> Panel:
    """Layers as one panel; `independent` gives each layer its own colours, markers, opacities and dashes."""
    made: dict[str, Any] = {"width": width, "height": height, "description": description}
    if independent:  # all at once: each method of a chart copies its data
        made["resolve"] = _apart()
    return Panel(alt.LayerChart(layer=list(layers), **made), title, tuple(notes))


def _apart() -> alt.Resolve:
    """Colours, markers, opacities and dashes of the parts kept apart: Vega-Lite merges their scales otherwise."""
    scales: dict[str, Any] = dict.fromkeys(("color", "shape", "opacity", "strokeDash"), "independent")
    return alt.Resolve(scale=alt.ScaleResolveMap(**scales))


def heading(name: str, title: str) -> str:
    """A title with the name of the sweep or table in front, where there is one."""
    if not name:
        return title
    first = title.partition(" ")[0]
    return f"{name}: {title[:1].lower() + title[1:] if first[1:].islower() else title}"


def wrapped(notes: Sequence[str], width: float) -> list[str]:
    """Notes as lines that fit above a plot area of a width in pixels; short ones share a line."""
    characters = math.floor((width + _LEGEND) / _CHARACTER)
    lines: list[str] = []
    for note in notes:
        if lines and len(lines[-1]) + 1 + len(note) <= characters:
            lines[-1] = f"{lines[-1]} {note}"
        else:
            lines += textwrap.wrap(note, characters)
    return lines


def side_by_side(panels: Sequence[Panel], title: str, name: str = "", spacing: int = 28) -> alt.HConcatChart:
    """Panels of one kind in a row under one title, without titles of their own; a note of several is written once."""
    width = sum(part.width for part in panels) + spacing * (len(panels) - 1)
    notes = list(dict.fromkeys(note for part in panels for note in part.notes))
    row: alt.HConcatChart = alt.hconcat(
        *(part.as_part() for part in panels), spacing=spacing, resolve=_apart()
    ).properties(
        title=alt.TitleParams(heading(name, title), subtitle=wrapped(notes, width)),
        description=" ".join(part.description for part in panels),
    )
    return row


@dataclass(frozen=True, slots=True)
class Row:
    """Panels side by side in a figure."""

    panels: tuple[Panel, ...]
    """From left to right."""
    gap: float = 0.0
    """Between their plot areas, pixels: room for the axes there."""
    indent: float = 0.0
    """Free space on the left, pixels: room for long names there."""

    @property
    def width(self) -> float:
        """From the figure's left edge to the right edge of the last plot area, pixels."""
        return self.indent + sum(part.width for part in self.panels) + self.gap * (len(self.panels) - 1)


def figure(rows: Sequence[Row], title: str) -> alt.VConcatChart:
    """One figure: rows of lettered panels whose plot areas line up, under one title with all notes."""
    letters = iter(ascii_lowercase)
    lettered = [[(next(letters), part) for part in row.panels] for row in rows]
    flat = [pair for row in lettered for pair in row]
    lines = [_line(row, pairs) for row, pairs in zip(rows, lettered, strict=True)]
    made: alt.VConcatChart = alt.vconcat(*lines, spacing=_BELOW, resolve=_apart()).properties(
        title=alt.TitleParams(title, subtitle=_notes(flat, max(row.width for row in rows)), fontSize=15, offset=18),
        description=" ".join(part.description for _, part in flat),
    )
    return made


def _line(row: Row, lettered: Sequence[tuple[str, Panel]]) -> alt.HConcatChart:
    """A row's panels with their letters, after its free space."""
    parts: list[alt.Chart | alt.LayerChart] = [part.as_part(f"({letter}) {part.title}") for letter, part in lettered]
    if row.indent:
        space = alt.Chart(alt.InlineData(values=[])).mark_point().properties(width=row.indent - row.gap, height=1)
        parts.insert(0, space)
    line: alt.HConcatChart = alt.hconcat(*parts, spacing=row.gap, bounds="flush", resolve=_apart())
    return line


def _notes(lettered: Sequence[tuple[str, Panel]], width: float) -> list[str]:
    """The notes of a figure: neighbouring panels with the same ones share a paragraph that names their letters."""
    said: dict[str, list[str]] = {}
    for letter, part in lettered:
        for note in part.notes:
            said.setdefault(note, []).append(letter)
    paragraphs: dict[str, list[str]] = {}
    for note, letters in said.items():
        paragraphs.setdefault(", ".join(letters), []).append(note)
    parts = [f"({letters}) {' '.join(notes)}" for letters, notes in paragraphs.items()]
    return [line for part in parts for line in wrapped([part], width)]
