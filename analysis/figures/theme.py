"""How charts look: one configuration for print, light and dark; specs themselves carry no colour."""

from __future__ import annotations

from typing import Any, Literal

Mode = Literal["print", "light", "dark"]

WIDTH, HEIGHT = 460, 320
"""Plot area of a single chart, pixels."""

PANEL_WIDTH = 340
"""Width of a plot area beside another, pixels."""

_OVERHANG = 16
"""Room for half a tick's label on the right of a page's chart, which Vega does not reserve, pixels."""

SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left")
"""Markers of budgets, in order; they repeat after eight, colour going on."""

_CATEGORY = ("#D55E00", "#00805E", "#B8528A", "#8A6D00", "#6B7280")
_CATEGORY_DARK = ("#FF9E5E", "#2BC79A", "#E79BC5", "#F0E442", "#B4BAC2")
_INK: dict[str, dict[str, str]] = {
    "print": {
        "ink": "#111111",
        "quiet": "#555555",
        "grid": "#e6e6e6",
        "paper": "#ffffff",
        "accent": "#0072B2",
        "halo": "#ffffff",
    },
    "light": {
        "ink": "#1d2228",
        "quiet": "#5b636d",
        "grid": "#e5e8ec",
        "paper": "transparent",
        "accent": "#0072B2",
        "halo": "#fdfdfc",
    },
    "dark": {
        "ink": "#e8eaed",
        "quiet": "#a3abb5",
        "grid": "#30363d",
        "paper": "transparent",
        "accent": "#56B4E9",
        "halo": "#14171b",
    },
}
_FONT = "Inter, 'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"


def theme(mode: Mode = "print") -> dict[str, Any]:
    """Vega-Lite configuration of a mode.

    Budgets are ordered, so they take viridis (its ends cut where they would vanish into the page);
    published laws are not, so they take the palette of Okabe and Ito (2008) without the blue, which is the fit's own,
    darkened until thin lines are readable. Marks name a style (`ink`, `band`,
    `beyond` …) and this function alone says its colour, so one spec serves paper, light and dark.
    """
    ink = _INK[mode]
    axis = {
        "domainColor": ink["quiet"],
        "tickColor": ink["quiet"],
        "gridColor": ink["grid"],
        "labelColor": ink["ink"],
        "titleColor": ink["ink"],
        "labelFontSize": 11,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
    }
    return {
        "background": ink["paper"],
        "font": _FONT,
        "padding": 8 if mode == "print" else {"left": 2, "top": 2, "bottom": 2, "right": _OVERHANG},
        "view": {"stroke": None},
        "axis": axis,
        "legend": {
            "labelColor": ink["ink"],
            "titleColor": ink["ink"],
            "labelFontSize": 11,
            "titleFontSize": 11,
            "titleFontWeight": "normal",
            "symbolSize": 60,
            "symbolStrokeWidth": 1.5,
            "rowPadding": 3,
        },
        "title": {
            "color": ink["ink"],
            "subtitleColor": ink["quiet"],
            "fontSize": 13,
            "fontWeight": 600,
            "subtitleFontSize": 11,
            "anchor": "start",
            "frame": "group",
            "offset": 12,
        },
        "range": {
            "ordinal": {"scheme": "viridis", "extent": [0.28, 1.0] if mode == "dark" else [0.0, 0.86]},
            "category": list(_CATEGORY_DARK if mode == "dark" else _CATEGORY),
        },
        "style": _styles(ink),
    }


def _styles(ink: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Named mark styles; layers refer to them by name."""
    return {
        "ink": {"color": ink["ink"], "strokeWidth": 1},
        "minimum": {"color": ink["ink"]},
        "guide": {"color": ink["quiet"], "strokeDash": [2, 3], "strokeWidth": 1},
        "even": {"color": ink["ink"], "strokeWidth": 1},
        "line": {"color": ink["accent"], "strokeWidth": 2},
        "beyond": {"color": ink["accent"], "strokeWidth": 2, "strokeDash": [6, 4]},
        "band": {"color": ink["accent"], "fillOpacity": 0.28},
        "band-beyond": {"color": ink["accent"], "fillOpacity": 0.12},
        "faint": {"color": ink["quiet"], "fillOpacity": 0.4},
        "isoflop": {"color": ink["quiet"], "strokeWidth": 0.8, "strokeDash": [1, 3], "strokeOpacity": 0.8},
        "contour": {"color": ink["quiet"], "strokeWidth": 1.1},
        "contour-beyond": {"color": ink["quiet"], "strokeWidth": 1.1, "strokeDash": [5, 3], "strokeOpacity": 0.75},
        "interval": {"color": ink["accent"], "strokeWidth": 3, "strokeOpacity": 0.55},
        "stop": {"color": ink["accent"]},
        "name": {"color": ink["ink"], "fontSize": 11},
        "halo": {"color": ink["halo"], "stroke": ink["halo"], "strokeWidth": 4, "strokeJoin": "round", "fontSize": 11},
    }
