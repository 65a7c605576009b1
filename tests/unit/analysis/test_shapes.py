"""Shapes of the public array functions of analysis, checked by jaxtyping with beartype."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from beartype.roar import BeartypeDoorHintViolation
from jaxtyping import Float, Int

from analysis.answers import draws
from analysis.fitting import akima, estimators, forms, headline, interval, polynomials, robust, solver, starts, surface
from analysis.fitting.cost import TokenCost
from analysis.fitting.forms import Design
from analysis.fitting.parts import fit_parts
from analysis.fitting.valley.hyper import Scales
from analysis.fitting.valley.mixture import half_width
from analysis.fitting.valley.posterior import draw
from analysis.fitting.valley.prior import prior
from analysis.fitting.valley.walk import covariance
from analysis.law import Law, fit
from analysis.table.budgets import group
from tests.unit.analysis.fitting.valley.made import jacobian
from tests.unit.analysis.law_tables import grid, hoffmann, table
from tests.unit.shapes import with_shapes

A = np.ndarray


def each(*hints: Any) -> Any:
    """The hint of a tuple of arrays."""
    return tuple[hints]  # type: ignore[valid-type]


COST = TokenCost.from_nodes([1e7, 1e9, 1e11], [9e7, 6.8e9, 6.1e11])
FORMS = (forms.ADDITIVE, forms.SKALING, forms.JOINT_SKEW, forms.JOINT_SKEW_BENT)


@pytest.fixture(scope="module")
def law() -> Law:
    return fit(table(noise=0.002, seed=1), holdout=False)


@pytest.fixture(scope="module")
def runs() -> tuple[surface.Origin, Design, A]:
    flops, params, tokens = grid()
    origin = surface.Origin.of(params, tokens, flops)
    return origin, origin.design(params, tokens, flops), hoffmann(params, tokens)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_forms(form: forms.SurfaceForm, runs: tuple[surface.Origin, Design, A]) -> None:
    origin, design, _ = runs
    theta = np.random.default_rng(0).normal(-0.5, 0.1, (3, len(form.prior_mean)))
    by_run = {"theta": Float[A, "B P"], "at": Design}
    with_shapes(form.value, **by_run, result=Float[A, "B 35"])(theta, design)
    with_shapes(form.jacobian, **by_run, result=each(Float[A, "B 35"], Float[A, "B 35 P"]))(theta, design)
    if form.path is not None:
        with_shapes(form.path, theta=Float[A, "B P"], c=Float[A, "1 T"], result=Float[A, "B T"])(
            theta, np.zeros((1, 4))
        )
    optimum = with_shapes(
        surface.optimum, theta=Float[A, "B P"], log_c=Float[A, " T"], result=each(Float[A, "B T"], Float[A, "B T"])
    )
    optimum(form, theta, origin, np.log([1e18, 1e19, 1e20, 1e21]), COST)
    loss_at = with_shapes(
        surface.loss_at,
        theta=Float[A, "B P"],
        params=Float[A, " n"],
        tokens=Float[A, " n"],
        flops=Float[A, " n"],
        result=Float[A, "B n"],
    )
    loss_at(form, theta, origin, np.array([1e8, 2e8]), np.array([1e9, 2e9]), np.array([1e18, 2e18]))
    bent = with_shapes(forms.bent, g=Float[A, "B 1"], c=Float[A, "1 T"], result=each(Float[A, "B T"], Float[A, "B T"]))
    bent(np.zeros((3, 1)), np.ones((1, 4)))


def test_surfaces_and_their_starts(runs: tuple[surface.Origin, Design, A]) -> None:
    origin, design, losses = runs
    additive = with_shapes(starts.additive_start, losses=Float[A, " n"], result=Float[A, "1 5"])(design, losses)[0]
    with_shapes(starts.skaling_starts, additive=Float[A, " 5"], result=Float[A, "3 6"])(additive)
    skew = with_shapes(
        starts.joint_skew_starts, additive=Float[A, " 5"], losses=Float[A, " n"], result=Float[A, "S 7"]
    )(additive, design, losses)
    with_shapes(starts.bent_starts, joint_skew=Float[A, " 7"], result=Float[A, "3 8"])(skew[0])
    fit_form = with_shapes(surface.fit_form, losses=Float[A, " n"], starts=Float[A, "S P"])
    found = fit_form(forms.JOINT_SKEW, design, origin, losses, skew, 0.003)
    for value, hint in (
        (found.theta, Float[A, " 7"]),
        (found.influence, Float[A, "7 35"]),
        (found.prior_covariance, Float[A, "7 7"]),
        (found.hat.left, Float[A, "35 7"]),
        (found.hat.right, Float[A, "7 35"]),
        (found.residuals, Float[A, " 35"]),
        (found.weights, Float[A, " 35"]),
    ):
        with_shapes(lambda value: value, value=hint)(value)
    bootstrap = with_shapes(
        surface.bootstrap, losses=Float[A, " n"], weights=Float[A, "B n"], result=each(Float[A, "B 7"], Float[A, " B"])
    )
    bootstrap(found, design, losses, np.ones((4, len(losses))), 0.003)
    priors = with_shapes(surface.priors, losses=Float[A, " n"], result=each(Float[A, " 7"], Float[A, " 7"]))
    mean, precision = priors(forms.JOINT_SKEW, losses, 0.003)
    problem = surface.LeastSquares(forms.JOINT_SKEW, design, losses, np.ones((1, 35)), mean, precision)
    rows = np.arange(2)
    by_row = {"theta": Float[A, "b P"], "rows": Int[A, " b"]}
    theta = np.repeat(found.theta[None], 2, axis=0)
    with_shapes(problem.objective, **by_row, result=Float[A, " b"])(theta, rows)
    derivatives = each(Float[A, "b P"], Float[A, "b P P"], Float[A, "b P P"])
    with_shapes(problem.derivatives, **by_row, result=derivatives)(theta, rows)
    minimise = with_shapes(solver.minimise, start=Float[A, "B P"], result=each(Float[A, "B P"], Float[A, " B"]))
    minimise(problem, theta, iterations=2)


def test_estimators_and_headline(law: Law) -> None:
    log_c = np.log([1e19, 1e21, 1e22])
    assert law.valley is not None
    for state in law.estimators:
        with_shapes(
            estimators.optima_with_gradient,
            theta=Float[A, " P"],
            log_c=Float[A, " T"],
            result=each(Float[A, " T"], Float[A, " T"], Float[A, "T P"], Float[A, "T P"]),
        )(state.kind, np.asarray(state.theta), law.origin, log_c, law.cost)
        optima = each(Float[A, "1 T"], Float[A, "1 T"])
        by_vector = with_shapes(state.kind.optima, theta=Float[A, "1 P"], log_c=Float[A, " T"], result=optima)
        by_vector(np.asarray(state.theta)[None], law.origin, log_c, law.cost)
    answer = headline.answer(law.valley, np.exp(log_c))
    for name in ("log_params", "log_params_half", "loss", "loss_half"):
        with_shapes(lambda value: value, value=Float[A, " 3"])(getattr(answer, name))
    parameters = len(law.uncertainty.total)
    variance = with_shapes(
        law.uncertainty.variance,
        gradient=Float[A, "T P"],
        result=each(Float[A, " T"], Float[A, " T"]),
    )
    variance(np.ones((4, parameters)))


def test_the_valley(law: Law) -> None:
    assert law.valley is not None
    valley, c = law.valley, np.linspace(-3, 5, 4)
    theta = draw(valley, 6, np.random.default_rng(0))
    by_vector = {"theta": Float[A, "B P"], "c": Float[A, " T"], "result": Float[A, "B T"]}
    with_shapes(valley.form.path, **by_vector)(theta, c)
    with_shapes(valley.form.floor, **by_vector)(theta, c)
    at = Design(c, c, c)
    with_shapes(valley.form.value, theta=Float[A, "B P"], at=Design, result=Float[A, "B 4"])(theta, at)
    gradients = each(Float[A, "T P"], Float[A, "T P"])
    with_shapes(valley.form.gradients, theta=Float[A, " P"], c=Float[A, " T"], result=gradients)(theta[0], c)
    walk = valley.form.walk
    with_shapes(covariance, left=Float[A, " A"], right=Float[A, " B"], result=Float[A, "A B"])(c, c[:3])
    with_shapes(walk.rows, c=Float[A, " T"], result=Float[A, "T M"])(c)
    steps = np.ones((6, len(walk.knots)))
    with_shapes(walk.values, steps=Float[A, "B M"], c=Float[A, " T"], result=Float[A, "B T"])(steps, c)
    half = with_shapes(
        half_width,
        weights=Float[A, " D"],
        means=Float[A, "D T"],
        variances=Float[A, "D T"],
        result=each(Float[A, " T"], Float[A, " T"]),
    )
    half(np.full(2, 0.5), np.zeros((2, 4)), np.ones((2, 4)))
    model = valley.mode.linearised.model
    beta, scales, cells = valley.mode.solved.beta, Scales(*valley.mode.scales), len(model.loss)
    with_shapes(model.losses, beta=Float[A, " P"], result=Float[A, " 35"])(beta)
    for value, hint in (
        (jacobian(model.predict(beta)), Float[A, f"35 {len(beta)}"]),
        (np.stack(model.variances(scales, np.ones(cells), np.ones(cells))), Float[A, "2 35"]),
        (prior(model, scales, valley.mode.linearised.theta).rises, Float[A, f"10 {len(beta)}"]),
        (valley.mode.solved.covariance, Float[A, f"{len(beta)} {len(beta)}"]),
        (valley.mode.solved.gradient, Float[A, " 10"]),
        (valley.means, Float[A, f"{len(valley.weights)} {theta.shape[1]}"]),
    ):
        with_shapes(lambda value: value, value=hint)(value)


def test_noise_and_its_sources(law: Law) -> None:
    parts = fit_parts(table(seed=1), law.cost)
    assert parts.uncertainty.covariances.ndim == 3
    hat = interval.Hat(np.ones((6, 1)), np.full((1, 6), 1 / 6))
    split = with_shapes(interval.split_noise, residuals=Float[A, " n"])
    noise = split(np.linspace(-1, 1, 6), hat, {"size": np.repeat(np.eye(3), 2, axis=0)})
    with_shapes(noise.propagate, influence=Float[A, "P 6"], result=Float[A, "2 P P"])(np.ones((4, 6)))
    freedom = with_shapes(
        interval.degrees_of_freedom,
        by_source=Float[A, "T J"],
        other=Float[A, " T"],
        noise_variances=Float[A, " J"],
        inverse=Float[A, "J J"],
        spread=Float[A, "J J"],
        result=Float[A, " T"],
    )
    freedom(np.ones((5, 2)), np.zeros(5), noise.variances, noise.inverse, noise.spread)
    with_shapes(interval.student, freedom=Float[A, " T"], result=Float[A, " T"])(np.array([3.0, 5.0]))
    for weigh in (robust.absolute_weights, robust.biweight, robust.pseudo_residuals):
        with_shapes(weigh, residual=Float[A, " n"], result=Float[A, " n"])(np.linspace(-1, 1, 9), 3)


def test_curves_and_budgets() -> None:
    u, losses = np.linspace(-1, 1, 7), np.linspace(-1, 1, 7) ** 2
    solve = with_shapes(
        polynomials.solve, u=Float[A, " n"], losses=Float[A, " n"], result=each(Float[A, " 4"], Float[A, "4 n"])
    )
    coefficients, powers = solve(u, losses, 3)
    found = with_shapes(polynomials.minimum_fit, coefficients=Float[A, " P"], powers=Float[A, "P n"])(
        coefficients, powers, 0.0
    )
    with_shapes(lambda value: value, value=Float[A, " 7"])(found.log_params_influence)
    with_shapes(akima.akima_minima, x=Float[A, " m"], y=Float[A, "B m"], result=each(Float[A, " B"], Float[A, " B"]))(
        u, np.stack([losses, losses + 1])
    )
    with_shapes(group, flops=Float[A, " n"], result=each(Int[A, " n"], Float[A, " b"], bool))(
        np.repeat([1e18, 1e19], 4)
    )


def test_draws(law: Law) -> None:
    form, theta = draws.surface(law, 0)
    models = {"params": Float[A, " G"], "tokens": Float[A, " G"]}
    losses = with_shapes(draws.losses, theta=Float[A, "B P"], **models, result=Float[A, "B G"])
    goal = losses(law, form, theta, np.array([1e9]), np.array([2e10]))
    reach = with_shapes(draws.tokens_for_loss, params=Float[A, " G"], goal=Float[A, "B 1"], result=Float[A, "B G"])
    reach(law, form, theta, np.array([5e8, 1e9]), goal, 2e10)


def test_another_shape_is_noticed() -> None:
    with pytest.raises(BeartypeDoorHintViolation):
        with_shapes(robust.biweight, residual=Float[A, " n"], result=Float[A, "n n"])(np.linspace(-1, 1, 9), 3)
