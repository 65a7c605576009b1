"""Surfaces: analytic Jacobians, recovery of known forms, optima, and the exactness of the batched solver."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.optimize import least_squares, minimize

from analysis.fitting import surface
from analysis.fitting.approach3 import HuberLog, bootstrap_approach3, fit_approach3, reweigh_approach3
from analysis.fitting.cost import TokenCost
from analysis.fitting.forms import FORMS, JOINT_SKEW, Design
from analysis.fitting.solver import minimise
from analysis.fitting.surface import Origin
from analysis.table.table import RunTable

Floats = NDArray[np.float64]
K = 6.0


def grid(budgets: Floats | None = None, span: float = 4.0, sizes: int = 7) -> tuple[Floats, Floats, Floats]:
    """FLOPs, parameters, tokens of a grid centred on 20 tokens a parameter."""
    budgets = np.geomspace(1e18, 1e20, 5) if budgets is None else budgets
    flops = np.repeat(budgets, sizes)
    params = np.sqrt(flops / K / 20) * np.tile(np.geomspace(1 / span, span, sizes), len(budgets))
    return flops, params, flops / K / params


def hoffmann(params: Floats, tokens: Floats) -> Floats:
    """Hoffmann et al. 2022, equation 10."""
    return 1.69 + 406.4 / params**0.34 + 410.7 / tokens**0.28


def table(losses: Floats, flops: Floats, params: Floats, tokens: Floats) -> RunTable:
    return RunTable.from_frame(pd.DataFrame({"flops": flops, "params": params, "tokens": tokens, "loss": losses}))


@pytest.mark.parametrize("name", ["additive", "skaling", "joint_skew", "joint_skew_bent"])
def test_jacobians_are_the_derivatives_of_the_values(name: str) -> None:
    form = FORMS[name]
    generator = np.random.default_rng(0)
    at = Design(*generator.normal(0, 1.5, (3, 9)))
    theta = generator.normal(-0.5, 0.4, (4, len(form.symbols)))
    value, jacobian = form.jacobian(theta, at)
    assert np.allclose(value, form.value(theta, at))
    for j in range(theta.shape[1]):
        step = np.zeros(theta.shape[1])
        step[j] = 1e-6
        slope = (form.value(theta + step, at) - form.value(theta - step, at)) / 2e-6
        assert np.allclose(jacobian[..., j], slope, rtol=1e-6, atol=1e-8)


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


def test_least_squares_recovers_each_form_from_noise_free_runs() -> None:
    flops, params, tokens = grid()
    origin = Origin.of(params, tokens, flops)
    design = origin.design(params, tokens, flops)
    fits = surface.fit_all(design, origin, hoffmann(params, tokens), 1e-7)
    found = surface.natural_parameters(fits["additive"])
    truth = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
    assert found == pytest.approx(truth, rel=1e-3)
    assert surface.natural_parameters(fits["skaling"])["gamma"] == pytest.approx(1, rel=1e-2)
    skew = surface.natural_parameters(fits["joint_skew"])
    assert (skew["p"], skew["q"]) == pytest.approx((0.34, 0.28), rel=1e-2)
    assert skew["a"] == pytest.approx(0.28 / 0.62, rel=1e-3)


def test_the_joint_skew_form_contains_the_additive_one() -> None:
    flops, params, tokens = grid()
    origin = Origin.of(params, tokens, flops)
    design = origin.design(params, tokens, flops)
    losses = hoffmann(params, tokens)
    additive = surface.fit_all(design, origin, losses, 1e-7)["additive"].theta
    start = surface.joint_skew_starts(additive, design, losses)[0]
    assert np.allclose(JOINT_SKEW.value(start[None], design)[0], losses, atol=1e-4)


@pytest.mark.parametrize("cost", [TokenCost.constant(K), TokenCost.from_nodes([1e7, 1e9, 1e11], [9e7, 6.8e9, 6.1e11])])
def test_the_optimum_is_the_lowest_loss_on_its_budget(cost: TokenCost) -> None:
    flops, params, tokens = grid()
    origin = Origin.of(params, tokens, flops)
    losses = hoffmann(params, tokens)
    fit = surface.fit_all(origin.design(params, tokens, flops), origin, losses, 1e-7)["additive"]
    log_c = np.log([1e19, 1e22])
    log_n, loss = surface.optimum(fit.form, fit.theta[None], origin, log_c, cost)
    for index, budget in enumerate(np.exp(log_c)):
        sizes = np.exp(log_n[0, index] + np.linspace(-0.5, 0.5, 2001))
        scanned = hoffmann(sizes, budget / cost.flops_per_token(sizes))
        assert sizes[np.argmin(scanned)] == pytest.approx(np.exp(log_n[0, index]), rel=2e-3)
        assert loss[0, index] == pytest.approx(scanned.min(), rel=1e-5)


def test_outliers_do_not_move_the_surfaces() -> None:
    flops, params, tokens = grid()
    origin = Origin.of(params, tokens, flops)
    losses = hoffmann(params, tokens) + np.random.default_rng(2).normal(0, 0.003, len(params))
    clean = surface.fit_all(origin.design(params, tokens, flops), origin, losses, 0.003)
    losses[[3, 17]] += 0.5
    dirty = surface.fit_all(origin.design(params, tokens, flops), origin, losses, 0.003)
    for name in clean:
        at = [np.array([np.log(1e21)]), TokenCost.constant(K)]
        before = surface.optimum(FORMS[name], clean[name].theta[None], origin, *at)[0]
        after = surface.optimum(FORMS[name], dirty[name].theta[None], origin, *at)[0]
        assert abs(float(after[0, 0] - before[0, 0])) < 0.03, name
        assert (dirty[name].weights[[3, 17]] < 0.01).all()


def test_influence_is_on_average_the_derivative_of_the_estimate() -> None:
    flops, params, tokens = grid()
    origin = Origin.of(params, tokens, flops)
    design = origin.design(params, tokens, flops)
    generator = np.random.default_rng(3)
    losses = hoffmann(params, tokens) + generator.normal(0, 0.003, len(params))

    def optimum(theta: Floats) -> float:
        at = (origin, np.array([np.log(1e21)]), TokenCost.constant(K))
        return float(surface.optimum(JOINT_SKEW, theta[None], *at)[0][0, 0])

    fit = surface.fit_all(design, origin, losses, 0.003)["joint_skew"]
    found, foretold = [], []
    for _ in range(12):
        change = 3e-5 * generator.normal(size=len(losses))
        moved = surface.fit_all(design, origin, losses + change, 0.003)["joint_skew"]
        found.append(optimum(moved.theta) - optimum(fit.theta))
        foretold.append(optimum(fit.theta + fit.influence @ change) - optimum(fit.theta))
    assert np.corrcoef(found, foretold)[0, 1] > 0.7
    assert np.std(found) == pytest.approx(np.std(foretold), rel=0.4)


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


@pytest.mark.parametrize("name", ["additive", "joint_skew", "joint_skew_bent"])
def test_surface_bootstraps_are_no_worse_than_least_squares(name: str) -> None:
    flops, params, tokens = grid()
    losses = hoffmann(params, tokens) + np.random.default_rng(7).normal(0, 0.003, len(params))
    origin = Origin.of(params, tokens, flops)
    design = origin.design(params, tokens, flops)
    fit = surface.fit_all(design, origin, losses, 0.003)[name]
    weights = np.random.default_rng(8).multinomial(len(losses), np.full(len(losses), 1 / len(losses)), 12).astype(float)
    thetas, objectives = surface.bootstrap(fit, design, losses, weights, 0.003)
    mean, precision = surface.priors(fit.form, losses, 0.003)
    for row in range(12):
        root = np.sqrt(weights[row])

        def residual(theta: Floats, root: Floats = root) -> Floats:
            left = root * (losses - fit.form.value(theta[None], design)[0])
            return np.concatenate([left, np.sqrt(precision) * (theta - mean)])

        assert 0.5 * (residual(thetas[row]) ** 2).sum() == pytest.approx(objectives[row], rel=1e-9)
        scipy = least_squares(residual, fit.theta, xtol=1e-15, ftol=1e-15, gtol=1e-15)
        assert objectives[row] <= scipy.cost * (1 + 1e-9)
