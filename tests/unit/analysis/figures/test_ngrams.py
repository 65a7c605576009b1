"""The chart of runs and n-grams."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.answers.ngrams import ngram_sentence
from analysis.figures import charts
from analysis.figures.ngrams import ngram_curves
from analysis.law import Law
from analysis.records import LawError
from tests.unit.analysis.figures.specs import notes, rows_of
from tests.unit.analysis.ngram_laws import against, baseline


def test_runs_are_points_and_each_order_is_a_line_over_the_same_axes(fitted: Law) -> None:
    law = against(fitted, 2.5)
    spec = ngram_curves(law, "lab").to_dict()
    assert len(rows_of(spec, "point")) == sum(len(curve.params) for curve in law.curves)
    assert [(row["order"], row["loss"]) for row in rows_of(spec, "line")] == [(1, 3.5), (2, 2.5), (1, 3.5), (2, 2.5)]
    assert spec["title"]["text"] == "lab: runs and n-grams"
    assert ngram_sentence(law) in notes(spec)


def test_names_that_would_cover_each_other_are_left_out(fitted: Law) -> None:
    far, close = against(fitted, 2.5), baseline(2.5)
    near = tuple(replace(score, loss=2.5 + 0.001 * (score.order == 1)) for score in close.scores)
    spec = ngram_curves(replace(fitted, ngrams=replace(close, scores=near))).to_dict()
    assert [row["n-gram"] for row in rows_of(spec, "text")] == ["2-gram"]
    assert [row["n-gram"] for row in rows_of(ngram_curves(far).to_dict(), "text")] == ["2-gram", "1-gram"]


def test_without_n_grams_there_is_no_chart(fitted: Law) -> None:
    with pytest.raises(LawError, match="isoflop ngram SWEEP"):
        ngram_curves(fitted)


def test_it_is_one_of_a_laws_charts(thin: Law) -> None:
    assert "ngrams" in charts(against(thin, 2.5))
