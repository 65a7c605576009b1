"""A path of N* that bends: it is found where it is there, not found where it is not, and the interval knows of it."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitting import headline
from analysis.fitting.forms import bent
from analysis.fitting.headline import bend_probability, surface_shares
from analysis.law import Law, fit
from tests.unit.analysis.law_tables import Floats, best, hoffmann, table

BUDGETS = (1e18, 3e18, 1e19, 3e19, 1e20)


def falling_exponent(params: Floats, tokens: Floats) -> Floats:
    """A skewed valley whose exponent of N* falls by a tenth for each unit of ln C, as Llama 3's does."""
    log_c = np.log(6 * params * tokens / 1e19)
    u = np.log(params / 2.3e8) - 0.5 * bent(np.array(0.1), log_c)[0]
    return 1.7 + 1.3 * np.exp(-0.155 * log_c) * (0.3 * np.exp(-0.35 * u) + 0.35 * np.exp(0.3 * u)) / 0.65


def probability(law: Law) -> float:
    return bend_probability(law.estimators, law.uncertainty)


def test_a_falling_exponent_is_found_and_forecast() -> None:
    for seed in range(4):
        law = fit(table(truth=falling_exponent, budgets=BUDGETS, seed=seed), holdout=False)
        assert probability(law) > 0.8
        prediction = law.predict(1e21)
        truth, loss = best(falling_exponent, 1e21, law.cost)
        straight = next(a for a in prediction.estimators if a.estimator == "joint_skew")
        assert truth in prediction.params_interval
        assert loss in prediction.loss_interval
        assert straight.params is not None
        assert abs(np.log(prediction.params / truth)) < 0.5 * abs(np.log(straight.params / truth))
        assert any("falls" in warning for warning in prediction.warnings)


def test_a_power_law_is_not_bent() -> None:
    found = [probability(fit(table(truth=hoffmann, budgets=BUDGETS, seed=seed), holdout=False)) for seed in range(8)]
    assert np.median(found) < 0.05
    assert max(found) < 0.5


def test_without_evidence_the_odds_are_those_before_any_run() -> None:
    """Three budgets say nothing of a bend: its prior comes back, a tenth to one."""
    law = fit(table(truth=hoffmann, budgets=BUDGETS[:3], noise=0.03, seed=3), holdout=False)
    assert probability(law) == pytest.approx(0.1 / 1.1, abs=0.05)


def test_the_bent_surface_takes_its_probability_of_every_share() -> None:
    law = fit(table(truth=hoffmann, budgets=BUDGETS, seed=1), holdout=False)
    names = [state.name for state in law.estimators]
    straight, half = surface_shares(law.estimators, 0.0), surface_shares(law.estimators, 0.5)
    assert straight.sum() == pytest.approx(1)
    assert straight[names.index("joint_skew_bent")] == 0
    assert half == pytest.approx(0.5 * straight + 0.5 * (np.array(names) == "joint_skew_bent"))


def test_hypotheses_do_not_average_their_errors_away() -> None:
    """Two equally likely accounts with independent errors of 1 and 2: the variance is 2.5, not the mean's 1.25."""
    weights, covariance = np.array([[0.5, 0.5]]), np.diag([1.0, 4.0])[None]
    averaged = float(weights[0] @ covariance[0] @ weights[0])
    assert averaged == pytest.approx(1.25)
    assert averaged + headline.kept_apart(weights, covariance)[0] == pytest.approx(2.5)
    assert headline.kept_apart(np.array([[1.0, 0.0]]), covariance)[0] == 0
    assert headline.kept_apart(weights, np.ones((1, 2, 2)))[0] == pytest.approx(0)


def test_only_a_spread_beyond_the_noise_widens() -> None:
    """Independent errors of 1 and 2 at equal weights: Σ w (value − mean)² is (1 + 4)/4 on average from noise alone."""
    weights, covariance = np.array([[0.5, 0.5]]), np.diag([1.0, 4.0])[None]
    draws = np.random.default_rng(0).normal(size=(20000, 2)) * [1.0, 2.0]
    measured = (0.5 * (draws - draws.mean(axis=1, keepdims=True)) ** 2).sum(axis=1).mean()
    assert headline.expected_spread(weights, covariance)[0] == pytest.approx(1.25)
    assert measured == pytest.approx(1.25, rel=0.05)
