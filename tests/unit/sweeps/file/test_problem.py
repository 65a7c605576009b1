"""How a mistake reads, and that all of them survive pickling."""

from __future__ import annotations

import pickle

import pytest

from sweeps.file.check import checked
from sweeps.file.problem import Problem, SweepError
from sweeps.file.spec import SweepSpec


def test_all_problems_are_reported_at_once_and_survive_pickling() -> None:
    with pytest.raises(SweepError) as caught:
        checked(SweepSpec(name="A b", budgets=(3e11, 1e11), device="gpu"))
    assert [problem.key for problem in caught.value.problems] == ["name", "budgets", "device"]
    assert caught.value.problems[0].suggestion == "a-b"
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems


def test_problem_reads_as_promised() -> None:
    full = Problem("unknown key", "sizes.cout", "s.yaml", 3, 5, "count")
    assert str(full) == "s.yaml:3:5 sizes.cout: unknown key, did you mean count?"
    assert str(Problem("unknown key", "x", "override 1")) == "override 1: x: unknown key"


def test_parts_of_a_problem_that_are_unknown_are_left_out() -> None:
    assert str(Problem("empty")) == "empty"
    assert str(Problem("empty", file="s.yaml")) == "s.yaml: empty"
    assert str(Problem("empty", key="name", suggestion="x")) == "name: empty, did you mean x?"
    error = SweepError([Problem("a"), Problem("b")])
    assert str(error) == "a\nb" and error.problems == (Problem("a"), Problem("b"))
