"""Marks: shapes with holes, labels that differ, error bars that mean something, and one look for a budget."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from analysis.figures.marks import (
    COMPARED,
    LIGHT,
    bar_note,
    budget_encodings,
    budget_labels,
    estimator_encodings,
    has_bar,
    hollow,
    minimum_bar,
    ring,
    size_spread,
    star,
)
from analysis.figures.palette import ESTIMATORS
from analysis.figures.theme import SHAPES
from analysis.law import Law
from analysis.names import EstimatorName
from analysis.records import Curve, Minimum

KNOWN = Minimum(EstimatorName.CUBIC, 1e5, 1e6, 3.0, 0.1, 0.01, log_params_half=0.3, loss_half=0.03)


def test_close_budgets_keep_different_labels() -> None:
    curves = [Curve(flops, (), (), (), ()) for flops in (1.2341e18, 1.2344e18)]
    assert budget_labels(curves) == ["1.2341×10¹⁸ (refused)", "1.2344×10¹⁸ (refused)"]


def test_a_hopeless_minimum_gets_no_bar() -> None:
    assert minimum_bar(KNOWN) == pytest.approx((math.exp(0.3), 0.03)) and has_bar(KNOWN)
    for error in (5.0, 1e6, math.nan, math.inf):
        unknown = replace(KNOWN, log_params_half=error)
        assert minimum_bar(unknown) == (1.0, 0.0) and not has_bar(unknown)


def test_the_note_on_bars_says_only_what_is_there() -> None:
    hopeless = replace(KNOWN, log_params_half=math.inf)
    assert bar_note([]) == bar_note([hopeless]) == ""
    assert bar_note([KNOWN]) == "Bars at minima: 95 % intervals."
    assert bar_note([KNOWN, hopeless]).endswith("(none where N* is not known within a factor of 30).")


def test_a_spread_is_a_factor_of_two_standard_errors_with_a_limit() -> None:
    assert size_spread(0.5) == pytest.approx(math.e)
    assert size_spread(None) == size_spread(math.nan) == 1.0
    assert size_spread(1e9) == pytest.approx(1e6)


@pytest.mark.parametrize("shape", SHAPES)
def test_hollow_shapes_have_two_outlines(shape: str) -> None:
    assert hollow(shape).count("M") == hollow(shape).count("Z") == 2


def test_rings_and_stars_are_closed_paths_of_their_radii() -> None:
    assert ring(1.5, 1).count("Z") == 2 and "A1.5,1.5" in ring(1.5, 1)
    corners = [tuple(map(float, corner.split(","))) for corner in star(5, 2, 1)[1:-1].split("L")]
    assert [round(math.hypot(x, y), 2) for x, y in corners] == [2, 1] * 5
    assert corners[0] == pytest.approx((0, -2))


def test_budgets_keep_colour_and_marker_and_refused_ones_are_hollow(refused: Law) -> None:
    colour, shape = (encoding.to_dict() for encoding in budget_encodings(refused.curves))
    assert colour["scale"]["domain"] == shape["scale"]["domain"] == ["3×10¹¹", "10¹²", "3×10¹² (refused)"]
    assert shape["scale"]["range"] == ["circle", "square", hollow("triangle-up")]
    assert colour["legend"]["title"] == "Budget C (FLOPs)"
    assert all(encoding.to_dict()["legend"] is None for encoding in budget_encodings(refused.curves, legend=False))


def test_of_many_budgets_the_legend_names_some_from_the_first_to_the_last(refused: Law) -> None:
    many = [replace(refused.curves[0], flops=1e11 * 1.2**i) for i in range(40)]
    colour, shape = (encoding.to_dict() for encoding in budget_encodings(many))
    listed, every = colour["legend"]["values"], budget_labels(many)
    assert (len(listed), listed[0], listed[-1]) == (14, every[0], every[-1])
    assert listed == sorted(set(listed), key=every.index) == shape["legend"]["values"]
    assert len(colour["scale"]["domain"]) == 40 and "columns" not in colour["legend"]
    assert "values" not in budget_encodings(many[:28])[0].to_dict()["legend"]


def test_an_estimator_looks_the_same_whoever_else_is_shown() -> None:
    for shown in (["cubic"], ["akima", "cubic", "headline"]):
        colour, shape, opacity = (e.to_dict() for e in estimator_encodings(shown))
        domain = colour["scale"]["domain"]
        assert domain == shape["scale"]["domain"] == opacity["scale"]["domain"]
        assert domain == [name.replace("_", " ") for name in ESTIMATORS]
        assert colour["legend"]["values"] == [name for name in ("headline", "cubic", "akima") if name in shown]
        lightness = dict(zip(domain, opacity["scale"]["range"], strict=True))
        light = [name.replace("_", " ") for name in COMPARED]
        assert len(light) == 3 and all(lightness.pop(name) == LIGHT for name in light)
        assert lightness["cubic"] == lightness["headline"] == 1 and set(lightness.values()) == {1}
        assert opacity["scale"]["type"] == "ordinal", "a point scale would interpolate"
