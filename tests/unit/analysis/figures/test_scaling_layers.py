"""Layers against compute: bands, minima, those of the cubic with bars, and the runs."""

from __future__ import annotations

import math

import pytest

from analysis.figures.optima import Optima
from analysis.figures.quantities import LOSS, PARAMS, TOKENS
from analysis.figures.scaling_layers import band_layers, edge_layer, empty_layer, minimum_layers, run_layer
from analysis.law import Law


def test_a_band_is_an_area_and_a_line_in_the_named_styles(fitted: Law) -> None:
    band = fitted.band([1e12, 1e13])
    area, line = band_layers(band, {}, {}, PARAMS, "line", "band")
    assert (area.mark["style"], line.mark["style"]) == ("band", "line")
    rows = line.data.values
    assert [row["value"] for row in rows] == [answer.params for answer in band]
    assert [row["extrapolation"] for row in rows] == ["×1", "×3.3"]
    assert band_layers([], {}, {}, PARAMS, "line", "band") == []


@pytest.mark.parametrize("quantity", [PARAMS, TOKENS, LOSS])
def test_bars_are_the_intervals_of_the_cubic_s_minima(fitted: Law, quantity: object) -> None:
    optima = Optima.of(fitted)
    bars, _ = minimum_layers(optima, {}, {}, quantity, legend=True)  # type: ignore[arg-type]
    rows = bars.data.values
    assert all(row["low"] == row["high"] for row in rows if row["estimator"] != "cubic")
    for row, curve in zip([row for row in rows if row["estimator"] == "cubic"], fitted.curves, strict=True):
        minimum = next(m for m in curve.minima if m.estimator == "cubic")
        half = row["value"] - row["low"] if quantity is LOSS else math.log(row["value"] / row["low"])
        assert half == pytest.approx(minimum.loss_half if quantity is LOSS else minimum.log_params_half)
        assert row["low"] < row["value"] < row["high"]


def test_the_legend_of_estimators_is_optional(fitted: Law) -> None:
    for legend in (True, False):
        _, points = minimum_layers(Optima.of(fitted), {}, {}, PARAMS, legend=legend)
        assert (points.to_dict(validate=False)["encoding"]["color"]["legend"] is not None) == legend


def test_runs_stand_at_their_budget_and_the_edge_at_the_largest(fitted: Law) -> None:
    rows = run_layer(fitted, {}, {}).data.values
    assert [row["loss"] for row in rows] == [loss for curve in fitted.curves for loss in curve.losses]
    assert {row["flops"] for row in rows} == {curve.flops for curve in fitted.curves}
    assert edge_layer(3e12, {}).data.values == [{"flops": 3e12}]
    assert empty_layer({}, {}).data.values == []
