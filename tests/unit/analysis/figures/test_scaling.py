"""Charts against compute: the law's own answers fill the frame, and published laws come on request."""

from __future__ import annotations

from typing import Any

import pytest

from analysis.answers.published import PUBLISHED
from analysis.figures.quantities import QUANTITIES
from analysis.figures.scaling import (
    View,
    compute_grid,
    loss_frontier,
    optimal_params,
    optimal_tokens,
    panels,
    scaling,
    scaling_row,
)
from analysis.law import Law
from tests.unit.analysis.figures.specs import domain, legends, marks, notes, rows_of

EVERY = tuple(PUBLISHED.values())
FILES = ["optimal-params", "optimal-tokens", "loss-frontier"]


@pytest.fixture(scope="module")
def specs(fitted: Law) -> dict[str, dict[str, Any]]:
    return {file: chart.to_dict() for file, chart in panels(fitted, 100, EVERY, "lab").items()}


@pytest.mark.parametrize("file", FILES)
def test_extrapolation_is_another_style_and_starts_at_the_largest_budget(
    fitted: Law, specs: dict[str, dict[str, Any]], file: str
) -> None:
    spec = specs[file]
    inside, beyond = rows_of(spec, "line", "line"), rows_of(spec, "line", "beyond")
    assert max(row["flops"] for row in inside) == pytest.approx(fitted.largest_budget)
    assert min(row["flops"] for row in beyond) == pytest.approx(fitted.largest_budget)
    assert max(row["flops"] for row in beyond) == pytest.approx(100 * fitted.largest_budget)
    bands = rows_of(spec, "area", "band") + rows_of(spec, "area", "band-beyond")
    assert all(row["low"] < row["value"] < row["high"] for row in bands)


def test_without_extrapolation_nothing_is_said_of_it(fitted: Law) -> None:
    spec = optimal_params(fitted, horizon=1).to_dict()
    assert not rows_of(spec, "line", "beyond") and not rows_of(spec, "rule", "guide")
    assert "xtrapolation" not in notes(spec)
    assert "Dashed, right of the dotted rule: extrapolation." in notes(optimal_params(fitted).to_dict())


def test_the_band_is_the_law_s_own_answer(fitted: Law) -> None:
    last = rows_of(optimal_params(fitted, horizon=10).to_dict(), "line", "beyond")[-1]
    answer = fitted.predict(last["flops"])
    assert (last["value"], last["low"], last["high"]) == pytest.approx(
        (answer.params, answer.params_interval.low, answer.params_interval.high)
    )


@pytest.mark.parametrize("draw", [optimal_params, optimal_tokens, loss_frontier])
def test_published_laws_come_on_request_and_leave_the_frame_as_it_is(fitted: Law, draw: Any) -> None:
    plain, asked = draw(fitted).to_dict(), draw(fitted, published=EVERY).to_dict()
    assert not any("published" in row for row in rows_of(plain, "point"))
    assert "ublished" not in notes(plain) and "Published laws" not in legends(plain)
    assert domain(plain, "y") == domain(asked, "y") and domain(plain, "x") == domain(asked, "x")


def test_the_frame_is_filled_by_the_law_s_own_answers(fitted: Law) -> None:
    low, high = domain(optimal_params(fitted).to_dict(), "y")
    answers = fitted.band([fitted.smallest_budget, 100 * fitted.largest_budget])
    smallest, largest = answers[0].params_interval.low, answers[1].params_interval.high
    assert low == pytest.approx(smallest, rel=0.3) and high == pytest.approx(largest, rel=0.3)


def test_drawn_published_laws_are_inside_the_frame_and_the_others_are_named(specs: dict[str, dict[str, Any]]) -> None:
    spec = specs["optimal-tokens"]
    low, high = domain(spec, "y")
    drawn = {row["published"] for row in rows_of(spec, "point") if "published" in row}
    assert "Kaplan et al. 2020" not in drawn and len(drawn) >= 2
    assert "Outside the frame of D*: Kaplan et al. 2020." in notes(spec)
    for source in drawn:
        values = [row["value"] for row in rows_of(spec, "point") if row.get("published") == source]
        assert any(low <= value <= high for value in values)


def test_published_losses_are_said_to_be_of_other_data(fitted: Law, specs: dict[str, dict[str, Any]]) -> None:
    drawn = any("published" in row for row in rows_of(specs["loss-frontier"], "point"))
    assert drawn == ("compare slopes, not heights" in notes(specs["loss-frontier"]))
    assert "Faint points: all runs; the band is of the mean of many" in notes(specs["loss-frontier"])
    assert "Faint points" not in notes(specs["optimal-params"])
    assert len(rows_of(specs["loss-frontier"], "point", "run")) == sum(len(c.params) for c in fitted.curves)


def test_side_by_side_there_is_one_legend_each(fitted: Law) -> None:
    spec = scaling(fitted, published=EVERY, name="lab").to_dict(validate=False)
    assert [legends(part) for part in spec["hconcat"]] == [set(), set(), {"Published laws", "Optimum by"}]
    assert spec["title"]["text"] == "lab: optimal size, tokens and loss against compute"
    assert notes(spec).count("Line and band") == 1


def test_a_row_may_leave_the_legend_of_estimators_to_another_chart(fitted: Law) -> None:
    row = scaling_row(fitted, quantities=QUANTITIES[:2], width=300, height=200, legend=False)
    assert [(part.width, part.chart.height) for part in row] == [(300, 200), (300, 200)]
    assert all(legends(part.chart.to_dict()) == set() for part in row)


def test_without_a_law_the_reason_is_shown_in_the_frame_of_the_runs(thin: Law) -> None:
    view = View.of(thin, 100, ())
    assert view.band == [] and "no law could be fitted" in view.problem
    for quantity in QUANTITIES:
        low, high = view.domain(quantity)
        runs = [value for curve in thin.curves for value in quantity.of_runs(curve)]
        assert low < min(runs) and max(runs) < high
    made = {file: chart.to_dict() for file, chart in panels(thin).items()}
    assert all(notes(spec).startswith("No law could be fitted") for spec in made.values())
    assert len(rows_of(made["loss-frontier"], "point")) == 6


def test_the_grid_of_compute_ends_on_the_largest_budget() -> None:
    within, beyond = compute_grid(1e10, 1e12, 100)
    assert (within[0], within[-1]) == pytest.approx((1e10, 1e12))
    assert (beyond[0], beyond[-1]) == pytest.approx((1e12, 1e14))
    assert compute_grid(1e12, 1e12, 1) == ([1e12], [])


def test_the_chart_in_words_has_the_answers(specs: dict[str, dict[str, Any]]) -> None:
    assert specs["optimal-tokens"]["description"].startswith("Optimal tokens D* against compute: D* = ")
    assert specs["optimal-tokens"]["description"].count("FLOPs") == 3
    assert all(any(True for _ in marks(spec)) for spec in specs.values())
