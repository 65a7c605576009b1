"""Draws of surfaces: the most trusted one alone, draws in the headline's shares, and what is looked for on them."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.answers.draws import DRAWS, losses, sample, surfaces, tokens_for_loss
from analysis.fitting.forms import ADDITIVE, JOINT_SKEW
from analysis.fitting.headline import bend_probability, surface_shares
from analysis.law import Law, fit
from analysis.records import LawError
from tests.unit.analysis.law_tables import hoffmann, table


@pytest.fixture(scope="module")
def law() -> Law:
    return fit(table(noise=0.002, seed=1), holdout=False)


def test_without_draws_the_most_trusted_surface_answers(law: Law) -> None:
    ((form, theta),) = surfaces(law, 0)
    shares = surface_shares(law.estimators, bend_probability(law.estimators, law.uncertainty))
    best = law.estimators[int(np.argmax(shares))]
    assert form is (ADDITIVE if best.name == "additive" else JOINT_SKEW)
    assert theta.tolist() == [list(best.theta)]


def test_draws_come_in_the_shares_of_the_surfaces_and_are_the_same_each_time(law: Law) -> None:
    drawn = surfaces(law, DRAWS)
    shares = surface_shares(law.estimators, bend_probability(law.estimators, law.uncertainty))
    assert [len(theta) for _, theta in drawn] == [n for n in (round(DRAWS * share) for share in shares) if n]
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(drawn, surfaces(law, DRAWS), strict=True))
    for form, theta in drawn:
        own = next(np.asarray(state.theta) for state in law.estimators if state.name == form.name)  # type: ignore[attr-defined]
        assert np.abs(theta.mean(axis=0) - own).max() < 0.3
        assert (theta.std(axis=0) > 0).all()


def test_draws_spread_as_the_uncertainty_says_a_little_widened(law: Law) -> None:
    form, theta = max(surfaces(law, 20_000), key=lambda drawn: len(drawn[1]))
    start = 0
    for state in law.estimators:
        if state.name == form.name:  # type: ignore[attr-defined]
            break
        start += len(state.theta)
    sd = np.sqrt(np.diag(law.uncertainty.total))[start : start + theta.shape[1]]
    assert theta.std(axis=0) == pytest.approx(sd * 2.2281 / 1.96, rel=0.05)


def test_a_law_without_estimators_has_no_surfaces() -> None:
    with pytest.raises(LawError, match="no law could be fitted"):
        surfaces(fit(table(budgets=(1e18, 1e19))), 0)


def test_losses_are_those_of_the_truth(law: Law) -> None:
    params, tokens = np.array([2e8, 1e9]), np.array([1e10, 3e10])
    ((form, theta),) = surfaces(law, 0)
    assert losses(law, form, theta, params, tokens)[0] == pytest.approx(hoffmann(params, tokens), abs=0.01)
    ((own, drawn),) = sample(law, lambda f, t: (losses(law, f, t, params, tokens)[:, 0],))
    assert own == pytest.approx(hoffmann(params, tokens)[0], abs=0.01)
    assert drawn.shape[0] == pytest.approx(DRAWS, abs=2)
    assert float(np.median(drawn)) == pytest.approx(own, abs=0.01)


def test_tokens_for_a_loss_are_the_first_that_reach_it(law: Law) -> None:
    ((form, theta),) = surfaces(law, 0)
    params = np.array([1e9, 1e8])
    goal = losses(law, form, theta, np.array([1e9]), np.array([2e10]))
    found = tokens_for_loss(law, form, theta, params, goal, 2e10)
    assert found.shape == (1, 2)
    assert found[0, 0] == pytest.approx(2e10, rel=0.01)
    assert losses(law, form, theta, params[1:], found[0, 1:])[0, 0] == pytest.approx(float(goal[0, 0]), abs=1e-3)
    assert np.isinf(tokens_for_loss(law, form, theta, np.array([1e5]), goal, 2e10)).all()
    few = tokens_for_loss(law, form, theta, params[:1], goal, 2e10 * 1000)
    assert np.isinf(few).all(), "reached with fewer tokens than are looked for"
