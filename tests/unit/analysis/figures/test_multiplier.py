"""The compute multiplier: the comparison's own numbers over the loss, with a line at 1."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.answers.compare import Comparison
from analysis.figures.multiplier import compute_multiplier, compute_multipliers
from analysis.records import QuestionError
from tests.unit.analysis.figures.specs import domain, notes, rows_of


def test_it_is_the_comparison_s_with_a_line_at_one(comparison: Comparison) -> None:
    spec = compute_multiplier(comparison).to_dict()
    inside, beyond = rows_of(spec, "area", "band"), rows_of(spec, "area", "band-beyond")
    drawn = {row["loss"]: (row["value"], row["low"], row["high"]) for row in inside + beyond}
    assert drawn == {
        point.loss: pytest.approx((point.multiplier, point.interval.low, point.interval.high))
        for point in comparison.points
    }
    assert max(row["loss"] for row in beyond) == min(row["loss"] for row in inside)
    reach = {point.loss: point.extrapolation for point in comparison.points}
    assert all(reach[row["loss"]] <= 1 + 1e-9 for row in inside) and reach[beyond[-1]["loss"]] > 1
    assert [row["even"] for row in rows_of(spec, "rule", "even")] == [1.0]
    start, end = domain(spec, "x")
    assert start > end, "training gets longer to the right"


def test_notes_name_both_and_dashes_only_where_there_are_any(comparison: Comparison) -> None:
    said = notes(compute_multiplier(comparison).to_dict())
    assert said.startswith("Above 1, new reaches the same loss with less compute than old.")
    assert "Dashed: beyond the budgets of at least one of the two." in said
    near = replace(comparison, points=tuple(p for p in comparison.points if p.extrapolation <= 1))
    assert "Dashed" not in notes(compute_multiplier(near).to_dict())


def test_several_are_one_figure_two_in_a_row(comparison: Comparison) -> None:
    assert "vconcat" not in compute_multipliers([comparison]).to_dict()
    spec = compute_multipliers([comparison] * 3).to_dict()
    assert [len(row["hconcat"]) for row in spec["vconcat"]] == [2, 1]
    assert spec["title"]["text"] == "Compute multipliers"
    with pytest.raises(QuestionError, match="no comparison"):
        compute_multipliers([])
