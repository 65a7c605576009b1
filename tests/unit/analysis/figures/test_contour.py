"""The contour chart: contours, frontier, IsoFLOP lines and runs, with notes that are true of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.figures.contour import contour_panel, loss_contour
from analysis.figures.marks import budget_labels
from analysis.law import Law
from analysis.records import LawError
from tests.unit.analysis.figures.specs import legends, marks, notes, rows_of


def test_it_has_the_frontier_the_runs_and_the_isoflop_lines(refused: Law) -> None:
    spec = loss_contour(refused, horizon=100).to_dict()
    frontier = rows_of(spec, "line", "line") + rows_of(spec, "line", "beyond")
    answers = {row["params"]: row["tokens"] for row in frontier}
    top = refused.predict(100 * refused.largest_budget)
    assert answers[max(answers)] == pytest.approx(top.tokens)
    assert sum("budget" in row for row in rows_of(spec, "point")) == sum(len(c.params) for c in refused.curves)
    lines = rows_of(spec, "line", "isoflop")
    for curve in refused.curves:
        drawn = [row for row in lines if row["budget"] == budget_labels([curve])[0].removesuffix(" (refused)")]
        flops = [row["tokens"] * float(refused.cost.flops_per_token(row["params"])) for row in drawn]
        assert flops and flops == pytest.approx([curve.flops] * len(flops))


def test_contours_are_named_and_dashed_beyond_the_runs(fitted: Law) -> None:
    spec = loss_contour(fitted).to_dict()
    assert rows_of(spec, "line", "contour") and rows_of(spec, "line", "contour-beyond")
    named = [row["name"] for row in rows_of(spec, "text", "name") if "tokens_low" not in row]
    assert len(named) >= 4 and len(set(named)) == len(named)


def test_the_optima_are_named_with_the_interval_of_their_size(fitted: Law) -> None:
    bars = rows_of(loss_contour(fitted).to_dict(), "rule", "interval")
    assert [row["name"] for row in bars] == ["", "3×10¹³ (×10)", "3×10¹⁴ (×100)"]
    for row, factor in zip(bars, (1, 10, 100), strict=True):
        answer = fitted.predict(factor * fitted.largest_budget)
        assert (row["low"], row["high"]) == pytest.approx((answer.params_interval.low, answer.params_interval.high))


def test_notes_follow_the_data(fitted: Law) -> None:
    said = notes(loss_contour(fitted).to_dict())
    assert "Contours: the law's loss, every 0.5 nats/token, as far from the frontier as there were runs." in said
    assert "Dashed: extrapolation beyond the largest budget." in said
    near = notes(loss_contour(fitted, horizon=1).to_dict())
    assert "Dashed" not in near
    unitless = notes(loss_contour(replace(fitted, loss_unit="as in the data")).to_dict())
    assert "every 0.5, as far" in unitless


def test_title_axis_and_legend_are_as_in_the_isoflop_chart(fitted: Law) -> None:
    spec = loss_contour(fitted, name="lab").to_dict()
    assert spec["title"]["text"] == "lab: loss over sizes and tokens"
    assert legends(spec) == {"Budget C (FLOPs)"}
    assert legends(contour_panel(fitted, legend=False).chart.to_dict()) == set()
    titles = {str(layer["encoding"]["x"]["axis"]["title"]) for layer in marks(spec) if "x" in layer["encoding"]}
    assert titles == {"['Parameters N (matmul parameters)']"}


def test_without_a_law_there_is_no_chart(thin: Law) -> None:
    with pytest.raises(LawError):
        loss_contour(thin)
