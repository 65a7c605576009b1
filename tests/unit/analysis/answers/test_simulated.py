"""Simulated runs: about the law's answers, in a truth that its intervals allow, repeats about their own cell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from analysis.answers.questions import given_size
from analysis.answers.simulated import SimulatedWorld
from analysis.law import Law, fit
from analysis.records import LawError
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import table

Floats = NDArray[np.float64]

NEXT = 3e20


@pytest.fixture(scope="module")
def runs() -> RunTable:
    return table()


@pytest.fixture(scope="module")
def law(runs: RunTable) -> Law:
    return fit(runs, holdout=False)


@pytest.fixture(scope="module")
def world(law: Law, runs: RunTable) -> SimulatedWorld:
    return SimulatedWorld.of(law, runs)


def many(world: SimulatedWorld, params: list[float], draws: int = 250) -> Floats:
    """Losses (draws, sizes) of runs at the next budget."""
    generator = np.random.default_rng(1)
    budgets = np.full(len(params), NEXT)
    return np.array([world.runs(budgets, np.array(params), generator).loss for _ in range(draws)])


def test_runs_scatter_about_the_law_as_it_says(law: Law, world: SimulatedWorld) -> None:
    best = law.predict(NEXT)
    losses = many(world, [best.params, best.params, best.params / 4, best.params * 4])
    half = (best.loss_interval.high - best.loss_interval.low) / 2
    assert abs(losses[:, 0].mean() - best.loss) < half / 4
    assert losses[:, 0].std() == pytest.approx(np.hypot(half / 1.96, world.sigma), rel=0.2)
    pair = (losses[:, 0] - losses[:, 1]).std()
    assert pair == pytest.approx(np.sqrt(2) * world.sigma, rel=0.2), "runs of one draw share its truth"
    for column, size in ((2, best.params / 4), (3, best.params * 4)):
        assert losses[:, column].mean() == pytest.approx(given_size(law, NEXT, size).loss, abs=0.02)


def test_tokens_follow_the_cost_and_nothing_is_left_to_chance(law: Law, world: SimulatedWorld) -> None:
    best = law.predict(NEXT)
    first, second = (world.runs(np.array([NEXT]), np.array([best.params]), np.random.default_rng(3)) for _ in range(2))
    assert first.tokens[0] == pytest.approx(best.tokens) and first.loss[0] == second.loss[0]


def test_a_repeat_has_the_misfit_of_its_cell_but_not_its_noise(law: Law, runs: RunTable) -> None:
    budget, params = float(runs.budgets[0]), runs.params[:3]
    flops = np.full(3, budget)

    def mean(changed: RunTable) -> Floats:
        made = SimulatedWorld.of(law, changed)
        generator = np.random.default_rng(2)
        return np.asarray(np.mean([made.runs(flops, params, generator).loss for _ in range(100)], axis=0))

    off = runs.loss.copy()
    off[:3] += 0.5
    assert mean(replace(runs, loss=off)) == pytest.approx(off[:3], abs=0.02)
    near = [given_size(law, budget, float(size)).loss for size in params]
    assert np.abs(mean(runs) - near).max() < 0.02


def test_unknown_scatter_and_budgets_without_an_answer_are_refused(law: Law, runs: RunTable) -> None:
    unknown = replace(law, noise=replace(law.noise, sigma=None))
    with pytest.raises(LawError, match="scatter"):
        SimulatedWorld.of(unknown, runs)
    with pytest.raises(LawError):
        SimulatedWorld.of(law, runs).runs(np.array([1e60]), np.array([1e9]), np.random.default_rng(0))
