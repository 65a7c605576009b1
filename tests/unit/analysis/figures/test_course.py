"""The course of an adaptive sweep as a picture: the plan's line, a mark for each round, and what was asked for."""

from __future__ import annotations

import pytest
import vl_convert

from analysis.figures.course import course_panels
from analysis.suggest.course import Course, CoursePoint
from analysis.suggest.records import Precision
from tests.unit.analysis.figures.specs import rows_of

PLAN = tuple(CoursePoint(spent, Precision(0.4 - spent / 2e13, 0.2 - spent / 3e13)) for spent in (1e12, 2e12, 4e12))
CAME = (CoursePoint(1e12, Precision(0.5, 0.25)), CoursePoint(3e12, Precision(0.2, 0.1)))


def test_plan_and_rounds_are_drawn_in_both_panels() -> None:
    spec = course_panels(Course(5e12, PLAN, CAME, 1.25, None), "lab").to_dict()
    assert spec["title"]["text"] == "lab: how the answer at 5×10¹² FLOPs narrowed"
    sizes, losses = ({**part, "datasets": spec["datasets"]} for part in spec["hconcat"])
    assert [row["width"] for row in rows_of(losses, "point")] == [0.25, 0.1]
    assert [row["width"] for row in rows_of(sizes, "point")] == pytest.approx([0.6487, 0.2214], abs=1e-4)
    assert rows_of(sizes, "rule") == [{"asked": 0.25}]
    assert not any(layer["mark"]["type"] == "rule" for layer in losses["layer"])
    assert "0.1 after 3×10¹²" in spec["description"]
    assert vl_convert.vegalite_to_svg(spec).startswith("<svg")


def test_what_is_known_to_no_factor_stays_in_the_frame() -> None:
    lost = (CoursePoint(1e12, Precision(40.0, 5.0)),)
    spec = course_panels(Course(5e12, (), lost)).to_dict()
    part = {**spec["hconcat"][0], "datasets": spec["datasets"]}
    assert rows_of(part, "point")[0]["width"] == 999.0
