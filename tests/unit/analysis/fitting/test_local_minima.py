"""The truth of a budget: minima near the lowest loss, whatever lies far off, with an error that is honest."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitting.cost import TokenCost
from analysis.fitting.local_minima import WORST, levelled, local_fit, local_minima
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import best, hoffmann, sweep
from tests.unit.benchmarks.holdout.made import BUDGETS, bowls

U = np.linspace(-2, 2, 9)


def test_three_definitions_agree_on_exact_parabolas() -> None:
    found = local_minima(RunTable.from_frame(bowls()))
    assert [at.log_params for at in found if at] == pytest.approx(
        [np.log(2e8 * (flops / 1e19) ** 0.5) for flops in BUDGETS], abs=2e-3
    )
    assert [at.loss for at in found if at] == pytest.approx(
        [1.5 + 1.5 * (flops / 1e19) ** -0.1 for flops in BUDGETS], abs=1e-4
    )
    assert max(at.log_params_error for at in found if at) < 0.02


def test_runs_far_from_the_lowest_loss_do_not_count() -> None:
    near = 3 + 0.05 * U**2
    fit = local_fit(np.concatenate([U, [3.0, -3.0]]), np.concatenate([near, [3.1, 3.1]]))
    assert fit is not None
    assert fit.points.u.max() + fit.points.centre == pytest.approx(1.5)  # a factor of five is 1.6 in ln N
    assert [at.log_params + fit.points.centre for at in fit.minima] == pytest.approx([0, 0, 0], abs=1e-9)


def test_losses_six_per_cent_above_do_not_count_but_five_sizes_always_do() -> None:
    steep = local_fit(U, 3 + 0.5 * U**2)
    assert steep is not None
    assert len(steep.points.u) == 5
    shallow = local_fit(U, 3 + 0.05 * U**2)
    assert shallow is not None
    assert len(shallow.points.u) == 7


def test_no_truth_of_four_sizes_or_of_a_curve_that_only_falls() -> None:
    assert local_fit(U[:4], U[:4] ** 2) is None
    falling = bowls()
    falling["loss"] = 5 - 0.1 * np.log(falling.params / 1e8)
    assert local_minima(RunTable.from_frame(falling)) == [None] * len(BUDGETS)


def test_a_minimum_that_is_hardly_known_is_none() -> None:
    """A bowl so flat that noise of 0.01 moves its minimum by more than a factor."""
    frame = bowls(curvature=0.004, sizes=15)
    frame["loss"] += np.random.default_rng(1).normal(0, 0.01, len(frame))
    found = local_minima(RunTable.from_frame(frame))
    assert sum(at is None for at in found) >= 3
    assert all(at is None or at.log_params_error <= WORST for at in found)


def test_the_error_holds_noise() -> None:
    """Over 60 sweeps the truth lies within 1.96 standard errors in nine budgets of ten and more."""
    exact = [best(hoffmann, flops, TokenCost.constant(6.0)) for flops in BUDGETS]
    inside, errors = [], []
    for seed in range(60):
        for at, (params, loss) in zip(
            local_minima(RunTable.from_frame(sweep(sizes=9, seed=seed, budgets=BUDGETS))), exact, strict=True
        ):
            assert at is not None
            inside.append(abs(at.log_params - np.log(params)) <= 1.96 * at.log_params_error)
            inside.append(abs(at.loss - loss) <= 1.96 * at.loss_error)
            errors.append(at.log_params_error)
    assert np.mean(inside) >= 0.9
    assert np.median(errors) < 0.1


def test_losses_are_moved_to_their_budget() -> None:
    """Runs that miss their budget by up to a tenth, as if read off a figure."""
    frame = sweep(hoffmann, BUDGETS, noise=0)
    nominal = frame.flops.to_numpy()
    flops = nominal * np.exp(np.random.default_rng(0).uniform(-0.1, 0.1, len(frame)))
    tokens = flops / 6 / frame.params
    table = RunTable.from_frame(
        frame.assign(flops=flops, tokens=tokens, loss=hoffmann(frame.params.to_numpy(), tokens.to_numpy()))
    )
    there = hoffmann(table.params, table.budgets[table.budget] / 6 / table.params)
    assert np.abs(levelled(table) - there).max() < 1e-4
    assert np.abs(table.loss - there).max() > 1e-2
