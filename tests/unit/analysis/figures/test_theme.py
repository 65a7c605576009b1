"""The theme: specs carry no colour, and every style and range that they name is in every mode."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from analysis.answers.compare import Comparison
from analysis.figures.isoflop import isoflop_curves
from analysis.figures.multiplier import compute_multiplier
from analysis.figures.palette import PALETTES, Mode
from analysis.figures.theme import COUNTED, theme
from analysis.law import Law
from tests.unit.analysis.figures.specs import marks


def test_every_style_that_a_chart_names_is_in_every_mode(
    composed: dict[str, Any], odd: Law, comparison: Comparison
) -> None:
    drawn = [composed, isoflop_curves(odd).to_dict(), compute_multiplier(comparison).to_dict()]
    used = {layer["mark"]["style"] for spec in drawn for layer in marks(spec) if "style" in layer["mark"]}
    assert {"contour", "stop", "even", "star", "published", "part", "shade", "run", "ink", "reached"} <= used
    for mode in PALETTES:
        assert used <= set(theme(mode)["style"])


def test_specs_carry_no_colour(composed: dict[str, Any]) -> None:
    written = json.dumps({key: value for key, value in composed.items() if key not in ("config", "datasets")})
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
