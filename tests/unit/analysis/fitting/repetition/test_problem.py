"""The surface of all runs: its derivatives, and what runs of a cell share."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitting.repetition.problem import PARAMETERS, Problem
from analysis.fitting.repetition.published import Worth
from analysis.fitting.repetition.runs import Path, Runs
from tests.unit.analysis.fitting.repetition.learnt import TABLE, valley
from tests.unit.analysis.repeating import COST

RUNS = Runs.of(TABLE)
WORTH = Worth(np.array([[5.0], [15.0]]), np.array([[3.0], [5.0]]))
THETA = np.array([[2.0, 0.8, -1.9, 0.1, 0.5, -1.1, -1.1, 0.3, -0.2]] * 2)


@pytest.fixture(scope="module")
def problem() -> Problem:
    path = Path.of(RUNS, valley(), COST)
    return Problem.of(RUNS, WORTH, path, valley(), COST, share=2.0, sigma=0.01)


def test_derivatives_are_those_of_the_objective(problem: Problem) -> None:
    rows = np.array([0, 1])
    gradient = problem.derivatives(THETA, rows)[0]
    steps = 1e-5 * np.eye(PARAMETERS + 2)
    numeric = [(problem.objective(THETA + s, rows) - problem.objective(THETA - s, rows)) / 2e-5 for s in steps]
    assert gradient == pytest.approx(np.stack(numeric, axis=1), rel=2e-3, abs=2e-4)


def test_what_a_cell_shares_counts_less(problem: Problem) -> None:
    shared, own = np.ones((1, len(RUNS.loss))), np.where(RUNS.passes < 3, 1.0, -1.0)[None]
    assert problem.whitened(shared) == pytest.approx(shared / 3), "1/√(1 + 2 · 4) of it is left"
    assert problem.whitened(own) == pytest.approx(own), "half of each cell up, half down: all its own"
