"""The batched solver: every minimum of a batch, and rows that cannot be solved."""

from __future__ import annotations

import numpy as np
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
