"""What one more run is expected to have: its budget's and its size's own, and how runs scatter."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.stats import t

from analysis.fitting.valley.evidence import TAILS
from analysis.fitting.valley.form import FIXED
from analysis.fitting.valley.posterior import Valley, optima
from analysis.fitting.valley.runs import one_run
from tests.unit.analysis.fitting.valley.made import falling, jacobian, learnt, shared_sizes
from tests.unit.analysis.law_tables import skewed, table


@cache
def valley() -> Valley:
    return learnt(table(truth=skewed, noise=0.01))


def best_size(known: Valley, flops: float) -> float:
    return float(np.exp(optima(known, np.log([flops])).log_params[0]))


@cache
def shifted() -> Valley:
    """The middle budget's runs are all a twentieth of a nat too high."""
    runs = table(truth=skewed, noise=0.003, sizes=9)
    return learnt(replace(runs, loss=runs.loss + 0.05 * (runs.budget == 2)))


def test_a_known_budgets_offset_shifts_its_runs_alone() -> None:
    low, middle, high = (one_run(shifted(), best_size(shifted(), flops), flops) for flops in (3e18, 1e19, 3e19))
    assert middle.known and low.known and high.known
    assert middle.off > 0.02
    assert middle.off - max(low.off, high.off) > 0.04
    between = one_run(shifted(), best_size(shifted(), 1.7e19), 1.7e19)
    assert not between.known and between.off == 0


def test_the_runs_at_a_known_budget_are_predicted_with_its_own() -> None:
    for flops, loss in ((1e19, 0.05), (3e19, 0.0)):
        size = best_size(shifted(), flops)
        law = optima(shifted(), np.log([flops])).loss[0] + one_run(shifted(), size, flops).off
        truth = float(skewed(np.array([size]), np.array([flops / 6 / size]))[0])
        assert law == pytest.approx(truth + loss, abs=0.005)


def test_an_unknown_budget_is_less_certain() -> None:
    known, unknown = (one_run(shifted(), best_size(shifted(), flops), flops) for flops in (3e19, 1.7e19))
    assert unknown.half > known.half > 0
    near = one_run(shifted(), best_size(shifted(), 1e19), 1e19 * np.exp(0.015))
    assert near.known and not one_run(shifted(), best_size(shifted(), 1e19), 1e19 * np.exp(0.03)).known


def test_what_a_budget_may_add_is_noise_tilt_and_sides() -> None:
    """On the path of a budget that was not run, the offset and the size's own are all that is unknown."""
    found, scales = one_run(valley(), best_size(valley(), 1.7e19), 1.7e19), valley().best
    sigma = np.exp(scales.noise)
    offset = 1.96 * sigma * np.hypot(np.exp(scales.offset), np.exp(scales.size))
    assert found.half == pytest.approx(offset, rel=0.02)
    off_path = one_run(valley(), best_size(valley(), 1.7e19) * 3, 1.7e19)
    assert off_path.half > 1.05 * found.half


def test_scatter_is_the_noise_on_the_floor_and_grows_with_height() -> None:
    quantile = float(t.ppf(0.975, TAILS))
    heights = [one_run(valley(), best_size(valley(), 1e19) * factor, 1e19).scatter for factor in (1, 3, 10, 30)]
    assert heights[0] == pytest.approx(quantile * np.exp(valley().best.noise), rel=1e-3)
    assert (np.diff(heights) > 0).all()
    assert one_run(valley(), best_size(valley(), 1e19) / 10, 1e19).scatter > heights[0]


def test_a_size_that_runs_shared_is_known() -> None:
    """Its own offset adds to a run of it, and its doubt replaces that of a size that none had."""
    runs = shared_sizes(0.003)
    own = runs.params == np.unique(runs.params)[np.argmax(np.unique(runs.params, return_counts=True)[1])]
    lifted = learnt(replace(runs, loss=runs.loss + 0.03 * own))
    size = float(runs.params[own][0])
    sizes = lifted.mode.linearised.model.log_sizes + lifted.origin.n
    assert np.abs(sizes - np.log(size)).min() < 1e-6
    budget = 1.7e19
    known, other = one_run(lifted, size, budget), one_run(lifted, size * 1.02, budget)
    assert known.off > 0.01 and other.off == 0


def test_the_scatter_holds_the_runs_that_were_fitted() -> None:
    inside = []
    for seed in range(4):
        runs = table(truth=falling, noise=0.01, seed=seed)
        known = learnt(runs)
        model = known.mode.linearised.model
        for size, flops, loss in zip(runs.params, runs.flops, runs.loss, strict=True):
            found = one_run(known, float(size), float(flops))
            at = known.form.value(
                known.mean[None], known.origin.design(*(np.array([v]) for v in (size, flops / 6 / size, flops)))
            )
            inside.append(abs(loss - float(at[0, 0]) - found.off) <= np.hypot(found.half, found.scatter))
        assert model.loss.shape == (35,)
    assert len(inside) == 140 and np.mean(inside) >= 0.93


def test_at_the_runs_it_is_what_the_model_says_and_doubts() -> None:
    """The form's loss and what is added are the model's own; the doubt is its covariance along the run's derivatives."""
    known = shifted()
    model, solved = known.mode.linearised.model, known.mode.solved
    every, inside, blocks = len(model.form.walk.knots), model.form.walk.inside, model.blocks
    full = np.zeros(FIXED + 2 * every)
    full[: FIXED + inside] = solved.beta[: blocks["path"].stop]
    full[FIXED + every : FIXED + every + inside] = solved.beta[blocks["floor"]]
    params, flops = np.exp(model.x + known.origin.n), np.exp(model.c + known.origin.c)
    plain = model.form.value(full[None], known.origin.design(params, flops / 6 / params, flops))[0]
    found = [one_run(known, float(n), float(c)) for n, c in zip(params, flops, strict=True)]
    assert plain + [one.off for one in found] == pytest.approx(model.losses(solved.beta), abs=1e-9)
    rows = jacobian(model.predict(solved.beta))
    size = np.exp(known.best.noise + known.best.size)
    doubt = np.sqrt(((rows @ solved.covariance) * rows).sum(axis=1) + size**2)
    assert [one.half for one in found] == pytest.approx(1.96 * doubt, rel=1e-6)


def test_far_up_the_sides_of_a_new_budget_their_change_is_the_doubt() -> None:
    size = best_size(valley(), 1.7e19)
    near, far = (one_run(valley(), size * factor, 1.7e19).half for factor in (1.0, 20.0))
    assert far > 3 * near
