"""One budget's curve: minima on known functions, their standard errors, and each typed refusal."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from analysis.fitting.cost import TokenCost
from analysis.fitting.isoflop import fit_budget
from analysis.records import Curve
from analysis.refusals import EdgeMinimum, FarFromLowest, TooFewSizes
from analysis.wording import refusal_message

N = np.geomspace(2e4, 3e5, 7)
BROKEN_N = np.array([23e3, 38e3, 58e3, 132e3, 266e3, 541e3, 922e3])
BROKEN = {
    "rule as it is": [3.849, 3.601, 3.474, 3.897, 4.615, 5.507, 6.124],
    "warmup capped": [3.849, 3.601, 3.474, 3.769, 4.849, 5.857, 5.878],
    "200 steps": [3.849, 3.601, 3.474, 3.769, 4.172, 4.751, 5.035],
}
"""Measured at 1e12 FLOPs: too few optimizer steps at the large sizes break the right branch."""


def curve(losses: NDArray[np.float64] | list[float], params: NDArray[np.float64] = N, flops: float = 1e12) -> Curve:
    fit = fit_budget(flops, params, flops / 6 / params, np.asarray(losses, dtype=float))
    return fit.record(TokenCost.constant(6.0), fit.residual)


def parabola(params: NDArray[np.float64], best: float = 7e4, bend: float = 0.1) -> NDArray[np.float64]:
    return 3.5 + bend * np.log(params / best) ** 2


def test_an_exact_parabola_gives_every_estimator_its_minimum() -> None:
    fitted = curve(parabola(N))
    for minimum in fitted.minima:
        assert minimum.params == pytest.approx(7e4, rel=2e-2 if minimum.estimator == "akima" else 1e-9)
        assert minimum.loss == pytest.approx(3.5, abs=1e-3)
        assert minimum.tokens * minimum.params * 6 == pytest.approx(1e12)
    assert [minimum.estimator for minimum in fitted.minima] == ["parabola", "cubic", "akima"]
    assert not fitted.refusals


def test_a_cubic_is_found_where_the_parabola_is_biased() -> None:
    u = np.log(N / 7e4)
    fitted = {minimum.estimator: minimum for minimum in curve(3.5 + 0.1 * u**2 + 0.012 * u**3).minima}
    assert fitted["cubic"].params == pytest.approx(7e4, rel=1e-9)
    assert abs(np.log(fitted["parabola"].params / 7e4)) > 0.01


def test_tokens_follow_the_cost_of_a_token() -> None:
    cost = TokenCost.from_nodes([2e4, 6e4, 3e5], [2e4 * 7.1, 6e4 * 6.8, 3e5 * 6.4])
    fit = fit_budget(1e12, N, 1e12 / cost.flops_per_token(N), parabola(N))
    minimum = fit.record(cost, fit.residual).minima[0]
    assert minimum.tokens == pytest.approx(1e12 / cost.flops_per_token(minimum.params))


def test_standard_errors_match_the_scatter_of_repeats() -> None:
    generator = np.random.default_rng(0)
    draws = [curve(parabola(N) + generator.normal(0, 0.004, 7)) for _ in range(400)]
    for name in ("parabola", "cubic"):
        found = [m for c in draws for m in c.minima if m.estimator == name]
        error = np.sqrt(np.mean([m.log_params_se**2 for m in found]))
        assert np.std([np.log(m.params) for m in found]) == pytest.approx(error, rel=0.2)
        assert np.std([m.loss for m in found]) == pytest.approx(
            np.sqrt(np.mean([m.loss_se**2 for m in found])), rel=0.2
        )


@pytest.mark.parametrize("losses", BROKEN.values(), ids=BROKEN.keys())
def test_a_curve_with_a_broken_branch_is_no_parabola(losses: list[float]) -> None:
    fitted = curve(losses, BROKEN_N)
    assert fitted.refusals["parabola"].reason == "no_parabola"
    assert "parabola" not in {minimum.estimator for minimum in fitted.minima}
    near = [minimum for minimum in fitted.minima if minimum.estimator == "parabola_near_minimum"]
    assert all(minimum.note == "points near the minimum only" for minimum in near)
    assert all(35e3 < minimum.params < 90e3 for minimum in fitted.minima)


@pytest.mark.parametrize("right", [[4.4, 4.8, 5.6, 6.3], [5.0, 5.6, 6.1, 6.6], [4.6, 5.3, 5.9, 6.4]])
def test_a_minimum_far_from_the_lowest_loss_is_no_parabola(right: list[float]) -> None:
    """A collapsed right branch pulls the minimum to a third of the best size, smooth enough for every other test."""
    params = np.array([3e3, 5e3, 9e3, 16e3, 38.4e3, 60e3, 110e3, 210e3, 400e3])
    fitted = curve([4.0, 3.9, 3.83, 3.76, 3.6, *right], params)
    assert fitted.refusals["parabola"].reason == "no_parabola"
    assert fitted.refusals["cubic"].reason == "no_parabola"
    found = fitted.refusals["parabola"]
    assert isinstance(found, FarFromLowest) and found.lowest == pytest.approx(38.4e3)
    assert "38,400" in refusal_message(found)
    assert all(20e3 < minimum.params < 60e3 for minimum in fitted.minima)


def test_too_few_sizes() -> None:
    fitted = curve(parabola(N[:4]), N[:4])
    assert {refusal.reason for refusal in fitted.refusals.values()} == {"too_few_sizes"}
    assert fitted.refusals["parabola"] == TooFewSizes(1e12, 4, 5)
    repeated = np.repeat(N[:4], 3)
    assert curve(parabola(repeated), repeated).refusals["cubic"].reason == "too_few_sizes"


@pytest.mark.parametrize(("best", "where"), [(5e3, "smallest"), (2e6, "largest")])
def test_a_minimum_outside_the_sizes_is_refused(best: float, where: str) -> None:
    fitted = curve(parabola(N, best))
    assert {refusal.reason for refusal in fitted.refusals.values()} == {"edge_minimum"}
    found = fitted.refusals["parabola"]
    assert isinstance(found, EdgeMinimum) and found.edge == where
    assert found.params == pytest.approx(best)
    assert not fitted.minima


def test_a_curve_that_bends_down_has_no_curvature() -> None:
    assert curve(parabola(N, bend=-0.1)).refusals["parabola"].reason == "no_curvature"


def test_noise_without_a_bend_has_no_curvature() -> None:
    refused = 0
    for seed in range(100):
        losses = 3.5 + np.random.default_rng(seed).normal(0, 0.02, 7)
        refused += curve(losses).refusals.get("parabola") is not None
    assert refused >= 95


def test_a_healthy_noisy_curve_is_rarely_refused() -> None:
    """Curvature and noise of the two-core demo."""
    refused = 0
    for seed in range(200):
        losses = parabola(N, bend=0.13) + np.random.default_rng(seed).normal(0, 0.015, 7)
        refused += "parabola" in curve(losses).refusals
    assert refused <= 20


def test_hundreds_of_sizes_give_the_akima_minimum_too() -> None:
    """Sizes closer than the spline can bear are merged a few at a time, not all into one."""
    params = np.geomspace(2e4, 3e5, 500)
    noise = np.random.default_rng(0).normal(0, 0.003, 500)
    fitted = {minimum.estimator: minimum for minimum in curve(parabola(params) + noise, params).minima}
    assert fitted["akima"].params == pytest.approx(7e4, rel=0.1)


def test_a_curve_without_a_minimum_counts_as_one_that_was_tried() -> None:
    """Sizes within a few per cent are too few for the spline but enough for the parabola, which then refuses."""
    params = 7e4 * (1 + 1e-3 * np.arange(6))
    fitted = fit_budget(1e12, params, 1e12 / 6 / params, 3.5 + np.array([0.0, 2, 1, 3, 2, 1]) * 1e-3)
    assert fitted.refusals["akima"].reason == "too_few_sizes"
    assert fitted.refusals["parabola"].reason == "no_curvature"
    assert fitted.enough


def test_a_record_is_in_parameters_with_the_curves_own_polynomials() -> None:
    fitted = curve(parabola(N, best=9e4))
    assert fitted.centre == pytest.approx(float(np.exp(np.log(N).mean())))
    u = np.log(9e4 / fitted.centre)
    for coefficients in (fitted.parabola, fitted.cubic):
        assert sum(c * u**i for i, c in enumerate(coefficients)) == pytest.approx(3.5)
    assert (len(fitted.parabola), len(fitted.cubic)) == (3, 4)
    two = curve([3.0, 3.1, 3.2], N[:3])
    assert len(two.parabola) == 3 and two.cubic == ()
    assert curve([3.0, 3.1], N[:2]).parabola == ()


def test_standard_errors_scale_with_the_known_noise() -> None:
    fit = fit_budget(1e12, N, 1e12 / 6 / N, parabola(N))
    one, three = (fit.record(TokenCost.constant(6), sigma).minima[0] for sigma in (0.01, 0.03))
    assert three.log_params_se == pytest.approx(3 * one.log_params_se) and one.log_params_se > 0
    assert three.loss_se == pytest.approx(3 * one.loss_se)
    assert fit.record(TokenCost.constant(6), 0.01, 0.02).seed_sigma == 0.02


def test_runs_are_sorted_and_remember_their_rows_and_their_measured_loss() -> None:
    order = np.array([3, 0, 6, 1, 5, 2, 4])
    shift = np.linspace(0, 0.06, 7)
    losses = parabola(N)
    fit = fit_budget(1e12, N[order], 1e12 / 6 / N[order], losses[order], order + 100, shift[order])
    assert fit.params.tolist() == N.tolist() and fit.rows.tolist() == [100, 101, 102, 103, 104, 105, 106]
    assert fit.losses == pytest.approx(losses) and fit.levelled == pytest.approx(losses + shift)
    assert fit.tokens == pytest.approx(1e12 / 6 / N)
    assert fit_budget(1e12, N[order], N[order], losses[order]).rows.tolist() == np.argsort(order).tolist()


def test_the_local_parabola_steps_in_only_where_the_curve_is_not_one() -> None:
    names = {minimum.estimator for minimum in curve(BROKEN["rule as it is"], BROKEN_N).minima}
    assert "parabola_near_minimum" in names and "parabola" not in names
    assert "parabola_near_minimum" not in {m.estimator for m in curve(parabola(N, best=5e3)).minima}


def test_the_error_of_a_minimum_knows_its_degrees_of_freedom() -> None:
    """Student's 4.303, 2.571 and 2.000 for 2, 5 and 60 of them; from a single one no error is told."""
    u = np.linspace(-1, 1, 7)
    fitted = fit_budget(1e18, np.exp(18 + u), np.exp(22 - u), 3 + 0.1 * u**2 + 0.001 * (-1.0) ** np.arange(7))
    cost = TokenCost.constant(6)
    for freedom, multiple in ((2, 4.3027), (5, 2.5706), (60, 2.0003)):
        (minimum, *_) = fitted.record(cost, 0.01, freedom=freedom).minima
        assert minimum.log_params_half == pytest.approx(multiple * minimum.log_params_se, rel=1e-4)
        assert minimum.loss_half == pytest.approx(multiple * minimum.loss_se, rel=1e-4)
    for freedom in (0, 1):
        (minimum, *_) = fitted.record(cost, 1e-6, freedom=freedom).minima
        assert np.isnan([minimum.log_params_half, minimum.loss_half]).all()
