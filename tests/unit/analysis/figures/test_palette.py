"""Colours: one for each meaning, readable on their paper, and far enough from one another."""

from __future__ import annotations

from itertools import combinations

import pytest

from analysis.figures.palette import ESTIMATORS, HEADLINE, PALETTES, Mode
from analysis.law import Law

PAPER = {"print": "#ffffff", "light": "#fdfdfc", "dark": "#14171b"}


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours (WCAG 2.2, 1.4.3)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", ["print", "light", "dark"])
def test_text_and_marks_are_readable_on_their_paper(mode: Mode) -> None:
    palette, paper = PALETTES[mode], PAPER[mode]
    assert contrast(palette.ink, paper) >= 4.5 and contrast(palette.quiet, paper) >= 4.5
    for colour in (palette.headline, palette.published, *palette.estimators, *palette.counted):
        assert contrast(colour, paper) >= 3, colour


@pytest.mark.parametrize("mode", ["print", "light", "dark"])
def test_each_meaning_has_a_colour_of_its_own(mode: Mode) -> None:
    palette = PALETTES[mode]
    assert len(palette.category) == len(ESTIMATORS) and palette.category[0] == palette.headline
    colours = [*palette.category, palette.published, palette.ink, palette.quiet]
    assert all(first != second for first, second in combinations(colours, 2))


def test_every_estimator_of_a_law_has_a_colour(fitted: Law) -> None:
    curves = {minimum.estimator for curve in fitted.curves for minimum in curve.minima}
    assert {state.name for state in fitted.estimators} | curves <= set(ESTIMATORS)
    assert ESTIMATORS[0] == HEADLINE and len(set(ESTIMATORS)) == len(ESTIMATORS)
