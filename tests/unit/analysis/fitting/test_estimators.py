"""The loss frontier with few budgets: its bend is what the runs say, of either sign, and not what a form prefers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.fitting.cost import TokenCost
from analysis.fitting.estimators import (
    ADDITIVE,
    AKIMA,
    APPROACH_3,
    CUBIC,
    FRONTIER,
    LEAST_SQUARES,
    LINES,
    PARABOLA,
    Estimator,
    FittedEstimator,
    LineKind,
    line_estimator,
    optima_with_gradient,
)
from analysis.fitting.forms import Design
from analysis.fitting.isoflop import CurveFit, fit_budget
from analysis.fitting.parameters import LineTheta
from analysis.fitting.surface import Origin
from analysis.law import fit
from analysis.names import EstimatorName
from analysis.refusals import TooFewMinima
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import best, hoffmann, sweep


def test_the_frontier_is_the_power_law_with_a_floor() -> None:
    c = np.linspace(-2, 4, 9)
    value = FRONTIER.value(np.array([[3.0, np.log(0.2), 0.16]]), Design(c, c, c))[0]
    np.testing.assert_allclose(value, 3.0 - 0.2 / 0.16 + 0.2 / 0.16 * np.exp(-0.16 * c))


def _sweep(frontier, seed: int) -> pd.DataFrame:  # type: ignore[no-untyped-def]
    """Three tiny budgets × 7 sizes around N* ∝ C^0.45 on a given frontier; noise 10 thousandths."""
    random = np.random.default_rng(seed)
    rows = []
    for budget in (1e11, 2.5e11, 6e11):
        centre = 3.4e4 * (budget / 1e11) ** 0.45
        for u in np.linspace(-1.1, 1.1, 7):
            loss = frontier(np.log(budget / 1e11)) + 0.17 * u**2 + random.normal(0, 0.01)
            params = centre * np.exp(u)
            rows.append({"flops": budget, "params": params, "tokens": budget / 7 / params, "loss": loss})
    return pd.DataFrame(rows)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "frontier"),
    [
        ("straight", lambda c: 4.2 - 0.3 * c),
        ("steepening", lambda c: 4.2 - 0.28 * c - 0.012 * c**2),
        ("flattening", lambda c: 1.8 + 2.4 * np.exp(-0.15 * c)),
    ],
)
def test_three_budgets_cover_the_loss_at_three_times_whatever_the_bend(name, frontier) -> None:  # type: ignore[no-untyped-def]
    target = 3 * 6e11
    covered, halves = 0, []
    for seed in range(20):
        law = fit(RunTable.from_frame(_sweep(frontier, seed)), cost=TokenCost.constant(7.0), holdout=False)
        prediction = law.predict(target)
        covered += frontier(np.log(target / 1e11)) in prediction.loss_interval
        halves.append((prediction.loss_interval.high - prediction.loss_interval.low) / 2)
    assert covered >= 18, f"{name}: {covered} of 20"
    assert np.median(halves) < 0.35


def test_more_compute_is_never_predicted_to_do_worse() -> None:
    law = fit(RunTable.from_frame(_sweep(lambda c: 4.2 - 0.3 * c, 0)), cost=TokenCost.constant(7.0), holdout=False)
    at, far = law.band([6e11, 6e14])
    assert far.loss_interval.low < far.loss <= far.loss_interval.high <= at.loss_interval.high


def curves_of(
    noise: float, seed: int = 0, budgets: tuple[float, ...] = (1e18, 3e18, 1e19, 3e19)
) -> tuple[list[CurveFit], int]:
    data = sweep(budgets=budgets, noise=noise, seed=seed)
    curves = []
    for flops in budgets:
        at = np.flatnonzero(data.flops == flops)
        rows = data.iloc[at]
        curves.append(fit_budget(flops, rows.params.to_numpy(), rows.tokens.to_numpy(), rows.loss.to_numpy(), at))
    return curves, len(data)


ORIGIN = Origin(np.log(2e8), np.log(5e9), np.log(5e18))


def test_a_line_goes_through_the_minima_and_knows_their_noise() -> None:
    curves, runs = curves_of(0.003)
    found = line_estimator(CUBIC, curves, ORIGIN, runs, 0.003)
    assert isinstance(found, Estimator) and found.kind == CUBIC
    line = LineTheta(*found.theta)
    minima = [curve.centre + curve.fits[EstimatorName.CUBIC].log_params for curve in curves]
    c = np.log([curve.flops for curve in curves]) - ORIGIN.c
    assert line.n0 + line.exponent * c + ORIGIN.n == pytest.approx(np.array(minima), abs=0.1)
    assert line.exponent == pytest.approx(0.28 / 0.62, abs=0.05)
    assert found.influence.shape == (5, runs)
    assert (found.prior_covariance[:2] == 0).all() and found.prior_covariance[4, 4] > 0
    log_n, loss = CUBIC.optima(found.theta[None], ORIGIN, np.log([1e19]), TokenCost.constant(6))
    params, truth = best(hoffmann, 1e19, TokenCost.constant(6))
    assert float(log_n[0, 0]) == pytest.approx(np.log(params), abs=0.05)
    assert float(loss[0, 0]) == pytest.approx(truth, abs=0.01)


def test_influence_predicts_how_the_line_moves() -> None:
    curves, runs = curves_of(0.002)
    before = line_estimator(PARABOLA, curves, ORIGIN, runs, 0.002)
    moved = [replace(curve) for curve in curves]
    change = np.zeros(runs)
    change[3] = 1e-4
    data = curves[0]
    losses = data.losses + change[data.rows]
    moved[0] = fit_budget(data.flops, data.params, data.tokens, losses, data.rows)
    after = line_estimator(PARABOLA, moved, ORIGIN, runs, 0.002)
    assert isinstance(before, Estimator) and isinstance(after, Estimator)
    step = before.influence @ change
    assert after.theta[:2] - before.theta[:2] == pytest.approx(step[:2], rel=0.15, abs=1e-6)


def test_two_minima_are_too_few_and_are_counted() -> None:
    curves, runs = curves_of(0.0, budgets=(1e18, 1e19))
    assert line_estimator(AKIMA, curves, ORIGIN, runs, 0.01) == TooFewMinima(EstimatorName.AKIMA, 2, 2, 3)


def test_minima_that_scatter_too_much_inflate_their_errors() -> None:
    curves, runs = curves_of(0.003)
    calm = line_estimator(CUBIC, curves, ORIGIN, runs, 0.003)
    wild = line_estimator(CUBIC, curves, ORIGIN, runs, 0.003 / 20)
    assert isinstance(calm, Estimator) and isinstance(wild, Estimator)
    assert wild.inflation > 1.5 and "scatter about the power law" in wild.note
    assert calm.inflation < wild.inflation / 5


def test_gradients_are_the_slopes_of_the_optima() -> None:
    theta, cost = np.array([0.1, 0.45, 2.9, np.log(0.12), 0.05]), TokenCost.constant(6)
    log_c = np.log([1e18, 1e20])
    log_n, loss, by_n, by_loss = optima_with_gradient(CUBIC, theta, ORIGIN, log_c, cost)
    assert (log_n.shape, loss.shape, by_n.shape, by_loss.shape) == ((2,), (2,), (2, 5), (2, 5))
    c = log_c - ORIGIN.c
    assert by_n[:, 0] == pytest.approx([1, 1]) and by_n[:, 1] == pytest.approx(c)
    assert by_n[:, 2:] == pytest.approx(np.zeros((2, 3)), abs=1e-9)
    assert by_loss[:, 2] == pytest.approx([1, 1]) and by_loss[:, :2] == pytest.approx(np.zeros((2, 2)), abs=1e-9)
    assert by_loss[:, 3] == pytest.approx(loss - 2.9, rel=1e-4)


def test_kinds_are_known_by_their_name_alone() -> None:
    assert ADDITIVE != APPROACH_3 and ADDITIVE.form is APPROACH_3.form
    assert CUBIC == LineKind(EstimatorName.CUBIC) != PARABOLA
    assert set(LEAST_SQUARES) == {"additive", "skaling", "joint_skew", "joint_skew_bent"}
    assert [kind.name for kind in LINES] == ["parabola", "cubic", "akima"]
    kept = FittedEstimator.of(Estimator(CUBIC, np.arange(5.0), np.ones((5, 3)), np.eye(5), 2.0, "note"))
    assert kept == FittedEstimator(CUBIC, (0.0, 1.0, 2.0, 3.0, 4.0), 2.0, "note") and kept.name == "cubic"


def test_the_inflation_is_the_birge_ratio_with_two_degrees_of_freedom_fewer() -> None:
    curves, runs = curves_of(0.003, seed=3)
    found = line_estimator(CUBIC, curves, ORIGIN, runs, 1e-4)
    assert isinstance(found, Estimator)
    line = LineTheta(*found.theta)
    c = np.log([curve.flops for curve in curves]) - ORIGIN.c
    fits = [curve.fits[EstimatorName.CUBIC] for curve in curves]
    sizes = np.array([curve.centre + fit.log_params - ORIGIN.n for curve, fit in zip(curves, fits, strict=True)])
    errors = np.array([np.linalg.norm(fit.log_params_influence) for fit in fits])
    errors = np.maximum(errors, 0.3 * np.median(errors))
    chi_square = (((sizes - line.n0 - line.exponent * c) / (1e-4 * errors)) ** 2).sum()
    assert found.inflation == pytest.approx(np.sqrt(chi_square / 2))
