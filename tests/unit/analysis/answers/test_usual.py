"""Simulated outcomes of a plan miss the form, drift and share errors as published sweeps do."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.answers.usual import SURFACE, USUAL, usual_outcomes
from analysis.fitting.valley.form import height
from analysis.table.table import RunTable

Floats = NDArray[np.float64]

WORLDS = 600


def ladder(span: float, *, repeats: int = 1) -> RunTable:
    """Five budgets with one ladder of eleven sizes, two of them 3 % apart at the end of the small ones."""
    sizes = np.append(np.geomspace(1 / span, span, 10), 1.03 / span) * 1e8
    flops, params = (np.tile(side.ravel(), repeats) for side in np.meshgrid(np.geomspace(1e18, 1e20, 5), sizes))
    frame = pd.DataFrame({"flops": flops, "params": params, "tokens": flops / 6 / params, "loss": 3.0})
    frame.loc[0, "loss"], frame["budget"], frame["seed"] = 4.0, flops, np.arange(len(flops))
    return RunTable.from_frame(frame)


def drawn(plan: RunTable, noise: float, count: int = WORLDS) -> Floats:
    return np.array([table.loss for table in usual_outcomes(plan, noise, count)])


def at(plan: RunTable, budget: int, size: float) -> int:
    """The run of a budget whose size is nearest."""
    return int(np.argmin(np.where(plan.budget == budget, np.abs(np.log(plan.params / size)), np.inf)))


def heights(plan: RunTable) -> Floats:
    """Of the default surface above its floor."""
    x, c = (np.log(column) - np.log(column).mean() for column in (plan.params, plan.flops))
    return np.asarray(height(SURFACE, x - SURFACE.exponent * c, c).height)


def test_each_cell_misses_the_form_by_a_share_of_its_height_and_its_repeats_miss_it_alike() -> None:
    plan = ladder(16.0, repeats=2)
    losses, above = drawn(plan, 0.0), heights(plan)
    left, right = at(plan, 4, 1e8 / 16), at(plan, 4, 1.03e8 / 16)
    misfit = USUAL.misfit * float(np.hypot(above[left], above[right]))
    assert misfit > 0.05
    assert 0.9 < float((losses[:, left] - losses[:, right]).std()) / misfit < 1.3
    same = np.flatnonzero(plan.repeat == plan.repeat[left])
    assert len(same) == 2
    assert (losses[:, same[0]] == losses[:, same[1]]).all()


def test_the_floor_drifts_away_from_the_middle_of_the_budgets() -> None:
    plan = ladder(16.0)
    scatter, above = drawn(plan, 0.0).std(axis=0), heights(plan)
    middle, last = (np.flatnonzero(plan.budget == b)[np.argmin(above[plan.budget == b])] for b in (2, 4))
    away = 0.5 * np.log(1e20 / 1e18)
    drift = float(np.exp(SURFACE.log_slope)) * USUAL.misfit * USUAL.slope_drift * np.sqrt(away**3 / 3)
    assert 0.85 < scatter[last] / drift < 1.15
    assert scatter[middle] < 0.1 * drift


def test_runs_of_a_budget_or_a_size_share_some_of_the_noise_and_other_runs_none() -> None:
    plan = ladder(2.0)
    losses = drawn(plan, 0.5)
    related = np.corrcoef(losses.T)
    here = at(plan, 2, 1e8 / 2)
    assert 0.5 < float(losses[:, here].std()) < 0.65
    other = related[here][(plan.budget != 2) & (plan.size != plan.size[here])]
    same_size = related[here][(plan.size == plan.size[here]) & (plan.budget != 2)]
    same_budget = related[here][(plan.budget == 2) & (plan.size != plan.size[here])]
    assert abs(float(other.mean())) < 0.03
    assert float(same_size.mean()) > 0.06
    assert float(same_budget.mean()) > 0.04


def test_equal_plans_have_equal_outcomes_and_each_is_another_world() -> None:
    plan = ladder(4.0)
    first, second = drawn(plan, 0.01, 3), drawn(plan, 0.01, 3)
    assert (first == second).all()
    assert np.abs(np.diff(first, axis=0)).min() > 0
    assert (first > 0).all()
