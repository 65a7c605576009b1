"""The records of rounds: stored and read back, reopened for a larger spend, and as a course."""

from __future__ import annotations

import json

from analysis.suggest.course import CoursePoint
from analysis.suggest.records import Precision
from sweeps.file.spec import AdaptiveSpec, UntilSpec
from sweeps.plan.rounds import Round, Stop, course_of, measure, reopened, undecided

FIRST = Round(("a", "b"), 0.0, expected=Precision(0.3, 0.1), course=(CoursePoint(1e12, Precision(0.3, 0.1)),))
SECOND = Round(("c",), 1e12, Precision(0.25, 0.08), Precision(0.2, 0.05), note="the corpus ends", ahead=("d",))
END = Round((), 2e12, Precision(0.18, 0.04), stop=Stop.REACHED)


def test_a_round_is_read_as_it_was_written() -> None:
    for each in (FIRST, SECOND, END):
        assert Round.from_dict(json.loads(json.dumps(each.to_dict()))) == each
    earlier = {key: value for key, value in FIRST.to_dict().items() if key != "ahead"}
    assert Round.from_dict(earlier) == FIRST, "earlier releases had no runs ahead"


def test_a_sweep_is_undecided_until_its_end_and_when_it_is_reopened() -> None:
    assert not undecided(()) and undecided((FIRST, SECOND)) and not undecided((FIRST, SECOND, END))
    assert reopened((FIRST, SECOND, END)) == (FIRST, SECOND)


def test_the_course_has_what_each_complete_round_showed() -> None:
    adaptive = AdaptiveSpec(ask=1e13, until=UntilSpec(params=1.2), spend=1e13)
    course = course_of((FIRST, SECOND, END), adaptive)
    assert course is not None and course.expected == FIRST.course and course.params_factor == 1.2
    assert [point.spent for point in course.measured] == [1e12, 2e12]
    assert course_of((FIRST,), adaptive) is None and course_of((), AdaptiveSpec()) is None


def test_precisions_in_words() -> None:
    assert measure(Precision(0.2, 0.05)) == "N* to ×1.22, loss ±0.05"
    assert measure(Precision(9.0, 0.5)) == "N* to a factor above 1000, loss ±0.5"
