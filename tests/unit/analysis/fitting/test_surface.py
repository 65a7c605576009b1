"""Surfaces: recovery of known forms, their optima, outliers, influence and bootstraps."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import least_squares

from analysis.fitting import surface
from analysis.fitting.cost import TokenCost
from analysis.fitting.forms import JOINT_SKEW
from analysis.fitting.surface import Origin
from tests.unit.analysis.law_tables import grid, hoffmann

Floats = NDArray[np.float64]
K = 6.0


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
        before = surface.optimum(clean[name].form, clean[name].theta[None], origin, *at)[0]
        after = surface.optimum(clean[name].form, dirty[name].theta[None], origin, *at)[0]
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
