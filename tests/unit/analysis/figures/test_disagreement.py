"""What each estimator says alone: next to the headline, in the estimators' colours."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.figures.disagreement import disagreement_panel, estimator_disagreement
from analysis.figures.palette import ESTIMATORS
from analysis.law import Law
from analysis.limits import Limits
from analysis.records import LawError
from tests.unit.analysis.figures.specs import legends, marks, notes, rows_of


def test_the_headline_comes_first_and_every_estimator_follows(fitted: Law) -> None:
    spec = estimator_disagreement(fitted, targets=(10.0,)).to_dict()
    order = next(layer["encoding"]["y"]["sort"] for layer in marks(spec) if "y" in layer["encoding"])
    answer = fitted.predict(10 * fitted.largest_budget)
    assert order == ["headline", *(e.estimator.label for e in answer.estimators if e.params is not None)]
    assert all("opacity" not in layer["encoding"] for layer in marks(spec))
    assert notes(spec) == "Shaded: the headline's 95 % interval. Bars: each estimator alone, ± 2 standard errors."
    rows = {row["estimator"]: row for row in rows_of(spec, "point")}
    assert rows["headline"]["params"] == pytest.approx(answer.params)
    assert (rows["headline"]["low"], rows["headline"]["high"]) == (
        answer.params_interval.low,
        answer.params_interval.high,
    )


def test_the_headline_s_interval_is_shaded_at_each_target(fitted: Law) -> None:
    shaded = rows_of(estimator_disagreement(fitted).to_dict(), "rect", "shade")
    expected = [fitted.predict(factor * fitted.largest_budget).params_interval for factor in (1, 10, 100)]
    assert [(row["low"], row["high"]) for row in shaded] == [pytest.approx((i.low, i.high)) for i in expected]


def test_colours_are_the_estimators_and_markers_the_compute(fitted: Law) -> None:
    spec = estimator_disagreement(fitted, name="lab").to_dict()
    assert spec["title"]["text"] == "lab: what each estimator says alone"
    points = next(layer for layer in marks(spec) if layer["mark"]["type"] == "point")
    assert points["encoding"]["color"]["scale"]["domain"] == [name.replace("_", " ") for name in ESTIMATORS]
    assert points["encoding"]["shape"]["scale"]["domain"] == ["3×10¹² (×1)", "3×10¹³ (×10)", "3×10¹⁴ (×100)"]
    assert legends(spec) == {"Compute C (FLOPs)"}


class _Answering:
    """A law that has one answer."""

    largest_budget = 1.0
    limits = Limits(1.0, 1.0, "", "")

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def band(self, flops: list[float]) -> list[object]:
        return [self.answer for _ in flops]


def test_a_hopeless_estimator_hides_no_other(fitted: Law) -> None:
    answer = fitted.predict(fitted.largest_budget)
    hopeless = replace(answer.estimators[0], log_params_se=50.0)
    law = _Answering(replace(answer, estimators=(hopeless, *answer.estimators[1:])))
    spec = estimator_disagreement(law, targets=(1.0,)).to_dict()  # type: ignore[arg-type]
    low, high = next(layer["encoding"]["x"]["scale"]["domain"] for layer in marks(spec) if "x" in layer["encoding"])
    assert high / low < 1e3


def test_size_in_a_figure_and_none_without_a_law(fitted: Law, thin: Law) -> None:
    made = disagreement_panel(fitted, width=300, height=250)
    assert (made.width, made.chart.height) == (300, 250)
    with pytest.raises(LawError):
        estimator_disagreement(thin)
