"""The theme: specs carry no colour, and every style and range that they name is in every mode."""

from __future__ import annotations

import json
import re

import pytest

from analysis import figures
from analysis.compare import Comparison
from analysis.figures.forecasts import Forecast
from analysis.figures.palette import PALETTES, Mode
from analysis.figures.theme import COUNTED, theme
from analysis.law import Law
from analysis.published import PUBLISHED
from tests.unit.analysis.figures.specs import marks


def test_every_style_that_a_chart_names_is_in_every_mode(
    fitted: Law, odd: Law, comparison: Comparison, forecasts: tuple[Forecast, ...]
) -> None:
    drawn = [
        figures.everything(fitted, forecasts, published=tuple(PUBLISHED.values())),
        figures.isoflop_curves(odd),
        figures.compute_multiplier(comparison),
    ]
    used = {layer["mark"]["style"] for chart in drawn for layer in marks(chart.to_dict()) if "style" in layer["mark"]}
    assert {"contour", "stop", "even", "star", "published", "part", "shade", "run", "ink", "reached"} <= used
    for mode in PALETTES:
        assert used <= set(theme(mode)["style"])


def test_specs_carry_no_colour(fitted: Law, forecasts: tuple[Forecast, ...]) -> None:
    spec = figures.everything(fitted, forecasts, published=tuple(PUBLISHED.values())).to_dict()
    written = json.dumps({key: value for key, value in spec.items() if key not in ("config", "datasets")})
    assert not re.findall(r"#[0-9A-Fa-f]{6}\b", written)


@pytest.mark.parametrize("mode", ["print", "light", "dark"])
def test_ranges_and_styles_take_the_palette_s_colours(mode: Mode) -> None:
    palette, made = PALETTES[mode], theme(mode)
    assert made["range"]["category"] == list(palette.category)
    assert made["range"][COUNTED] == list(palette.counted)
    for style in ("line", "beyond", "band", "band-beyond", "shade", "interval", "stop", "star"):
        assert made["style"][style]["color"] == palette.headline
    for style in ("published", "published-beyond", "published-mark"):
        assert made["style"][style]["color"] == palette.published
    assert made["style"]["beyond"]["strokeDash"] and "strokeDash" not in made["style"]["line"]
