"""Figures of several charts: one title, shared legends, and no part that the law does not allow."""

from __future__ import annotations

from typing import Any

import pytest

from analysis.answers.published import PUBLISHED
from analysis.figures.compose import everything, overview
from analysis.law import Law, fit
from tests.unit.analysis.figures.specs import legends, marks, notes
from tests.unit.analysis.law_tables import table


def titles(spec: dict[str, Any]) -> list[str]:
    return [layer["encoding"]["text"]["value"] for layer in marks(spec) if layer["mark"].get("style") == "part"]


def titled(spec: Any) -> int:
    """How many titles of their own the parts of a spec have."""
    parts = [part for key in ("vconcat", "hconcat") for part in spec.get(key, [])]
    return sum("title" in part for part in parts) + sum(titled(part) for part in parts)


def test_the_overview_is_one_figure_of_three_parts(fitted: Law) -> None:
    spec = overview(fitted, name="lab").to_dict()
    assert spec["title"]["text"] == "lab: compute-optimal size and tokens" and titled(spec) == 0
    assert titles(spec) == [
        "(a) IsoFLOP curves",
        "(b) Optimal parameters N* against compute",
        "(c) Optimal tokens D* against compute",
    ]
    above, below = spec["vconcat"]
    assert legends(above) == {"Budget C (FLOPs)", "Fit", "Optimum by"} and legends(below) == set()
    left, right = below["hconcat"]
    assert left["width"] + below["spacing"] + right["width"] == above["hconcat"][0]["width"]


def test_everything_is_one_figure_with_each_legend_once(composed: dict[str, Any]) -> None:
    spec = composed
    assert titled(spec) == 0 and spec["title"]["text"] == "lab: the law and its checks"
    assert [title[4:].partition(" against")[0] for title in titles(spec)] == [
        "IsoFLOP curves",
        "Optimal parameters N*",
        "Optimal tokens D*",
        "Loss frontier",
        "Loss over sizes and tokens",
        "What each estimator says alone",
        *["Residuals of the law"] * 3,
        "Forecast record",
    ]
    shown = [legend for row in spec["vconcat"] for part in row["hconcat"] for legend in sorted(legends(part))]
    assert sorted(shown) == sorted(set(shown))
    assert notes(spec).count("Bars at minima") == 1 and "(a, b, c, d) Bars at minima" in notes(spec)


@pytest.mark.slow
def test_a_hold_out_is_part_of_everything() -> None:
    spec = everything(fit(table())).to_dict()
    assert [title[4:] for title in titles(spec)][-2:] == ["Hold-out: N*", "Hold-out: loss"]
    assert "forecasts, the loss in" in notes(spec)


def test_without_a_law_only_the_runs_are_left(thin: Law) -> None:
    for draw in (overview, everything):
        spec = draw(thin).to_dict()
        assert titles(spec) == ["(a) IsoFLOP curves"]
        assert "No law could be fitted" in notes(spec)


@pytest.mark.slow
def test_published_laws_come_on_request(fitted: Law) -> None:
    assert "ublished" not in notes(overview(fitted).to_dict())
    asked = overview(fitted, published=tuple(PUBLISHED.values())).to_dict()
    assert legends(asked["vconcat"][1]) == {"Published laws"}
