"""The n-grams in the IsoFLOP chart: a dotted line along each budget's runs."""

from __future__ import annotations

import pytest

from analysis.figures.baseline import baseline_notes, within
from analysis.figures.isoflop import isoflop_curves
from analysis.law import Law
from tests.unit.analysis.figures.specs import data_of, marks, notes
from tests.unit.analysis.ngram_laws import against


def test_each_run_has_the_best_n_gram_of_its_tokens(fitted: Law) -> None:
    law = against(fitted, fitted.curves[0].losses[0])
    spec = isoflop_curves(law).to_dict()
    (dotted,) = [layer for layer in marks(spec) if layer["mark"].get("strokeDash") == [1, 3]]
    rows = data_of(spec, dotted)
    assert [row["params"] for row in rows] == [n for curve in law.curves for n in sorted(curve.params)]
    assert [row["loss"] for row in rows] == pytest.approx([fitted.curves[0].losses[0]] * len(rows))
    assert "Dotted: the best n-gram of the same tokens." in notes(spec)


def test_a_line_of_which_a_stub_lies_in_the_frame_is_left_out() -> None:
    points = [("a", 1.0), ("a", 2.0), ("b", 0.5), ("b", 0.9), ("b", 1.5), ("c", 3.5), ("c", 3.0)]
    rows = [{"budget": budget, "params": 1.0, "loss": loss} for budget, loss in points]
    assert [row["budget"] for row in within(rows, (1.0, 3.0))] == ["a", "a", "c", "c"]
    assert baseline_notes(rows, (1.0, 3.0)) == ["Dotted: the best n-gram of the same tokens."]
    assert baseline_notes(rows[2:5], (1.0, 3.0)) == ["The best n-grams of the same tokens lie below the frame."]


@pytest.mark.parametrize(("loss", "where"), [(0.1, "below"), (99.0, "above")])
def test_lines_outside_the_frame_are_named_and_leave_it_as_it_is(fitted: Law, loss: float, where: str) -> None:
    spec, bare = isoflop_curves(against(fitted, loss)).to_dict(), isoflop_curves(fitted).to_dict()
    assert f"The best n-grams of the same tokens lie {where} the frame." in notes(spec)
    frames = [next(layer["encoding"]["y"]["scale"] for layer in marks(one)) for one in (spec, bare)]
    assert frames[0] == frames[1]
    assert "n-gram" not in notes(bare)
