"""Draws of the valley: its mean alone, draws over its scales and parameters, and what is looked for on them."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.answers.draws import DRAWS, losses, sample, surface, tokens_for_loss
from analysis.law import Law, fit
from analysis.records import LawError
from tests.unit.analysis.law_tables import hoffmann, table


@pytest.fixture(scope="module")
def law() -> Law:
    return fit(table(noise=0.002, seed=1), holdout=False)


def test_without_draws_the_valleys_mean_answers(law: Law) -> None:
    form, theta = surface(law, 0)
    assert law.valley is not None
    assert form is law.valley.form and np.array_equal(theta, law.valley.mean[None])


def test_draws_are_of_the_valley_and_the_same_each_time(law: Law) -> None:
    form, theta = surface(law, DRAWS)
    assert law.valley is not None
    assert form is law.valley.form and theta.shape == (DRAWS, len(law.valley.mean))
    assert np.array_equal(theta, surface(law, DRAWS)[1])


def test_draws_spread_as_the_intervals_say(law: Law) -> None:
    form, theta = surface(law, 20_000)
    for flops in (1e19, 1e21):
        found = law.predict(flops)
        c = np.array([np.log(flops) - law.origin.c])
        size, loss = form.path(theta, c)[:, 0] + law.origin.n, form.floor(theta, c)[:, 0]
        assert np.median(size) == pytest.approx(np.log(found.params), abs=0.01)
        half = np.log(found.params_interval.high / found.params)
        spread = np.hypot(1.96 * size.std(), 1.96 * 0.008)
        assert spread == pytest.approx(half, rel=0.1), "the half-width has a floor of its own"
        spread = np.hypot(1.96 * loss.std(), 1.96 * 2e-4 * found.loss)
        assert spread == pytest.approx(found.loss - found.loss_interval.low, rel=0.1)


def test_a_law_without_estimators_has_no_surfaces() -> None:
    with pytest.raises(LawError, match="no law could be fitted"):
        surface(fit(table(budgets=(1e18, 1e19))), 0)


def test_losses_are_those_of_the_truth(law: Law) -> None:
    params, tokens = np.array([2e8, 1e9]), np.array([1e10, 3e10])
    form, theta = surface(law, 0)
    assert losses(law, form, theta, params, tokens)[0] == pytest.approx(hoffmann(params, tokens), abs=0.01)
    ((own, drawn),) = sample(law, lambda f, t: (losses(law, f, t, params, tokens)[:, 0],))
    assert own == pytest.approx(hoffmann(params, tokens)[0], abs=0.01)
    assert drawn.shape == (DRAWS,)
    assert float(np.median(drawn)) == pytest.approx(own, abs=0.01)


def test_tokens_for_a_loss_are_the_first_that_reach_it(law: Law) -> None:
    form, theta = surface(law, 0)
    params = np.array([1e9, 1e8])
    goal = losses(law, form, theta, np.array([1e9]), np.array([2e10]))
    found = tokens_for_loss(law, form, theta, params, goal, 2e10)
    assert found.shape == (1, 2)
    assert found[0, 0] == pytest.approx(2e10, rel=0.01)
    assert losses(law, form, theta, params[1:], found[0, 1:])[0, 0] == pytest.approx(float(goal[0, 0]), abs=1e-3)
    assert np.isinf(tokens_for_loss(law, form, theta, np.array([1e5]), goal, 2e10)).all()
    few = tokens_for_loss(law, form, theta, params[:1], goal, 2e10 * 1000)
    assert np.isinf(few).all(), "reached with fewer tokens than are looked for"
