"""How charts look: one configuration for print, light and dark; specs themselves carry no colour."""

from __future__ import annotations

from typing import Any

from analysis.figures.palette import PALETTES, Mode, Palette

WIDTH, HEIGHT = 460, 320
"""Plot area of a single chart, pixels."""

PANEL_WIDTH = 340
"""Width of one of the plot areas that stand side by side, pixels."""

COUNTED = "diverging"
"""Vega-Lite's name of the range that holds the palette's `counted` colours; nothing of ours diverges."""

_OVERHANG = 16
"""Room for half a tick's label on the right of a page's chart, which Vega does not reserve, pixels."""

SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left")
"""Markers of budgets, in order; they repeat after eight, and colour tells the repeats apart."""

_FONT = "Inter, 'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"


def theme(mode: Mode = "print") -> dict[str, Any]:
    """Vega-Lite configuration of a mode.

    Marks name a style (`line`, `band`, `run` …) or a range (`ordinal` for budgets, `category` for estimators), and
    this function alone gives it the colour that the palette reserves for its meaning: one spec serves paper, light
    and dark.
    """
    palette = PALETTES[mode]
    return {
        "background": palette.paper,
        "font": _FONT,
        "padding": 8 if mode == "print" else {"left": 2, "top": 2, "bottom": 2, "right": _OVERHANG},
        "view": {"stroke": None},
        "axis": _axis(palette),
        "legend": _legend(palette),
        "title": _title(palette),
        "range": {
            "ordinal": {"scheme": "viridis", "extent": list(palette.budgets)},
            "category": list(palette.category),
            COUNTED: list(palette.counted),
        },
        "style": _styles(palette),
    }


def _axis(palette: Palette) -> dict[str, Any]:
    """Quiet lines, titles a little larger than labels."""
    return {
        "domainColor": palette.quiet,
        "tickColor": palette.quiet,
        "gridColor": palette.grid,
        "labelColor": palette.ink,
        "titleColor": palette.ink,
        "labelFontSize": 11,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
    }


def _legend(palette: Palette) -> dict[str, Any]:
    """Symbols as large as in the charts, in ink where a legend is of shapes alone."""
    return {
        "labelColor": palette.ink,
        "titleColor": palette.ink,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "symbolSize": 60,
        "symbolBaseFillColor": palette.ink,
        "symbolBaseStrokeColor": palette.quiet,
        "symbolStrokeWidth": 1.5,
        "rowPadding": 3,
    }


def _title(palette: Palette) -> dict[str, Any]:
    """Title and notes, flush with the plot area's left edge."""
    return {
        "color": palette.ink,
        "subtitleColor": palette.quiet,
        "fontSize": 13,
        "fontWeight": 600,
        "subtitleFontSize": 11,
        "subtitleLineHeight": 15,
        "anchor": "start",
        "frame": "group",
        "offset": 12,
    }


def _styles(palette: Palette) -> dict[str, dict[str, Any]]:
    """Named mark styles; layers refer to them by name."""
    headline, quiet, ink = palette.headline, palette.quiet, palette.ink
    text = {"fontSize": 11}
    return {
        "ink": {"color": ink},
        "guide": {"color": quiet, "strokeDash": [2, 3], "strokeWidth": 1},
        "even": {"color": ink, "strokeWidth": 1},
        "line": {"color": headline, "strokeWidth": 2},
        "beyond": {"color": headline, "strokeWidth": 2, "strokeDash": [6, 4]},
        "band": {"color": headline, "fillOpacity": 0.26},
        "band-beyond": {"color": headline, "fillOpacity": 0.12},
        "shade": {"color": headline, "fillOpacity": 0.09},
        "interval": {"color": headline, "strokeWidth": 3, "strokeOpacity": 0.55},
        "stop": {"color": headline},
        "star": {"color": headline},
        "star-halo": {"color": palette.halo},
        "run": {"color": quiet, "fillOpacity": 0.4},
        "reach": {"color": quiet, "fillOpacity": 0.75},
        "reached": {"color": ink},
        "published": {"color": palette.published, "strokeWidth": 1.2, "strokeOpacity": 0.75},
        "published-beyond": {
            "color": palette.published,
            "strokeWidth": 1.2,
            "strokeDash": [3, 3],
            "strokeOpacity": 0.75,
        },
        "published-mark": {"color": palette.published},
        "isoflop": {"color": quiet, "strokeWidth": 0.8, "strokeDash": [1, 3], "strokeOpacity": 0.8},
        "contour": {"color": quiet, "strokeWidth": 1.1},
        "contour-beyond": {"color": quiet, "strokeWidth": 1.1, "strokeDash": [5, 3], "strokeOpacity": 0.75},
        "name": {"color": ink, **text},
        "part": {"color": ink, "fontSize": 12, "fontWeight": 600},
        "halo": {"color": palette.halo, "stroke": palette.halo, "strokeWidth": 4, "strokeJoin": "round", **text},
    }
