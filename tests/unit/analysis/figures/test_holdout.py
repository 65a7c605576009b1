"""The hold-out as a picture: each forecast with its bar, what came by shape and colour, and how many were inside."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import vl_convert

from analysis.evidence import HoldoutRecord
from analysis.figures import picture
from analysis.figures.holdout import holdout_panels, holdout_row
from analysis.law import Law, fit
from analysis.records import Interval, LawError
from tests.unit.analysis.figures.specs import data_of, domain, marks, notes
from tests.unit.analysis.law_tables import table

BUDGETS = (1e18, 3e18, 1e19, 3e19, 1e20)


@pytest.fixture(scope="module")
def held() -> Law:
    """Five budgets: two forecasts from three of them, one from four."""
    return fit(table(budgets=BUDGETS))


def record(
    came: float, loss: float = 2.0, *, trained_to: float = 1e19, factor: float = 3.0, spread: float = 1.5
) -> HoldoutRecord:
    """A forecast of a billion parameters and a loss of 2 ± 0.1."""
    sizes, losses = Interval(1e9 / spread, 1e9 * spread), Interval(1.9, 2.1)
    flops = trained_to * factor
    return HoldoutRecord(
        flops, trained_to, factor, came, 0.0, 1e9, sizes, came in sizes, loss, 0.0, 2.0, losses, loss in losses, ()
    )


def panels_of(law: Law, *records: HoldoutRecord) -> list[dict[str, Any]]:
    """The specs of both panels for these records, or the law's own."""
    spec = holdout_panels(replace(law, holdout=records) if records else law).to_dict()
    return [{**part, "datasets": spec["datasets"]} for part in spec["hconcat"]]


def bars(part: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of the bars of a panel."""
    *_, thin, bar = (layer for layer in marks(part) if layer["mark"]["type"] == "rule")
    assert thin["mark"]["strokeWidth"] < bar["mark"]["strokeWidth"] and thin["encoding"]["y2"]["field"] == "most"
    return data_of(part, bar)


def test_what_is_inside_lies_on_the_thin_bar(held: Law) -> None:
    close = replace(record(1.6e9, 2.15), params_error=0.2, params_covered=True, loss_error=0.1, loss_covered=True)
    far = record(1.6e9, 2.15, trained_to=3e19)
    for part in panels_of(held, close, far):
        inside, outside = bars(part)
        assert (inside["verdict"], outside["verdict"]) == ("inside", "outside")
        assert inside["high"] < inside["reached"] < inside["most"] and inside["least"] < inside["low"]
        assert outside["most"] == pytest.approx(outside["high"]) and outside["reached"] > outside["most"]
    assert "thin: with the error of what came" in notes(holdout_panels(replace(held, holdout=(close,))).to_dict())


def test_every_forecast_of_the_fit_is_drawn_in_both_panels(held: Law) -> None:
    sizes, losses = map(bars, panels_of(held))
    assert len(sizes) == len(losses) == len(held.holdout) == 3
    assert [row["held out"].partition(" ")[0] for row in sizes] == ["3×10¹⁹", "10²⁰", "10²⁰"]
    first = min(held.holdout, key=lambda one: one.extrapolation)
    assert sizes[0]["reached"] == pytest.approx(first.params / first.params_predicted)
    assert losses[0]["reached"] == pytest.approx(first.loss - first.loss_predicted)
    assert losses[0]["low"] == pytest.approx(first.loss_interval.low - first.loss_predicted)
    assert holdout_panels(held, "lab").to_dict()["title"]["text"] == "lab: forecasts of held-out budgets"


def test_hits_and_misses_differ_in_shape_and_colour(held: Law) -> None:
    part = panels_of(held, record(1.2e9), record(2e9, trained_to=3e19))[0]
    hit, miss = (layer for layer in marks(part) if layer["mark"]["type"] == "point")
    assert "'inside'" in hit["transform"][0]["filter"] and "'outside'" in miss["transform"][0]["filter"]
    assert hit["encoding"]["color"]["field"] == "budget" and "color" not in miss["encoding"]
    assert miss["mark"]["style"] == "reached"
    shapes = miss["encoding"]["shape"]["scale"]
    assert shapes["domain"] == ["inside", "outside"] and len(set(shapes["range"])) == 2
    assert [row["verdict"] for row in data_of(part, miss)] == ["inside", "outside"]


def test_the_caption_counts_what_was_inside(held: Law) -> None:
    records = (record(1.2e9), record(2e9), record(1e9, loss=2.5))
    law = replace(held, holdout=records)
    assert "N* came inside its 95 % interval in 2 of 3 forecasts, the loss in 2." in notes(
        holdout_panels(law).to_dict()
    )
    sizes, losses = holdout_row(law)
    assert "2 of 3 forecasts of N* held what came; outside: 3×10¹⁹ FLOPs (×3)" in sizes.description
    assert "came 2.500" in losses.description
    many = holdout_row(replace(held, holdout=(record(5e9),) * 7))[0].description
    assert many.count("came 5 B") == 5 and many.endswith("and 2 more.")
    assert "outside" not in holdout_row(replace(held, holdout=(record(1e9),)))[0].description


def test_budgets_have_their_colour_of_the_isoflop_curves(held: Law) -> None:
    part = panels_of(held, record(1e9), record(1e9, trained_to=3e19))[1]
    colour = next(layer["encoding"]["color"] for layer in marks(part) if "color" in layer["encoding"])
    assert colour["scale"]["domain"] == ["10¹⁸", "3×10¹⁸", "10¹⁹", "3×10¹⁹", "10²⁰"]
    assert colour["legend"]["values"] == ["10¹⁹", "3×10¹⁹"]


def test_the_legend_is_drawn_beside_the_last_panel(held: Law) -> None:
    svg = vl_convert.vegalite_to_svg(holdout_panels(held).to_dict())
    assert svg.count(">Fitted up to (FLOPs)<") == svg.count(">What came vs. interval<") == 1


def test_bars_at_one_factor_stand_apart(held: Law) -> None:
    rows = bars(panels_of(held, *(record(1e9, trained_to=flops) for flops in BUDGETS[:4]))[0])
    places = [row["place"] for row in rows]
    assert all(after / before > 1.004 for before, after in pairwise(places))
    assert math.prod(places) ** 0.25 == pytest.approx(3.0)
    assert [row["held out"].endswith("(×3)") for row in rows] == [True] * 4


def test_the_frame_holds_what_came_but_not_the_longest_bar(held: Law) -> None:
    usual = [record(1.1e9, trained_to=flops) for flops in BUDGETS[:4]]
    part = panels_of(held, *usual, record(3e9, factor=30.0, spread=1e4))[0]
    low, high = domain(part, "y")
    assert 3 < high < 30 and low == pytest.approx(1 / high)
    endless = replace(record(1e9), params_interval=Interval(1.0, math.inf))
    assert domain(panels_of(held, endless)[0], "y")[1] < 1e8
    alone = panels_of(held, record(1.01e9))[0]
    assert domain(alone, "y")[1] > 1.5, "the only bar is shown whole"


def test_without_a_hold_out_the_reason_is_said(fitted: Law, held: Law) -> None:
    with pytest.raises(LawError, match="at least 4 budgets"):
        picture("holdout", fitted)
    assert picture("holdout", held, name="lab").to_dict(validate=False)["hconcat"]
