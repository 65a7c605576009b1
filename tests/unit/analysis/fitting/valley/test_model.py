"""What a table's losses are made of: cells, indicators, derivatives and priors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.fitting.valley import model as module
from analysis.fitting.valley.model import BLOCKS, ValleyModel
from tests.unit.analysis.fitting.valley.made import (
    BUDGETS,
    THETA,
    jacobian,
    model,
    origin,
    parameters,
    scales,
    shared_sizes,
    slopes,
)
from tests.unit.analysis.law_tables import Floats
from tests.unit.analysis.law_tables import table as apart


def test_repeats_of_a_cell_are_one_with_their_mean_loss() -> None:
    table = shared_sizes(noise=0.1, repeats=3)
    made = ValleyModel.of(table, origin(table))
    assert len(table) == 3 * 35 and made.loss.shape == (35,)
    assert (made.repeats == 3).all()
    for cell in (0, 17, 34):
        own = np.flatnonzero(np.unique(table.repeat, return_inverse=True)[1] == cell)
        assert made.loss[cell] == pytest.approx(table.loss[own].mean(), rel=1e-12)
        assert made.x[cell] == pytest.approx(np.log(table.params[own[0]]) - made.origin.n)
        assert made.c[cell] == pytest.approx(np.log(table.flops[own[0]]) - made.origin.c)


def test_budgets_are_indicators_and_their_tilts_are_centred() -> None:
    made = model()
    assert made.budgets.shape == (35, 5)
    assert made.budgets.sum(axis=0).tolist() == [7] * 5 and made.budgets.sum(axis=1).tolist() == [1] * 35
    assert made.log_budgets == pytest.approx(np.log(BUDGETS) - made.origin.c)
    assert made.budgets @ made.log_budgets == pytest.approx(made.c, abs=1e-9)
    assert made.tilts.sum(axis=0) == pytest.approx(0, abs=1e-9)
    assert (made.tilts**2).sum() == pytest.approx(35), "in units of the spread over all budgets"
    assert made.tilts.sum(axis=1) * made.tilt_spread + made.budgets @ made.tilt_centres == pytest.approx(made.x)


def test_groups_are_the_sizes_that_several_cells_share() -> None:
    made = model()
    sizes, counts = np.unique(np.round(made.x, 6), return_counts=True)
    assert made.groups.shape == (35, int((counts > 1).sum()))
    assert sorted(made.groups.sum(axis=0)) == sorted(counts[counts > 1])
    assert np.sort(made.log_sizes) == pytest.approx(sizes[counts > 1], abs=1e-5)
    table = apart()
    assert ValleyModel.of(table, origin(table)).groups.shape == (35, 0), "every budget has sizes of its own here"


def test_trunks_are_groups_too_and_none_is_counted_twice() -> None:
    table = shared_sizes()
    trunks = ValleyModel.of(replace(table, trunk=table.size), origin(table))
    assert np.array_equal(trunks.groups, ValleyModel.of(table, origin(table)).groups)
    other = ValleyModel.of(replace(table, trunk=table.budget), origin(table))
    assert other.groups.shape[1] == trunks.groups.shape[1] + 5


def test_of_too_many_budgets_and_groups_the_largest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_EFFECTS", 3)
    monkeypatch.setattr(module, "MOST_GROUPS", 4)
    table = shared_sizes()
    rows = np.ones(len(table), dtype=bool)
    rows[[0, 14]] = False
    made = ValleyModel.of(table.select(rows), origin(table))
    assert made.budgets.shape[1] == 3 and made.budgets.sum(axis=0).tolist() == [7, 7, 7]
    assert made.log_budgets == pytest.approx(np.log(np.array(BUDGETS)[[1, 3, 4]]) - made.origin.c)
    assert made.groups.shape[1] == 4
    full = model(table.select(rows))
    assert made.groups.sum(axis=0).tolist() == sorted(full.groups.sum(axis=0))[::-1][:4]
    assert jacobian(made.predict(parameters(made))).shape == (33, made.parameters), "the rest has no effects of its own"


def test_the_blocks_cover_all_parameters_once() -> None:
    made = model()
    covered = [index for name in BLOCKS for index in range(made.parameters)[made.blocks[name]]]
    assert covered == list(range(made.parameters))
    assert made.blocks["path"].stop - made.blocks["path"].start == made.form.walk.inside == 5


def test_the_jacobian_is_that_of_the_losses_in_every_block() -> None:
    made = model()
    beta = parameters(made)
    found = made.predict(beta)
    assert found.loss == pytest.approx(made.losses(beta), rel=1e-12)
    expected = slopes(made.losses, beta)
    assert (np.abs(expected).max(axis=0) > 1e-3).all()
    assert jacobian(found) == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_without_effects_the_losses_are_the_forms() -> None:
    made = model()
    beta = np.zeros(made.parameters)
    beta[made.blocks["fixed"]] = THETA
    full = np.concatenate([THETA, np.zeros(2 * len(made.form.walk.knots))])
    at = made.form.value(full[None], made.origin.design(*_cells(made)))
    found = made.predict(beta)
    assert found.loss == pytest.approx(at[0], rel=1e-9)
    assert found.height == pytest.approx(at[0] - made.form.floor(full[None], made.c)[0], abs=1e-9)


def _cells(made: ValleyModel) -> tuple[Floats, Floats, Floats]:
    params, flops = np.exp(made.x + made.origin.n), np.exp(made.c + made.origin.c)
    return params, flops / 6 / params, flops


def test_variances_are_of_noise_and_of_misfit_by_height() -> None:
    noise, misfit = model().variances(
        scales(noise=0.02, misfit=0.1), np.array([0.0, 0.5, 2.0]), np.array([1.0, 0.5, 1.0])
    )
    assert noise == pytest.approx([4e-4, 2e-4, 4e-4])
    assert misfit == pytest.approx([0, 0.0025, 0.04])
