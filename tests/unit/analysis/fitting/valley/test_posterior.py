"""What the valley knows: weights, N*, L*, exponents and draws, and how their widths follow the runs."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from analysis.fitting.cost import TokenCost
from analysis.fitting.refused import RefusedError
from analysis.fitting.valley import posterior
from analysis.fitting.valley.form import FIXED
from analysis.fitting.valley.posterior import DRAWS, Optima, Valley, draw, learn, mean_exponent, optima
from analysis.refusals import FitRunsOff
from analysis.table.table import RunTable
from tests.unit.analysis.fitting.valley.made import BUDGETS, falling, learnt, origin, shared_sizes
from tests.unit.analysis.law_tables import Floats, best, skewed, sweep, table

COST = TokenCost.constant(6.0)
FAR = np.array([1e20, 1e21, 1e22, 1e24])


@cache
def noisy() -> Valley:
    return learnt(table(truth=skewed))


def at(valley: Valley, *budgets: float) -> Optima:
    return optima(valley, np.log(budgets))


def test_the_draws_are_weighed_and_none_rules() -> None:
    valley = noisy()
    assert valley.weights.shape == (DRAWS,)
    assert valley.weights.sum() == pytest.approx(1) and (valley.weights >= 0).all()
    assert valley.weights.max() < 0.3
    assert valley.means.shape == (DRAWS, FIXED + 2 * len(valley.form.walk.knots))
    assert valley.mean == pytest.approx(valley.weights @ valley.means)
    assert tuple(valley.best) == tuple(valley.mode.scales)


def test_the_heaviest_draw_weighs_no_more_than_the_quantile(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = table(truth=skewed)
    monkeypatch.setattr(posterior, "_HEAVIEST", 1.0)
    free = learnt(runs).weights
    monkeypatch.setattr(posterior, "_HEAVIEST", 0.5)
    capped = learnt(runs).weights
    assert capped.max() < free.max()
    assert (np.isclose(capped, capped.max())).sum() >= DRAWS // 2


def test_draws_are_in_pairs_about_the_most_probable_scales() -> None:
    valley = noisy()
    scales = posterior._draw_scales(valley.mode, DRAWS)[0]
    assert (scales[: DRAWS // 2] + scales[DRAWS // 2 :]) / 2 == pytest.approx(
        np.tile(valley.mode.scales, (DRAWS // 2, 1))
    )


def test_intervals_hold_the_truth() -> None:
    inside = []
    for seed in range(10):
        found = optima(learnt(table(truth=skewed, noise=0.01, seed=seed)), np.log([*BUDGETS, 1e21]))
        sizes, losses = zip(*(best(skewed, flops, COST) for flops in (*BUDGETS, 1e21)), strict=True)
        inside += (np.abs(found.log_params - np.log(sizes)) <= found.log_params_half).tolist()
        inside += (np.abs(found.loss - losses) <= found.loss_half).tolist()
    assert len(inside) == 120 and np.mean(inside) > 0.9


def test_without_noise_the_widths_are_the_floors() -> None:
    found = at(learnt(table(truth=skewed, noise=0.0)), 1e19)
    assert found.log_params_half == pytest.approx(1.96 * posterior.PARAMS_FLOOR, rel=1e-2)
    assert found.loss_half == pytest.approx(1.96 * posterior.LOSS_FLOOR * found.loss, rel=1e-2)


def test_widths_grow_with_extrapolation_on_either_side() -> None:
    up, down = (optima(noisy(), np.log(budgets)) for budgets in (FAR, 1e38 / FAR))
    for found in (up, down):
        assert (np.diff(found.log_params_half) > 0).all() and (np.diff(found.loss_half) > 0).all()
    assert up.loss_half[-1] > 3 * up.loss_half[0] and up.log_params_half[-1] > 3 * up.log_params_half[0]


def test_the_mean_exponent_of_a_straight_path_is_its_own() -> None:
    low, high = np.log(BUDGETS[0]), np.log(BUDGETS[-1])
    exponent, half = mean_exponent(learnt(table(truth=skewed, noise=0.0)), low, high)
    assert exponent == pytest.approx(0.45, abs=1e-3) and 0 < half < 1e-3
    exponent, half = mean_exponent(noisy(), low, high)
    assert abs(exponent - 0.45) < half < 0.03
    bends = learnt(table(truth=falling, noise=0.0))
    middle = (low + high) / 2
    assert mean_exponent(bends, low, middle)[0] - mean_exponent(bends, middle, high)[0] == pytest.approx(
        0.5 * 0.1 * (high - low) / 2, rel=0.2
    )


def test_draws_have_the_mean_and_the_spread_of_the_posterior() -> None:
    valley = noisy()
    drawn = draw(valley, 20_000, np.random.default_rng(0))
    assert drawn.shape == (20_000, len(valley.mean))
    off = valley.means - valley.mean
    variance = valley.weights @ (np.diagonal(valley.covariances, axis1=1, axis2=2) + off**2)
    assert (drawn.mean(axis=0) - valley.mean) / np.sqrt(variance) == pytest.approx(0, abs=0.05)
    assert drawn.std(axis=0) == pytest.approx(np.sqrt(variance), rel=0.1)


def test_draws_and_widths_agree() -> None:
    found = optima(noisy(), np.log(FAR))
    drawn = draw(noisy(), 20_000, np.random.default_rng(1))
    c = np.log(FAR) - noisy().origin.c
    path, floor = noisy().form.path(drawn, c) + noisy().origin.n, noisy().form.floor(drawn, c)
    for values, middle, half in ((path, found.log_params, found.log_params_half), (floor, found.loss, found.loss_half)):
        assert (np.abs(values - middle) <= half).mean(axis=0)[1:] == pytest.approx(0.95, abs=0.02)


def duplicated(frame: pd.DataFrame, copies: int) -> RunTable:
    return RunTable.from_frame(pd.concat([frame.assign(seed=seed) for seed in range(copies)], ignore_index=True))


def halves(runs: RunTable) -> Floats:
    found = optima(learnt(runs), np.log([1e19, 1e21]))
    return np.concatenate([found.log_params_half, found.loss_half])


def test_exact_duplicates_of_every_run_do_not_widen() -> None:
    ratios = []
    for seed in range(6):
        frame = sweep(truth=skewed, noise=0.01, seed=seed).drop(columns="seed")
        ratios.append(halves(duplicated(frame, 2)) / halves(duplicated(frame, 1)))
    assert (np.median(ratios, axis=0) < 1.005).all()
    assert np.max(ratios) < 1.1, "the scales settle a little elsewhere"


def test_independent_repeats_narrow() -> None:
    ratios = [
        halves(shared_sizes(0.01, seed=seed, repeats=4)) / halves(shared_sizes(0.01, seed=seed)) for seed in range(6)
    ]
    assert (np.median(ratios, axis=0) < 0.8).all()


def test_neither_the_order_of_runs_nor_the_labels_matter() -> None:
    runs = table(truth=skewed)
    rows = np.random.default_rng(0).permutation(len(runs))
    shuffled = replace(
        runs.select(np.ones(len(runs), dtype=bool)),
        **{
            name: getattr(runs, name)[rows]
            for name in ("flops", "params", "tokens", "loss", "budget", "size", "repeat", "trunk")
        },
    )
    for before, after in zip(
        vars(at(noisy(), 1e19, 1e21)).values(), vars(at(learnt(shuffled), 1e19, 1e21)).values(), strict=True
    ):
        assert after == pytest.approx(before, rel=1e-3)


def test_a_fit_that_runs_off_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise np.linalg.LinAlgError("Singular matrix")

    runs = table(truth=skewed)
    endless = replace(noisy().mode, solved=replace(noisy().mode.solved, log_evidence=float("nan")))
    for found in (fails, lambda *_: (endless,)):
        monkeypatch.setattr(posterior, "fit_valley", found)
        with pytest.raises(RefusedError) as caught:
            learn(runs, origin(runs))
        assert isinstance(caught.value.refusal, FitRunsOff)
