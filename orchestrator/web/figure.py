"""A chart as the templates draw it: its panels as Vega-Lite specs, its title, and the notes of its caption."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from analysis.figures import Chart, caption, page_specs

SHARED_KEY = "Budgets have their colours of the IsoFLOP curves."
"""Note under a chart of several panels, none of which has a legend."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot of a figure."""

    id: str
    """Name of its element on the page, unique there."""
    spec: Mapping[str, Any]
    """Vega-Lite specification, as wide as its container and without a title."""
    alt: str
    """What it shows, for a reader who does not see it."""
    source: str = ""
    """Address that has the specification; empty if it is part of the page."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with its caption."""

    name: str
    """Name of the chart, unique on the page."""
    title: str
    """Title, without a full stop."""
    notes: tuple[str, ...]
    """Sentences of the caption."""
    panels: tuple[Panel, ...] = ()
    """Its plots, left to right; none if the chart could not be made, which the notes explain."""
    alt: str = ""
    """What the whole chart shows, for a reader who does not see it."""


def figure(chart: Chart, name: str) -> Figure:
    """An Altair chart as a figure of this name."""
    made = chart.to_dict(validate=False)
    title, notes = caption(made)
    panels = tuple(
        Panel(f"{name}-{number}" if number > 1 else name, spec, spec.get("description", title))
        for number, spec in enumerate(page_specs(made), start=1)
    )
    shared = (SHARED_KEY,) if len(panels) > 1 else ()
    return Figure(name, title, (*notes, *shared), panels, made.get("description", title))


def fetched(made: Figure, address: Callable[[str], str]) -> Figure:
    """A figure whose plots are loaded, each from the `address` of its id."""
    return replace(made, panels=tuple(replace(p, spec={}, source=address(p.id)) for p in made.panels))
