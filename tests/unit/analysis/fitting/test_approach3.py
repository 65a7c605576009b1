"""Approach 3: exact derivatives, and bootstraps no worse than scipy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from analysis.fitting.approach3 import HuberLog, bootstrap_approach3, fit_approach3, reweigh_approach3
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import grid, hoffmann

Floats = NDArray[np.float64]


def table(losses: Floats, flops: Floats, params: Floats, tokens: Floats) -> RunTable:
    return RunTable.from_frame(pd.DataFrame({"flops": flops, "params": params, "tokens": tokens, "loss": losses}))


def test_huber_derivatives_are_exact() -> None:
    generator = np.random.default_rng(1)
    x, y, z = generator.normal(0, 1.5, (3, 30))
    theta = np.array([[-0.9, -0.6, 0.4, 0.3, 0.4], [-0.5, -1.0, 0.6, 0.5, 0.2]])
    problem = HuberLog(x, y, 0.7 + 0.2 * z, generator.uniform(0.5, 2, (2, 30)), 0.15)
    rows = np.arange(2)
    gradient, hessian, metric = problem.derivatives(theta, rows)
    for j in range(5):
        step = np.zeros(5)
        step[j] = 1e-6
        slope = (problem.objective(theta + step, rows) - problem.objective(theta - step, rows)) / 2e-6
        assert np.allclose(gradient[:, j], slope, rtol=1e-6, atol=1e-8)
        bend = (problem.derivatives(theta + step, rows)[0] - problem.derivatives(theta - step, rows)[0]) / 2e-6
        assert np.allclose(hessian[:, j], bend, rtol=1e-4, atol=1e-5)
    assert (np.linalg.eigvalsh(metric) > 0).all()


def test_bootstraps_are_no_worse_than_scipy() -> None:
    flops, params, tokens = grid()
    losses = hoffmann(params, tokens) * np.exp(np.random.default_rng(4).normal(0, 0.004, len(params)))
    runs = table(losses, flops, params, tokens)
    generator = np.random.default_rng(5)
    weights = generator.multinomial(len(runs), np.full(len(runs), 1 / len(runs)), 12).astype(float)
    ours = reweigh_approach3(runs, weights)
    x, y, z = np.log(runs.params), np.log(runs.tokens), np.log(runs.loss)
    for row in range(12):

        def objective(theta: Floats, w: Floats = weights[row]) -> float:
            a, b, e, alpha, beta = theta
            terms = np.logaddexp(np.logaddexp(a - alpha * x, b - beta * y), e)
            size = np.abs(z - terms)
            return float((w * np.where(size <= 1e-3, size**2 / 2, 1e-3 * (size - 5e-4))).sum())

        e, a, b, alpha, beta = ours.parameters[row]
        start = [np.log(a), np.log(b), np.log(e), alpha, beta]
        assert objective(np.array(start)) == pytest.approx(ours.objectives[row], rel=1e-9)
        scipy = minimize(objective, np.array(start) * 1.01, method="Nelder-Mead", options={"maxfev": 4000})
        assert ours.objectives[row] <= scipy.fun * (1 + 1e-9)


def test_bootstraps_repeat_with_their_seed_and_centre_on_the_fit() -> None:
    flops, params, tokens = grid()
    losses = hoffmann(params, tokens) * np.exp(np.random.default_rng(6).normal(0, 0.002, len(params)))
    runs = table(losses, flops, params, tokens)
    first, again = bootstrap_approach3(runs, 60, seed=7), bootstrap_approach3(runs, 60, seed=7)
    assert np.array_equal(first.parameters, again.parameters)
    low, high = np.percentile(first.exponents, [2.5, 97.5])
    assert low < fit_approach3(runs).exponents[0] < high
    assert low < 0.28 / 0.62 < high
