"""The split of a budget on one surface: against closed forms, a dense search, and a path that comes back."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.answers.split import Limit, Split, Surfaces
from analysis.fitting.repetition.published import Worth
from analysis.fitting.valley.form import FIXED, ValleyForm, ValleyTheta
from analysis.law import Law, fit
from tests.unit.analysis.law_tables import SMALL_COST, Floats, small, table

LOG_C = float(np.log(1e12))


@pytest.fixture(scope="module")
def law() -> Law:
    runs = table(truth=small, budgets=(1e11, 3e11, 1e12), span=3.4, noise=0.002, cost=SMALL_COST)
    return fit(runs, cost=SMALL_COST, holdout=False)


@pytest.fixture(scope="module")
def surfaces(law: Law) -> Surfaces:
    """The law's own valley, and one with another path and other sides."""
    return Surfaces(law, *changed(law, n0=0.3, exponent=0.03, log_p=0.2))


def changed(law: Law, **by: float) -> tuple[ValleyForm, Floats]:
    """The valley's form with its mean parameters, and with these changed."""
    assert law.valley is not None
    other = law.valley.mean.copy()
    for name, value in by.items():
        other[ValleyTheta._fields.index(name)] += value
    return law.valley.form, np.stack([law.valley.mean, other])


def test_losses_are_those_of_the_runs(surfaces: Surfaces) -> None:
    log_n, log_d = np.log([[1e5, 1.5e5], [1e5, 1.5e5]]), np.log([[1e6, 1.2e6], [1e6, 1.2e6]])
    losses = surfaces.loss(log_n, log_d)
    assert losses[0] == pytest.approx(small(np.exp(log_n[0]), np.exp(log_d[0])), abs=0.01)
    assert np.abs(losses[1] - losses[0]).min() > 1e-3


def test_without_a_limit_the_split_is_compute_optimal(surfaces: Surfaces) -> None:
    free = surfaces.free(LOG_C)
    log_n = np.broadcast_to(np.log(np.geomspace(1e3, 1e8, 50_001))[None], (2, 50_001))
    losses = surfaces.loss(log_n, surfaces.tokens(LOG_C, log_n))
    assert free.log_params[:, 0] == pytest.approx(log_n[0, np.argmin(losses, axis=1)], abs=3e-4)
    assert free.loss[:, 0] == pytest.approx(losses.min(axis=1), abs=2e-9)


def test_the_size_that_tokens_fill_is_the_one_they_are_compute_optimal_for(surfaces: Surfaces) -> None:
    filled = surfaces.filled(float(np.log(3e5)))
    budgets = [float(np.log(3e5) + size + surfaces.law.cost.log_k(np.array(size))) for size in filled[:, 0]]
    back = [surfaces.free(log_c).log_params[row, 0] for row, log_c in enumerate(budgets)]
    assert filled[:, 0] == pytest.approx(back, abs=1e-6)


def densest(surfaces: Surfaces, limit: Limit) -> tuple[Floats, Floats]:
    """ln N and the loss by a search, repetition discounted in natural units."""
    log_n = np.broadcast_to(np.log(np.geomspace(1e2, 1e9, 70_001))[None], (2, 70_001))
    parts = []
    for amount, log_unique, worth in (
        (log_n, limit.log_params, limit.worth.params),
        (surfaces.tokens(LOG_C, log_n), limit.log_tokens, limit.worth.tokens),
    ):
        unique = np.exp(log_unique)
        repeats = np.maximum(np.exp(amount) / unique - 1, 0)
        parts.append(np.log(np.minimum(np.exp(amount), unique) + unique * worth * (1 - np.exp(-repeats / worth))))
    losses = surfaces.loss(*parts)
    return log_n[0, np.argmin(losses, axis=1)], losses.min(axis=1)


@pytest.mark.parametrize("unique", [3e4, 3e5, 2e6])
def test_with_a_limit_each_surface_has_its_own_split_and_worth(surfaces: Surfaces, unique: float) -> None:
    worth = Worth(np.array([[15.4], [4.0]]), np.array([[5.3], [9.0]]))
    limit = Limit(float(np.log(unique)), surfaces.filled(float(np.log(unique))), worth)
    found = surfaces.limited(LOG_C, limit, 12.0)
    log_n, loss = densest(surfaces, limit)
    assert found.log_params[:, 0] == pytest.approx(log_n, abs=1e-3)
    assert found.loss[:, 0] == pytest.approx(loss, abs=1e-8)
    assert isinstance(found, Split) and abs(log_n[0] - log_n[1]) > 0.1


@pytest.fixture(scope="module")
def trending(law: Law) -> Surfaces:
    """The law's own valley, and one whose sides change with compute as those of a published table do.

    Far from its runs such a valley's slope is rounding, and more tokens cost small models loss.
    """
    return Surfaces(law, *changed(law, log_p=0.8, log_q=1.0, p_trend=-0.2, q_trend=0.12, exponent=0.07))


def test_more_tokens_never_fill_a_smaller_model(trending: Surfaces) -> None:
    limits = np.log(np.geomspace(1e2, 1e9, 60))
    filled = np.hstack([trending.filled(float(limit)) for limit in limits])
    assert (np.diff(filled, axis=1) > 0).all()
    assert np.diff(filled, axis=1).max() < 1


def test_the_best_split_is_that_of_all_sizes_and_more_tokens_never_cost_loss(trending: Surfaces) -> None:
    """A search that took what tokens fill from far beyond the runs was better off with fewer of them."""
    worth = Worth(np.full((2, 1), 15.4), np.full((2, 1), 5.3))
    losses = []
    for unique in np.geomspace(1e3, 3e6, 27):
        limit = Limit(float(np.log(unique)), trending.filled(float(np.log(unique))), worth)
        losses.append(trending.limited(LOG_C, limit, 12.0).loss[:, 0])
        assert losses[-1] == pytest.approx(densest(trending, limit)[1], rel=1e-4)
    assert (np.diff(losses, axis=0) < 1e-9).all()
    assert losses[0][1] > 2 * losses[-1][1]


def test_the_first_guess_does_not_matter(surfaces: Surfaces) -> None:
    limit = Limit(float(np.log(1e5)), surfaces.filled(float(np.log(1e5))), Worth(np.array([[15.0]]), np.array([[5.0]])))
    found = [surfaces.limited(LOG_C, limit, guess).log_params[:, 0] for guess in (-20.0, 11.3, 40.0)]
    assert found[0] == pytest.approx(found[1], abs=1e-6) and found[2] == pytest.approx(found[1], abs=1e-6)


def test_a_path_that_bends_is_followed_down_from_its_optimum(law: Law) -> None:
    form, theta = changed(law)
    theta[:, FIXED : FIXED + form.walk.inside] += 0.2
    bent = Surfaces(law, form, theta[1:])
    free = bent.free(LOG_C)
    log_tokens = float(bent.tokens(LOG_C, free.log_params)[0, 0])
    assert bent.filled(log_tokens)[0, 0] == pytest.approx(free.log_params[0, 0], abs=1e-6)
    fewer = bent.filled(log_tokens - 1)[0, 0]
    assert free.log_params[0, 0] - 2 < fewer < free.log_params[0, 0]


def test_where_fewer_tokens_go_with_larger_models_no_size_is_compute_optimal(law: Law) -> None:
    form, theta = changed(law, exponent=0.7)
    with np.errstate(all="ignore"):
        assert np.isnan(Surfaces(law, form, theta[1:]).filled(-5.0)[0, 0])
