"""Fitting the valley: what it recovers, and how the two starts and the repeats are used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.fitting.cost import TokenCost
from analysis.fitting.valley import fit as module
from analysis.fitting.valley.fit import LEAST_FREEDOM, Fitted, fit_valley
from analysis.fitting.valley.form import ValleyTheta
from analysis.fitting.valley.hyper import Scales
from analysis.table.table import RunTable
from tests.unit.analysis.fitting.valley.made import BUDGETS, falling, origin, shared_sizes
from tests.unit.analysis.law_tables import Floats, Truth, best, hoffmann, skewed, table

COST = TokenCost.constant(6.0)


def fitted(runs: RunTable) -> tuple[Fitted, ...]:
    return fit_valley(runs, origin(runs))


def optima(found: Fitted, budgets: tuple[float, ...]) -> tuple[Floats, Floats]:
    """ln N* and L* at budgets that lie on knots."""
    model, beta = found.linearised.model, found.solved.beta
    c = np.log(budgets) - model.origin.c
    rows = model.form.walk.rows(c)[:, : model.form.walk.inside]
    theta, at = ValleyTheta(*beta[model.blocks["fixed"]]), model.blocks
    path = theta.n0 + theta.exponent * c + rows @ beta[at["path"]]
    fall = -np.expm1(-theta.flattening * c) / theta.flattening - rows @ beta[at["floor"]]
    return path + model.origin.n, theta.level - np.exp(theta.log_slope) * fall


def truths(truth: Truth, budgets: tuple[float, ...]) -> tuple[Floats, Floats]:
    sizes, losses = zip(*(best(truth, flops, COST) for flops in budgets), strict=True)
    return np.log(sizes), np.array(losses)


@pytest.mark.parametrize("truth", [skewed, hoffmann])
def test_runs_without_noise_are_recovered(truth: Truth) -> None:
    found = fitted(table(truth=truth, noise=0.0))[0]
    log_params, loss = optima(found, BUDGETS)
    expected, floor = truths(truth, BUDGETS)
    assert log_params == pytest.approx(expected, abs=1e-3)
    assert loss == pytest.approx(floor, abs=1e-4)
    assert np.exp(Scales(*found.scales).noise) < 1e-4


def test_noise_is_found_and_the_valley_within_it() -> None:
    errors = []
    for seed in range(6):
        found = fitted(table(truth=skewed, noise=0.01, sizes=9, seed=seed))[0]
        assert 0.005 < np.exp(Scales(*found.scales).noise) < 0.02
        errors.append(optima(found, BUDGETS)[0] - truths(skewed, BUDGETS)[0])
    assert 0.005 < np.std(errors) < 0.06


def test_a_path_that_bends_is_followed() -> None:
    found = fitted(table(truth=falling, noise=0.0))[0]
    expected, floor = truths(falling, BUDGETS)
    straight = np.polyval(np.polyfit(np.log(BUDGETS), expected, 1), np.log(BUDGETS))
    assert np.abs(straight - expected).max() > 0.05
    log_params, loss = optima(found, BUDGETS)
    assert log_params == pytest.approx(expected, abs=5e-3)
    assert loss == pytest.approx(floor, abs=1e-3)


def test_two_starts_that_meet_give_one_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = table(truth=skewed)
    monkeypatch.setattr(module, "_APART", 30.0)
    assert len(fitted(runs)) == 1


def test_fits_apart_are_all_given_the_most_probable_first(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = table(truth=skewed)
    monkeypatch.setattr(module, "_APART", 0.0)
    found = fitted(runs)
    assert len(found) == 2
    assert found[0].solved.log_evidence >= found[1].solved.log_evidence
    swapped = tuple(reversed(module._MISFITS))
    monkeypatch.setattr(module, "_MISFITS", swapped)
    again = fitted(runs)
    assert again[0].solved.log_evidence >= again[1].solved.log_evidence
    assert again[0].scales == pytest.approx(found[0].scales, abs=0.3), "the order of the starts changes nothing"


def test_one_run_far_off_moves_little() -> None:
    runs = table(truth=skewed)
    loss = runs.loss.copy()
    loss[16] += 0.2
    before, after = (optima(fitted(one)[0], BUDGETS) for one in (runs, replace(runs, loss=loss)))
    assert np.abs(after[0] - before[0]).max() < 0.05
    assert np.abs(after[1] - before[1]).max() < 0.01


def test_repeats_within_cells_are_squared_deviations_with_their_freedom() -> None:
    frame = pd.DataFrame(
        {
            "flops": [1e18] * 6,
            "params": [1e7, 1e7, 2e7, 2e7, 2e7, 4e7],
            "loss": [3.0, 3.2, 3.0, 3.3, 3.0, 2.9],
            "seed": [0, 1, 0, 1, 2, 0],
        }
    )
    squares, freedom = module._noise_within_cells(RunTable.from_frame(frame))
    assert squares == pytest.approx([0.02, 0.02, 0.015, 0.06, 0.015])
    assert float(freedom.sum()) == pytest.approx(3)
    assert squares @ freedom == pytest.approx(0.02 + 0.06), "the sum of squares within the cells"


def test_what_repeats_leave_of_the_noise_is_learnt_with_three_degrees_lent() -> None:
    repeats, sigma = np.array([1.0, 2.0, 4.0]), 0.1
    none = module._left_in_means(repeats, (np.array([]), np.array([])), sigma)
    assert none == pytest.approx([1, 0.75, 0.625]), "half of the noise is between seeds"
    twelve = np.full(12, 0.5)
    exact = module._left_in_means(repeats, (np.zeros(12), twelve), sigma)
    rho = LEAST_FREEDOM * 0.5 / (LEAST_FREEDOM + 6)
    assert exact == pytest.approx(1 - rho + rho / repeats)
    wide = module._left_in_means(repeats, (np.full(12, 4 * sigma**2), twelve), sigma)
    assert wide == pytest.approx(1 / repeats), "all of the noise is between seeds at most"
    assert module._left_in_means(repeats, (np.array([9 * sigma**2]), np.array([0.1])), sigma) == pytest.approx(
        module._left_in_means(repeats, (np.array([1e4]), np.array([0.1])), sigma)
    ), "one deviation counts by nine times the noise at most"


def test_shared_sizes_and_repeats_are_fitted_together() -> None:
    found = fitted(shared_sizes(repeats=2))[0]
    assert found.solved.beta.shape == (found.linearised.model.parameters,)
    assert optima(found, BUDGETS)[0] == pytest.approx(truths(skewed, BUDGETS)[0], abs=0.03)
