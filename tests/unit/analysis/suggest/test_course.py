"""Points of a course are stored and read back."""

from __future__ import annotations

from analysis.suggest.course import CoursePoint
from analysis.suggest.records import Precision


def test_a_point_is_read_as_it_was_written() -> None:
    point = CoursePoint(1e12, Precision(0.25, 0.08))
    assert CoursePoint.from_dict(point.to_dict()) == point
