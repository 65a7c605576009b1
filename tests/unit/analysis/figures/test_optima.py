"""The optima of a law: the headline's are its own answers; of the estimators only the cubic has bars."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.figures.marks import COMPARED
from analysis.figures.optima import Optima, optimum_layers
from analysis.law import Law


def test_the_headline_answers_at_every_budget(fitted: Law) -> None:
    optima = Optima.of(fitted)
    assert [answer.flops for answer in optima.headline] == [curve.flops for curve in fitted.curves]
    for answer in optima.headline:
        assert answer.params == pytest.approx(fitted.predict(answer.flops).params)
    assert optima.problem == ""


def test_minima_for_comparison_come_first_and_have_no_bars(fitted: Law) -> None:
    optima = Optima.of(fitted)
    behind = [minimum.estimator in COMPARED for _, minimum in optima.minima]
    assert behind == sorted(behind, reverse=True) and len(behind) == 9
    assert {minimum.estimator for minimum in optima.barred()} == {"cubic"}


def test_notes_name_only_what_is_drawn(fitted: Law, refused: Law, thin: Law) -> None:
    assert Optima.of(fitted).notes() == [
        "Bars at minima: 95 % intervals.",
        "Lighter: parabola and akima, for comparison.",
    ]
    assert Optima.of(refused).notes() == Optima.of(fitted).notes()
    bare = tuple(replace(c, minima=tuple(m for m in c.minima if m.estimator == "cubic")) for c in fitted.curves)
    assert replace(Optima.of(fitted), curves=bare).notes() == ["Bars at minima: 95 % intervals."]
    nothing = Optima.of(thin)
    assert nothing.notes() == [] and nothing.headline == () and "no law could be fitted" in nothing.problem


def test_layers_show_the_headline_with_its_interval_on_top(fitted: Law) -> None:
    optima = Optima.of(fitted)
    layers = optimum_layers(optima, {"x": {}, "y": {}})
    rows = layers[0].data.values
    stars = [row for row in rows if row["estimator"] == "headline"]
    assert rows[-len(stars) :] == stars and len(stars) == 3
    for row, answer in zip(stars, optima.headline, strict=True):
        assert (row["params_low"], row["params_high"]) == (answer.params_interval.low, answer.params_interval.high)
        assert (row["loss_low"], row["loss_high"]) == (answer.loss_interval.low, answer.loss_interval.high)
    curves = tuple(
        replace(curve, minima=tuple(replace(m, loss_se=9, loss_half=9) for m in curve.minima))
        for curve in optima.curves
    )
    wide = optimum_layers(replace(optima, curves=curves), {"x": {}, "y": {}})[0].data.values
    assert min(row["loss_low"] for row in wide) == 0, "no bar reaches below a loss of zero"
    lighter = [row for row in rows if row["estimator"] in ("parabola", "akima")]
    assert lighter and all(row["params_low"] == row["params_high"] for row in lighter)
    cubic = [row for row in rows if row["estimator"] == "cubic"]
    assert all(row["params_low"] < row["params"] < row["params_high"] for row in cubic)
