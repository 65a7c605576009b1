"""Records: intervals hold their ends, and a curve starts empty."""

from __future__ import annotations

import math
from dataclasses import replace

from analysis.names import EstimatorName
from analysis.records import BuildableShape, Curve, Interval, LawError, Minimum, QuestionError


def test_an_interval_holds_its_ends_and_nothing_beyond() -> None:
    interval = Interval(1.0, 2.0)
    assert 1.0 in interval and 2.0 in interval and 1.5 in interval
    assert math.nextafter(1.0, 0.0) not in interval and math.nextafter(2.0, 3.0) not in interval
    nowhere = float("nan")
    assert nowhere not in interval
    assert interval.level == 0.95


def test_a_curve_without_an_answer_is_empty() -> None:
    curve = Curve(1e12, (1e5,), (1e6,), (3.0,), ())
    assert (curve.parabola, curve.cubic, curve.flags, dict(curve.refusals)) == ((), (), (), {})
    assert curve.centre == 1.0 and math.isnan(curve.residual) and curve.seed_sigma is None


def test_a_curve_has_a_minimum_by_a_polynomial() -> None:
    found = {name: Minimum(name, 1e5, 1e6, 3.0, 0.1, 0.1, 0.2, 0.2) for name in EstimatorName}
    bare = Curve(1e12, (1e5,), (1e6,), (3.0,), ())
    minima = {name.value: replace(bare, minima=(one,)).has_minimum for name, one in found.items()}
    assert not bare.has_minimum and not minima["akima"]
    assert minima["parabola"] and minima["cubic"] and minima["parabola_near_minimum"]


def test_errors_of_tables_and_of_questions_are_apart() -> None:
    assert not issubclass(LawError, QuestionError) and not issubclass(QuestionError, LawError)
    assert issubclass(LawError, ValueError) and issubclass(QuestionError, ValueError)


def test_a_shape_says_its_mlps_in_words() -> None:
    shape = BuildableShape(64, 4, 2, 176, 10, 20, 5, 1000, 1e9)
    assert (shape.mlp, replace(shape, experts=8, active=2).mlp) == ("MLP 176", "2 of 8 experts of 176")
