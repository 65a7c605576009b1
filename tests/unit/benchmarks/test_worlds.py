"""The simulated worlds do what their names say."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.truths import additive, changing_slope, drifting, far_misfit
from benchmarks.worlds import ALONG, SHARED, WORLDS, World, correlated, grid, noise, optimum

NAMED = {world.name: world for world in WORLDS}


def residuals(world: World, draws: int = 300) -> np.ndarray:
    frame = grid(world)
    return np.array([noise(world, frame, np.random.default_rng(seed)) for seed in range(draws)])


def test_far_misfit_is_none_near_the_valley_and_half_a_nat_far_off() -> None:
    params = np.full(4, 1e8)
    ratio = np.array([22.0, 22 * np.e**2, 22 / np.exp(3.8), 22 * np.exp(3.8)])
    gap = far_misfit(params, params * ratio) - additive(params, params * ratio)
    assert gap == pytest.approx([0, 0, 0.45, 0.45], abs=1e-9)
    assert ratio[2:] == pytest.approx([0.5, 1000], rel=0.02)
    for flops in (1e18, 1e20, 1e22):
        assert optimum(far_misfit, flops) == pytest.approx(optimum(additive, flops), abs=1e-9)
    frame = grid(NAMED["far misfit"])
    tokens = frame.tokens / frame.params
    assert tokens.min() < 0.5
    assert tokens.max() > 1000


def test_the_slope_falls_from_0_6_to_a_quarter_and_n_is_a_power_law() -> None:
    at = [optimum(changing_slope, flops) for flops in np.geomspace(1e18, 1e20, 9)]
    slopes = -np.diff([loss for _, loss in at]) / np.log(10 ** (2 / 8))
    assert slopes[0] == pytest.approx(0.58, abs=0.03)
    assert slopes[-1] == pytest.approx(0.25, abs=0.02)
    assert (np.diff(slopes) < 0).all()
    assert np.diff([size for size, _ in at]) == pytest.approx([0.5 * np.log(10 ** (2 / 8))] * 8, abs=1e-3)


def test_neighbours_correlate_by_a_half() -> None:
    drawn = np.array([correlated(7, np.random.default_rng(seed)) for seed in range(3000)])
    assert np.corrcoef(drawn.T)[0, 1:3] == pytest.approx([0.5, 0.25], abs=0.06)
    assert drawn.std(axis=0) == pytest.approx([1] * 7, abs=0.05)


def test_residuals_along_n_are_three_times_the_white_noise_and_new_in_each_budget() -> None:
    world = NAMED["correlated residuals"]
    drawn = residuals(world)
    assert drawn.std() / world.sigma == pytest.approx(np.hypot(1, ALONG), rel=0.05)
    assert np.corrcoef(drawn[:, 1], drawn[:, 2])[0, 1] == pytest.approx(0.45, abs=0.12)
    assert abs(np.corrcoef(drawn[:, 6], drawn[:, 7])[0, 1]) < 0.15


def test_a_bump_is_the_same_for_equal_sizes_of_all_budgets() -> None:
    world = NAMED["bump in N that all budgets share"]
    frame, drawn = grid(world), residuals(world)
    assert drawn.std() / world.sigma == pytest.approx(np.hypot(1, SHARED), rel=0.06)
    size = np.log(frame.params).round(4)
    same = np.flatnonzero(size == size.mode()[0])
    assert len(same) >= 2
    assert np.corrcoef(drawn[:, same[0]], drawn[:, same[1]])[0, 1] == pytest.approx(0.8, abs=0.08)


def test_earlier_worlds_draw_what_they_drew() -> None:
    world = NAMED["iid"]
    assert noise(world, grid(world), np.random.default_rng(5)) == pytest.approx(
        np.random.default_rng(5).normal(0, 0.003, 35), abs=0
    )
    assert len(grid(world)) == 35
    assert [world.name for world in WORLDS[:11]][-1] == "three small budgets"
    assert drifting(np.array([1e9]), np.array([2e10])) == pytest.approx([2.7], abs=0.3)


def test_sizes_are_one_ladder_about_each_optimum() -> None:
    frame = grid(NAMED["far misfit, seven budgets"])
    assert frame.groupby("flops").size().tolist() == [11] * 7
    steps = np.diff(np.sort(np.unique(np.log(frame.params).round(6))))
    assert steps == pytest.approx([np.log(8) / 5] * len(steps), abs=1e-5)
