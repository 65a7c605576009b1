"""Noise by source, degrees of freedom, lack of fit, and the headline's coverage where its assumptions hold."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.fitting import headline, interval
from analysis.fitting.cost import TokenCost
from analysis.fitting.surface import Origin
from analysis.fitting.valley.posterior import learn
from analysis.law import fit
from analysis.records import LawError
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import best, hoffmann, sweep, table


def grouped_residuals(share: float, seed: int) -> tuple[np.ndarray, interval.Hat, dict[str, np.ndarray]]:
    """Residuals of a straight line through 60 points in 12 groups, of which a part of the noise is shared."""
    generator = np.random.default_rng(seed)
    groups = np.repeat(np.arange(12), 5)
    factors = {"size": (groups[:, None] == np.arange(12)).astype(float)}
    x = np.column_stack([np.ones(60), generator.normal(size=60)])
    hat = interval.Hat(x, np.linalg.pinv(x))
    noise = generator.normal(0, 1, 60) + generator.normal(0, share, 12)[groups]
    return hat.left_over(noise), hat, factors


def test_quadratic_forms_of_thin_matrices_are_those_of_square_ones() -> None:
    residuals, hat, factors = grouped_residuals(1.0, 0)
    maker, groups = np.eye(60) - hat.left @ hat.right, factors["size"]
    forms = (np.eye(60), groups @ groups.T)
    assert hat.trace == pytest.approx(2) and hat.squares_left == pytest.approx((maker**2).sum())
    noise = interval.split_noise(residuals, hat, factors)
    expected = [[np.trace(one @ maker @ other @ maker) for other in forms] for one in forms]
    assert np.linalg.inv(noise.inverse) == pytest.approx(np.array(expected))
    covariance = maker @ (noise.variances[0] * np.eye(60) + noise.variances[1] * forms[1]) @ maker
    spread = [[np.trace(one @ covariance @ other @ covariance) for other in forms] for one in forms]
    assert noise.spread == pytest.approx(np.array(spread)) and noise.variances.min() > 0.1


@pytest.mark.parametrize("share", [0.0, 0.5, 1.5])
def test_noise_is_split_by_source_almost_without_bias(share: float) -> None:
    found = [interval.split_noise(*grouped_residuals(share, seed)).variances for seed in range(150)]
    run, size = np.mean(found, axis=0)
    # What is below zero is cut off, which moves a little of the noise from the runs to what they share.
    assert run == pytest.approx(1, rel=0.1)
    assert size == pytest.approx(share**2, rel=0.15, abs=0.1)


def test_the_noise_between_seeds_is_a_floor() -> None:
    residuals, hat, factors = grouped_residuals(0, 0)
    assert interval.split_noise(residuals, hat, factors, floor=3.0).variances[0] == pytest.approx(9)


def test_degrees_of_freedom_follow_the_source_that_dominates() -> None:
    residuals, hat, factors = grouped_residuals(2.0, 1)
    noise = interval.split_noise(residuals, hat, factors)
    run_only, size_only = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    none = np.zeros(1)
    args = (noise.variances, noise.inverse, noise.spread)
    assert 20 < interval.degrees_of_freedom(run_only, none, *args)[0] < 60
    assert 7 < interval.degrees_of_freedom(size_only, none, *args)[0] < 13


def test_student_and_lack_of_fit_agree_with_the_tables() -> None:
    assert float(interval.student(10)) == pytest.approx(2.2281, abs=1e-4)
    test = interval.lack_of_fit(30.0, 20.0, 10.0, 10.0)
    assert test is not None
    assert test.f == pytest.approx(2.0)
    assert test.p == pytest.approx(0.1445, abs=1e-3)
    assert interval.lack_of_fit(30.0, 10.0, 10.0, 10.0) is None


def test_seed_noise_is_measured_within_cells() -> None:
    runs = table(noise=0.01, repeats=40)
    sigma, freedom, by_budget = interval.seed_sigma(runs)
    assert sigma == pytest.approx(0.01, rel=0.2)
    assert freedom == 78
    assert {budget: count for budget, (_, count) in by_budget.items()} == {0: 39, 4: 39}
    assert interval.seed_sigma(table())[0] is None


def test_the_interval_of_a_standard_deviation_is_that_of_the_chi_square_tables() -> None:
    """χ² with 3 degrees of freedom lies between 0.2158 and 9.348 in 95 % of cases."""
    assert interval.sigma_interval(3) == pytest.approx((math.sqrt(3 / 9.348), math.sqrt(3 / 0.2158)), rel=1e-3)
    low, high = interval.sigma_interval(1000)
    assert 0.95 < low < 1 < high < 1.05


def test_runs_of_one_size_and_of_one_trunk_are_known_to_share() -> None:
    data = sweep()
    data["params"] = np.tile(np.geomspace(1e8, 2e9, 7), 5)
    data["tokens"] = data["flops"] / 6 / data["params"]
    runs = RunTable.from_frame(data)
    assert list(interval.shared_factors(runs)) == ["size", "budget", "tilt"]
    assert interval.shared_factors(runs)["size"].shape == (35, 7)
    data["trunk"] = np.repeat(np.arange(7), 5)
    assert "trunk" in interval.shared_factors(RunTable.from_frame(data))


@pytest.mark.parametrize("kind", ["iid", pytest.param("budget", marks=pytest.mark.slow)])
def test_the_headline_covers(kind: str) -> None:
    """A short run of the coverage simulation: 40 tables, N* and L* at ten times the largest budget."""
    truth = [np.log(best(hoffmann, 1e21, TokenCost.constant(6))[0]), best(hoffmann, 1e21, TokenCost.constant(6))[1]]
    covered = np.zeros(2)
    for seed in range(40):
        data = sweep(seed=seed)
        if kind == "budget":
            offsets = dict(zip(data["flops"].unique(), np.random.default_rng(seed).normal(0, 0.003, 5), strict=True))
            data["loss"] += data["flops"].map(offsets)
        runs = RunTable.from_frame(data)
        valley = learn(runs, Origin.of(runs.params, runs.tokens, runs.flops))
        found = headline.answer(valley, np.array([1e21]))
        off = np.abs([found.log_params[0] - truth[0], found.loss[0] - truth[1]])
        covered += off <= [found.log_params_half[0], found.loss_half[0]]
    assert (covered >= 35).all(), covered


def test_the_interval_widens_with_noise_and_with_distance() -> None:
    def widths(noise: float, flops: float) -> tuple[float, float]:
        prediction = fit(table(noise=noise, seed=3), holdout=False).predict(flops)
        size, loss = prediction.params_interval, prediction.loss_interval
        return float(np.log(size.high / size.low)), loss.high - loss.low

    near, far, noisy = widths(0.003, 3e20), widths(0.003, 3e22), widths(0.012, 3e20)
    assert far[0] > near[0] and far[1] > near[1]
    assert noisy[0] > 2 * near[0] and noisy[1] > 2 * near[1]


def test_two_budgets_are_not_enough() -> None:
    law = fit(table(budgets=(1e18, 1e19)))
    with pytest.raises(LawError, match="at least 3"):
        law.predict(1e20)


def test_covariances_of_shared_noise_are_those_of_the_groups() -> None:
    groups = np.repeat(np.eye(3), 4, axis=0)
    noise = interval.NoiseSources(("run", "size"), np.ones(2), (groups,), np.eye(2), np.eye(2))
    mean = np.full((1, 12), 1 / 12)
    assert noise.propagate(mean)[:, 0, 0] == pytest.approx([1 / 12, 1 / 3])


def test_pooling_weighs_by_degrees_of_freedom() -> None:
    assert interval.pooled([(1.0, 3), (3.0, 1)]) == (pytest.approx(math.sqrt((3 + 9) / 4)), 4)
    sigma, freedom = interval.pooled([])
    assert math.isnan(sigma) and freedom == 0
    assert interval.pooled([(2.0, 0)])[1] == 0


def test_lack_of_fit_needs_freedom_on_both_sides_and_scatter() -> None:
    assert interval.lack_of_fit(30.0, 11.0, 10.0, 10.0) is not None
    assert interval.lack_of_fit(30.0, 10.5, 10.0, 10.0) is None
    assert interval.lack_of_fit(30.0, 20.0, 10.0, 0.5) is None
    assert interval.lack_of_fit(30.0, 20.0, 0.0, 10.0) is None
    below = interval.lack_of_fit(5.0, 20.0, 10.0, 10.0)
    assert below is not None and (below.f, below.p) == (0.0, 1.0)
    test = interval.lack_of_fit(30.0, 20.0, 10.0, 8.0)
    assert test is not None and (test.freedom, test.noise_freedom) == (12.0, 8.0)
    assert test.f == pytest.approx((20 / 12) / (10 / 8))


def test_freedom_is_held_between_its_bounds() -> None:
    one, none = np.ones((1, 1)), np.zeros(1)
    few = interval.degrees_of_freedom(one, none, np.ones(1), np.ones((1, 1)), np.ones((1, 1)))
    assert few[0] == interval.LEAST_FREEDOM == 5
    plenty = interval.degrees_of_freedom(one, none, np.ones(1), np.zeros((1, 1)), np.zeros((1, 1)))
    assert plenty[0] == 1e6
    ten = interval.degrees_of_freedom(one, none, np.ones(1), np.full((1, 1), np.sqrt(0.1)), np.ones((1, 1)))
    assert ten[0] == pytest.approx(10)
    diluted = interval.degrees_of_freedom(one, np.ones(1), np.ones(1), np.full((1, 1), np.sqrt(0.1)), np.ones((1, 1)))
    assert diluted[0] == pytest.approx(40), "a part known without error quadruples them"


def test_budgets_and_tilts_are_looked_for_only_where_asked() -> None:
    runs = table()
    with_budgets = interval.shared_factors(runs)
    assert {"budget", "tilt"} <= set(with_budgets)
    assert not {"budget", "tilt"} & set(interval.shared_factors(runs, budgets=False))
    assert with_budgets["tilt"].sum(axis=0) == pytest.approx(np.zeros(5), abs=1e-9)
    assert (with_budgets["tilt"].sum(axis=1)).std() == pytest.approx(1)
    assert "budget" not in interval.shared_factors(table(budgets=(1e18, 1e19)))


def test_what_budgets_share_is_its_mean_given_that_it_is_positive() -> None:
    """Without any shared noise the estimate scatters about zero; what is taken is positive, and falls with its error."""
    residuals, hat, _ = grouped_residuals(0.0, 3)
    groups = (np.repeat(np.arange(12), 5)[:, None] == np.arange(12)).astype(float)
    named = interval.split_noise(residuals, hat, {"budget": groups}).variances[1]
    plain = interval.split_noise(residuals, hat, {"size": groups}).variances[1]
    assert named > plain >= 0 and named < 0.2
    shared, hat, _ = grouped_residuals(3.0, 3)
    large = [interval.split_noise(shared, hat, {name: groups}).variances[1] for name in ("budget", "size")]
    assert large[0] == pytest.approx(large[1], rel=0.05)
