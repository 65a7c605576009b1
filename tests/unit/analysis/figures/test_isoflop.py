"""The IsoFLOP chart: every run, fit and optimum, what N counts, and notes that are true of the sweep."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.figures.isoflop import describe_curves, isoflop_curves, isoflop_panel, polynomial, run_rows, size_title
from analysis.figures.marks import LIGHT, hollow
from analysis.figures.optima import Optima
from analysis.law import Law
from analysis.names import EstimatorName
from analysis.refusals import NoCubicMinimum, OutermostSize
from tests.unit.analysis.figures.specs import data_of, domain, legends, marks, notes, rows_of


def test_it_shows_every_run_fit_and_optimum(fitted: Law) -> None:
    spec = isoflop_curves(fitted).to_dict()
    points = rows_of(spec, "point")
    runs = [row for row in points if "Loss" in row]
    assert len(runs) == sum(len(curve.params) for curve in fitted.curves)
    assert {row["budget"] for row in runs} == {"3×10¹¹", "10¹²", "3×10¹²"}
    (marked,) = (layer for layer in marks(spec) if "opacity" in layer["encoding"] and layer["mark"]["type"] == "point")
    optima = data_of(spec, marked)
    assert sum(row["estimator"] != "headline" for row in optima) == sum(len(curve.minima) for curve in fitted.curves)
    assert {row["fit"] for row in rows_of(spec, "line")} == {"cubic", "parabola"}
    assert legends(spec) == {"Budget C (FLOPs)", "Fit", "Optimum by"}


def test_the_headline_is_a_star_at_its_own_optimum_of_each_budget(fitted: Law) -> None:
    spec = isoflop_curves(fitted).to_dict()
    (stars,) = (layer for layer in marks(spec) if layer["mark"].get("style") == "star")
    rows = [row for row in data_of(spec, stars) if row["estimator"] == "headline"]
    assert [row["params"] for row in rows] == pytest.approx([fitted.predict(c.flops).params for c in fitted.curves])
    assert stars["transform"] == [{"filter": "datum.estimator == 'headline'"}]


def test_the_parabola_is_lighter(fitted: Law) -> None:
    spec = isoflop_curves(fitted).to_dict()
    scale = next(layer for layer in marks(spec) if layer["mark"]["type"] == "line")["encoding"]["opacity"]["scale"]
    assert dict(zip(scale["domain"], scale["range"], strict=True)) == {"cubic": 1, "parabola": LIGHT}
    assert "Lighter: parabola and akima, for comparison." in notes(spec)


def test_the_title_names_the_sweep_and_the_axis_says_what_n_counts(fitted: Law) -> None:
    spec = isoflop_curves(fitted, "lab").to_dict()
    assert spec["title"]["text"] == "lab: IsoFLOP curves"
    x = next(layer["encoding"]["x"] for layer in marks(spec) if "x" in layer["encoding"])
    assert x["axis"]["title"] == ["Parameters N (matmul parameters)"]


@pytest.mark.parametrize(
    ("convention", "title"),
    [
        ("N: all of them, head included; C = 6 N D", ["Parameters N (all of them, head included)"]),
        ("as in the data", ["Parameters N (as in the data)"]),
        ("as in wandb a/b: N is n, C is c", ["Parameters N (as in wandb a/b: N is n, C is c)"]),
        ("", ["Parameters N"]),
    ],
)
def test_a_convention_becomes_the_title_of_its_axis(convention: str, title: list[str]) -> None:
    assert size_title(convention) == title


def test_a_long_convention_is_broken_into_lines() -> None:
    lines = size_title("N: " + "word " * 30, line=40)
    assert len(lines) > 3 and max(map(len, lines)) <= 40


def test_the_drawn_cubic_passes_through_its_minimum(fitted: Law) -> None:
    for curve in fitted.curves:
        found = next(minimum for minimum in curve.minima if minimum.estimator == "cubic")
        assert polynomial(curve.cubic, found.params, curve.centre) == pytest.approx(found.loss, abs=1e-6)
        sides = [polynomial(curve.cubic, found.params * f, curve.centre) for f in (0.95, 1.05)]
        assert min(sides) > found.loss


def test_a_refused_budget_is_labelled_hollow_and_has_no_line(refused: Law) -> None:
    spec = isoflop_curves(refused).to_dict()
    label = "3×10¹² (refused)"
    assert any(row["budget"] == label for row in rows_of(spec, "point"))
    assert all(row["budget"] != label for row in rows_of(spec, "line"))
    runs = next(layer for layer in marks(spec) if layer["mark"]["type"] == "point")
    scale = runs["encoding"]["shape"]["scale"]
    shape = dict(zip(scale["domain"], scale["range"], strict=True))
    assert (shape[label], shape["3×10¹¹"]) == (hollow("triangle-up"), "circle")
    assert "Refused (hollow): 3×10¹² (minimum at the edge of the sizes; curvature not established)." in notes(spec)
    assert "refused" not in notes(isoflop_curves(replace(refused, curves=refused.curves[:2])).to_dict()).lower()


def test_estimators_that_refused_are_named_together_where_reason_and_budgets_agree(fitted: Law) -> None:
    edge, flat = OutermostSize(), NoCubicMinimum()
    first = replace(fitted.curves[0], refusals={EstimatorName.AKIMA: edge, EstimatorName.PARABOLA: edge})
    second = replace(fitted.curves[1], refusals={EstimatorName.CUBIC: flat})
    spec = isoflop_curves(replace(fitted, curves=(first, second, fitted.curves[2]))).to_dict()
    said = "No minimum by akima and parabola at 3×10¹¹ (minimum at the edge of the sizes); by cubic at 10¹² (curvature"
    assert said in notes(spec)


def test_without_a_law_there_is_no_headline_and_the_reason_is_given(thin: Law) -> None:
    spec = isoflop_curves(thin).to_dict()
    assert notes(spec).startswith("No law could be fitted: a surface of seven parameters needs at least 12 runs")
    assert len(rows_of(spec, "point")) == 6 and not rows_of(spec, "line")
    assert legends(spec) == {"Budget C (FLOPs)"}


def test_runs_far_above_the_rest_leave_the_frame_with_an_arrow(odd: Law, fitted: Law) -> None:
    spec = isoflop_curves(odd).to_dict()
    top = domain(spec, "y")[1]
    assert max(loss for curve in fitted.curves for loss in curve.losses) < top < 30
    (layer,) = (layer for layer in marks(spec) if layer["mark"].get("yOffset"))
    assert [(row["Loss"], row["loss"]) for row in data_of(spec, layer)] == [("30.000", top)]
    assert "Arrow at the top: 1 run above the frame." in notes(spec)
    assert "Arrow" not in notes(isoflop_curves(fitted).to_dict())


def test_a_wide_panel_has_the_size_that_was_asked_for(fitted: Law) -> None:
    made = isoflop_panel(fitted, width=800, height=200)
    assert (made.width, made.chart.height) == (800, 200)


def test_the_chart_in_words_has_every_budget(fitted: Law, refused: Law) -> None:
    said = describe_curves(Optima.of(fitted))
    assert said.count("headline's optimum at") == 3 and "10¹² FLOPs: 7 runs, smallest loss" in said
    assert "no minimum (minimum at the edge of the sizes" in describe_curves(Optima.of(refused))


def test_rows_of_runs_are_the_law_s_own(fitted: Law) -> None:
    rows = list(run_rows(fitted.curves))
    assert [row["loss"] for row in rows] == [loss for curve in fitted.curves for loss in curve.losses]
    assert rows[0]["budget"] == "3×10¹¹" and rows[0]["N"].endswith("k")
