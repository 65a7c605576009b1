"""The charts of a law by name: what the command line offers, and what each law allows."""

from __future__ import annotations

from typing import Any

import pytest

from analysis import figures
from analysis.figures.forecasts import Forecast
from analysis.law import Law
from analysis.published import PUBLISHED
from analysis.records import LawError, QuestionError
from orchestrator.cli.answers import Picture
from tests.unit.analysis.figures.specs import rows_of


def test_pictures_are_what_the_command_line_offers(fitted: Law, forecasts: tuple[Forecast, ...]) -> None:
    assert tuple(Picture) == figures.PICTURES
    for chart in figures.PICTURES:
        spec = figures.picture(chart, fitted, forecasts, name="lab").to_dict(validate=False)
        assert spec["title"]["text"].startswith("lab: "), chart


def test_a_picture_that_cannot_be_is_refused(fitted: Law, thin: Law) -> None:
    with pytest.raises(QuestionError, match="no chart 'pie'"):
        figures.picture("pie", fitted)
    with pytest.raises(QuestionError, match="no forecast"):
        figures.picture("forecasts", fitted)
    with pytest.raises(LawError):
        figures.picture("contour", thin)


def test_published_laws_are_passed_on_to_the_charts_against_compute(fitted: Law, composed: dict[str, Any]) -> None:
    every = tuple(PUBLISHED.values())
    for chart in ("overview", "scaling"):
        plain, asked = (figures.picture(chart, fitted, published=laws).to_dict(validate=False) for laws in ((), every))
        assert not any("published" in row for row in rows_of(plain, "point"))
        assert any("published" in row for row in rows_of(asked, "point"))
    assert any("published" in row for row in rows_of(composed, "point"))


def test_charts_are_those_that_the_law_allows(fitted: Law, thin: Law) -> None:
    against = {"optimal-params", "optimal-tokens", "loss-frontier"}
    assert set(figures.charts(thin)) == {"isoflop", *against}
    made = figures.charts(fitted, name="lab")
    assert set(made) == {"isoflop", *against, "contour", "residuals", "estimators"}
    assert all(chart.to_dict(validate=False)["title"]["text"].startswith("lab: ") for chart in made.values())


def test_every_public_name_is_there() -> None:
    assert all(hasattr(figures, name) for name in figures.__all__)
