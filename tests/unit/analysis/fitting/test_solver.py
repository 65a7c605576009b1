"""The batched solver: every minimum of a batch, and rows that cannot be solved."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from analysis.fitting.solver import minimise

Floats = NDArray[np.float64]


def test_the_solver_finds_every_minimum_of_a_batch() -> None:
    class Rosenbrock:
        shift = np.array([0.5, 1.0, 2.0])

        def objective(self, theta: Floats, rows: NDArray[np.int64]) -> Floats:
            return (self.shift[rows] - theta[:, 0]) ** 2 + 100 * (theta[:, 1] - theta[:, 0] ** 2) ** 2

        def derivatives(self, theta: Floats, rows: NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
            x, y = theta.T
            gradient = np.stack([-2 * (self.shift[rows] - x) - 400 * x * (y - x * x), 200 * (y - x * x)], axis=1)
            hessian = np.empty((len(x), 2, 2))
            hessian[:, 0, 0] = 2 - 400 * (y - 3 * x * x)
            hessian[:, 0, 1] = hessian[:, 1, 0] = -400 * x
            hessian[:, 1, 1] = 200
            metric = np.broadcast_to(np.diag([400.0, 200.0]), hessian.shape).copy()
            return gradient, hessian, metric

    theta, objective = minimise(Rosenbrock(), np.full((3, 2), -1.5))
    assert np.allclose(theta[:, 0], Rosenbrock.shift, atol=1e-6)
    assert (objective < 1e-12).all()


class Bowls:
    """½ (θ − m)' A (θ − m), one for each row, some of which cannot be solved."""

    def __init__(self, centres: Floats, matrices: Floats) -> None:
        self.centres, self.matrices = centres, matrices
        self.evaluated = 0

    def objective(self, theta: Floats, rows: NDArray[np.int64]) -> Floats:
        off = theta - self.centres[rows]
        return 0.5 * np.einsum("bp,bpq,bq->b", off, self.matrices[rows], off)

    def derivatives(self, theta: Floats, rows: NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
        self.evaluated += len(rows)
        matrix = self.matrices[rows]
        metric = np.einsum("bp,pq->bpq", np.abs(np.einsum("bpp->bp", matrix)), np.eye(2))
        return np.einsum("bpq,bq->bp", matrix, theta - self.centres[rows]), matrix, metric


def test_bowls_of_any_scale_are_solved_in_a_few_steps() -> None:
    centres = np.array([[1.0, -2.0], [1e3, 1e-3], [0.0, 0.0]])
    bowls = Bowls(centres, np.array([np.diag([1.0, 4.0]), np.diag([1e6, 1e-6]), [[2.0, 1.0], [1.0, 2.0]]]))
    theta, objective = minimise(bowls, np.zeros((3, 2)))
    assert theta == pytest.approx(centres, rel=1e-5, abs=1e-6)
    assert objective == pytest.approx(np.zeros(3), abs=1e-9)
    assert bowls.evaluated < 40, "a quadratic takes a few damped steps, not hundreds"


def test_an_upward_start_still_goes_down_and_iterations_are_limited() -> None:
    saddle = Bowls(np.zeros((1, 2)), np.array([np.diag([1.0, -1.0])]))
    start = np.array([[1.0, 0.5]])
    _, objective = minimise(saddle, start, iterations=3)
    assert objective[0] < saddle.objective(start, np.array([0]))[0]
    once = Bowls(np.ones((1, 2)) * 50, np.array([np.diag([1.0, 9.0])]))
    minimise(once, np.zeros((1, 2)), iterations=1)
    assert once.evaluated == 1
    assert minimise(once, np.zeros((1, 2)), iterations=1)[1][0] > minimise(once, np.zeros((1, 2)))[1][0]


def test_a_start_is_left_alone_where_nothing_is_better() -> None:
    flat = Bowls(np.zeros((2, 2)), np.array([np.eye(2), np.full((2, 2), np.nan)]))
    start = np.array([[0.0, 0.0], [1.0, 1.0]])
    theta, _ = minimise(flat, start)
    assert theta[0] == pytest.approx([0, 0]) and theta[1].tolist() == [1.0, 1.0]
    assert start.tolist() == [[0.0, 0.0], [1.0, 1.0]], "the start is not written to"
