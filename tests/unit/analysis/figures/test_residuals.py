"""Residuals: thousandths about the law or the cubics, in the colours that budgets have everywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
import vl_convert

from analysis.figures.isoflop import isoflop_curves, polynomial
from analysis.figures.residuals import residual_panels, residual_row, residuals
from analysis.figures.surface import surface_loss
from analysis.law import Law
from analysis.records import LawError
from tests.unit.analysis.figures.specs import data_of, legends, marks, notes, rows_of


def test_they_are_thousandths_about_the_law_against_each_axis(refused: Law) -> None:
    curve = refused.curves[-1]
    assert not curve.minima
    expected = [
        1000 * (loss - surface_loss(refused, [n], [d])[0])
        for n, d, loss in zip(curve.params, curve.tokens, curve.losses, strict=True)
    ]
    spec = residual_panels(refused).to_dict()
    fields = [
        next(layer["encoding"]["x"]["field"] for layer in marks(p) if "x" in layer["encoding"]) for p in spec["hconcat"]
    ]
    assert fields == ["params", "tokens", "flops"]
    for panel in spec["hconcat"]:
        rows = rows_of(panel | {"datasets": spec["datasets"]}, "point")
        assert len(rows) == sum(len(curve.params) for curve in refused.curves)
        assert [row["residual"] for row in rows if "refused" in row["budget"]] == pytest.approx(expected)


def test_without_a_law_they_are_about_the_cubics_and_budgets_without_one_are_named(refused: Law) -> None:
    first, second, third = refused.curves
    bare = replace(refused, estimators=(), valley=None, curves=(first, second, replace(third, cubic=())))
    spec = residuals(bare).to_dict()
    expected = [
        1000 * (loss - polynomial(first.cubic, n, first.centre))
        for n, loss in zip(first.params, first.losses, strict=True)
    ]
    assert [row["residual"] for row in rows_of(spec, "point")[: len(expected)]] == pytest.approx(expected)
    assert spec["title"]["text"] == "Residuals of the cubics against N"
    assert "Without a cubic, so left out: 3×10¹²." in notes(spec)


def test_a_budget_has_the_colour_of_the_isoflop_chart_even_where_others_are_left_out(refused: Law) -> None:
    first, second, third = refused.curves
    law = replace(refused, estimators=(), valley=None, curves=(replace(first, cubic=()), second, third))
    scales = [
        next(layer["encoding"]["color"]["scale"] for layer in marks(spec) if "color" in layer["encoding"])
        for spec in (residuals(law).to_dict(), isoflop_curves(replace(refused, estimators=())).to_dict())
    ]
    assert scales[0]["domain"] == scales[1]["domain"]


def test_the_noise_is_named_with_its_unit_and_seeds_only_where_there_are_any(fitted: Law) -> None:
    spec = residual_panels(fitted, "lab").to_dict()
    assert spec["title"]["text"] == "lab: residuals of the law"
    assert "Scatter of a budget's runs about its own cubic: 3.5 to 8 (10⁻³)." in notes(spec)
    seeded = replace(fitted, curves=(replace(fitted.curves[0], seed_sigma=0.004), *fitted.curves[1:]))
    assert "; between seeds: 4 (10⁻³)." in notes(residual_panels(seeded).to_dict())
    quiet = replace(fitted, curves=tuple(replace(curve, residual=float("nan")) for curve in fitted.curves))
    assert notes(residuals(quiet).to_dict()) == ""


def test_runs_far_beyond_all_others_are_arrows_at_the_frame(fitted: Law) -> None:
    first, *others = fitted.curves
    losses = (first.losses[0] + 9, *first.losses[1:-1], first.losses[-1] - 1)
    spec = residuals(replace(fitted, curves=(replace(first, losses=losses), *others))).to_dict()
    arrows = [row for layer in marks(spec) if layer["mark"].get("style") == "ink" for row in data_of(spec, layer)]
    low, high = next(layer["encoding"]["y"]["scale"]["domain"] for layer in marks(spec))
    assert [(row["at"], row["turn"]) for row in arrows] == [(high, 0), (low, 180)] and high < 500
    runs = next(layer for layer in marks(spec) if layer["mark"]["type"] == "point" and "color" in layer["encoding"])
    assert len(data_of(spec, runs)) == sum(len(curve.params) for curve in fitted.curves) - 2
    assert "Arrows: 2 runs beyond the frame." in notes(spec)
    assert "Arrow" not in notes(residuals(fitted).to_dict())


def test_only_the_last_panel_has_a_legend_if_any(fitted: Law) -> None:
    assert [legends(part.chart.to_dict()) for part in residual_row(fitted)] == [set(), set(), {"Budget C (FLOPs)"}]
    assert all(legends(part.chart.to_dict()) == set() for part in residual_row(fitted, legend=False))
    assert vl_convert.vegalite_to_svg(residual_panels(fitted).to_dict()).count(">Budget C (FLOPs)<") == 1, "not drawn"
    assert [part.title[-9:] for part in residual_row(fitted)] == ["against N", "against D", "against C"]


def test_with_neither_law_nor_cubic_there_is_no_chart(thin: Law) -> None:
    with pytest.raises(LawError, match="neither a law nor a cubic"):
        residual_panels(thin)
