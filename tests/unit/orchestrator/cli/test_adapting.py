"""Adaptive sweeps on the command line: options become keys of the file, courses and rounds become tables."""

from __future__ import annotations

import pytest
import typer

from analysis.suggest.course import CoursePoint
from analysis.suggest.records import Precision
from orchestrator.cli.adapting import adaptive_of, naming_options, round_rows, show_course, spaced
from orchestrator.use_cases.planning import Planned
from sweeps.file.problem import Problem, SweepError
from sweeps.plan.plan import plan_of_runs
from sweeps.plan.rounds import Round, Stop
from tests.unit.sweeps.plan.adaptive_sweep import adaptive_spec
from tests.unit.sweeps.plans import FACTS

COURSE = tuple(CoursePoint(1e12 * at, Precision(9.0 / at, 0.3 / at)) for at in range(1, 21))


def test_options_are_keys_of_the_file() -> None:
    assert adaptive_of(None, None) == []
    keys = adaptive_of(["params=1.25@1e15", "loss=0.02"], 3e13)
    wanted = [
        "adaptive.until.params=1.25",
        "adaptive.ask=1e+15",
        "adaptive.until.loss=0.02",
        "adaptive.spend=30000000000000",
    ]
    assert keys == wanted
    assert adaptive_of(["params=1.2345678@1.23456789e15"], None)[1] == "adaptive.ask=1.23456789e+15"


@pytest.mark.parametrize(
    "until",
    [["params"], ["size=2@1e15"], ["params=x@1e15"], ["loss=1@y"], ["loss=1@1e9", "params=2@2e9"], ["loss=1"] * 2],
)
def test_what_is_no_precision_is_refused(until: list[str]) -> None:
    with pytest.raises(typer.BadParameter, match="params=FACTOR@FLOPs or loss=HALF-WIDTH@FLOPs"):
        adaptive_of(until, None)


def test_a_problem_names_the_option_that_was_typed() -> None:
    adaptive = adaptive_of(["params=0.5@1e15"], 1e12)
    problems = [Problem("x", file=f"override {number}") for number in (1, 2, 4)] + [Problem("y", file="lab.yaml")]
    with pytest.raises(SweepError) as caught, naming_options(adaptive, 1):
        raise SweepError(problems)
    assert [each.file for each in caught.value.problems] == ["override 1", "--until", "--spend", "lab.yaml"]


def test_a_course_is_shown_from_its_first_to_its_last_point() -> None:
    shown = spaced(COURSE)
    assert len(shown) <= 8 and shown[0] == COURSE[0] and shown[-1] == COURSE[-1]
    assert spaced(COURSE[:2]) == list(COURSE[:2]) and spaced(COURSE[:1]) == list(COURSE[:1]) and spaced(()) == []


def test_rounds_are_rows_with_the_end_last() -> None:
    known = Precision(0.2, 0.05)
    rows = round_rows([Round(("a", "b"), 0.0, ahead=("c",)), Round((), 1e12, known, stop=Stop.SPENT)])
    assert [row["round"] for row in rows] == [1, "end"] and [row["ahead"] for row in rows] == [1, 0]
    assert rows[1]["known"] == "N* to ×1.22, loss ±0.05" and rows[1]["why"] == "spent"


def test_what_a_sweep_is_for_is_said_with_its_course(capsys: pytest.CaptureFixture[str]) -> None:
    spec = adaptive_spec(params=1.25, loss=0.02)
    first = Round((), 0.0, course=COURSE, note="the corpus ends")
    show_course(Planned(plan_of_runs(spec, (), FACTS), FACTS, "cpu", 2, rounds=(first,)))
    told = capsys.readouterr().err
    assert "until N* to ×1.25 and the loss to ±0.02 at 4×10¹² FLOPs, within 1.8×10¹³ FLOPs and 4 rounds" in told
    assert "beyond ×1000" in told and "warning: the corpus ends" in told
