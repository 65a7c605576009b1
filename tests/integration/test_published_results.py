"""Published IsoFLOP results: the figures that others reported, reproduced from their data where it is at hand."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from analysis.answers.limited import best_with_limited_data
from analysis.fitting.approach3 import DELTA, HuberLog, bootstrap_approach3, fit_approach3, reweigh_approach3
from analysis.fitting.solver import minimise
from analysis.law import Law, fit
from analysis.table.table import RunTable

DATA = Path(os.environ.get("ISOFLOP_PUBLISHED_DATA", Path(__file__).resolve().parents[2] / "../shared/data"))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the published data is not at hand")


@cache
def table(name: str) -> RunTable:
    path = DATA / f"{name}.csv"
    if not path.exists():
        pytest.skip(f"{path.name} is not at hand")
    return RunTable.read_csv(path)


@cache
def law(name: str) -> Law:
    return fit(table(name))


def chinchilla() -> RunTable:
    """Without the five rows that Besiroglu et al. 2024 exclude."""
    return table("chinchilla").select(np.arange(245) >= 5)


def test_chinchilla_huber_fit_is_exact() -> None:
    found = fit_approach3(chinchilla())
    expected = [1.817218, 477.826, 2143.417, 0.3473105, 0.3671724]
    assert found.parameters[0] == pytest.approx(expected, rel=1e-5)
    assert found.objectives[0] == pytest.approx(1.0182740178e-3, rel=1e-9)
    assert found.exponents[0] == pytest.approx(0.514, abs=1e-3)


def test_chinchilla_published_values_are_the_limit_of_a_small_delta() -> None:
    found = fit_approach3(chinchilla(), delta=4.7e-9)
    assert found.parameters[0] == pytest.approx([1.81686, 482.00572, 2085.4342, 0.34781, 0.36585], rel=2e-5)


def test_chinchilla_five_rows_move_b_sixfold() -> None:
    assert fit_approach3(table("chinchilla")).parameters[0, 2] == pytest.approx(12846, rel=0.01)


def test_chinchilla_bootstraps_give_the_published_intervals() -> None:
    """Besiroglu et al. 2024, from 4,000 draws; 1,000 here."""
    draws = bootstrap_approach3(chinchilla(), 1000)
    low, high = np.percentile(draws.parameters, [2.5, 97.5], axis=0)
    assert low == pytest.approx([1.769, 285.2, 1042.4, 0.317, 0.331], rel=0.1)
    assert high == pytest.approx([1.871, 743.6, 5810.3, 0.373, 0.415], rel=0.1)
    assert np.percentile(draws.exponents, [2.5, 97.5]) == pytest.approx([0.480, 0.556], abs=0.01)


def test_chinchilla_bootstraps_have_no_better_optimum_nearby() -> None:
    """Solved again from other starts, no weighting's objective falls."""
    runs = chinchilla()
    generator = np.random.default_rng(1)
    weights = generator.multinomial(len(runs), np.full(len(runs), 1 / len(runs)), 40).astype(float)
    found = reweigh_approach3(runs, weights)
    x, y = np.log(runs.params), np.log(runs.tokens)
    floor, a, b, alpha, beta = found.parameters.T
    mean = (x.mean(), y.mean())
    start = np.stack([np.log(a) - alpha * mean[0], np.log(b) - beta * mean[1], np.log(floor), alpha, beta], axis=1)
    problem = HuberLog(x - mean[0], y - mean[1], np.log(runs.loss), weights, DELTA)
    for _ in range(4):
        other = minimise(problem, start + generator.normal(0, 0.1, start.shape))[1]
        assert (other >= found.objectives * (1 - 1e-9)).all()


def test_chinchilla_parabolas_give_the_published_exponent() -> None:
    """Hoffmann et al. 2022, table 2: 0.49 to 0.50 for approaches 1 and 2."""
    minima = [
        (curve.flops, minimum.params)
        for curve in fit(chinchilla(), holdout=False).curves
        for minimum in curve.minima
        if minimum.estimator == "parabola" and len(curve.params) >= 5
    ]
    slope = np.polyfit(*np.log(np.array(minima)).T, 1)[0]
    assert slope == pytest.approx(0.495, abs=0.02)


def test_chinchilla_outliers_are_found_and_named() -> None:
    named = "3 runs are too far from every surface for a budget's curve: row 3, row 4, row 5."
    assert named in law("chinchilla").warnings


def test_llama3_tokens_follow_the_published_law() -> None:
    """Llama 3 (2024), section 3.2.1: D* = 0.29 · C^0.53; 0.299 and 0.537 before rounding, all rows."""
    runs = table("llama3")
    optima = []
    for budget, flops in enumerate(runs.budgets):
        at = runs.budget == budget
        coefficients = np.polyfit(np.log(runs.params[at]), runs.loss[at], 2)
        optima.append((flops, flops / 6 / np.exp(-coefficients[1] / 2 / coefficients[0])))
    slope, intercept = np.polyfit(*np.log(np.array(optima)).T, 1)
    assert (np.exp(intercept), slope) == pytest.approx((0.299, 0.537), abs=1e-3)
    assert len(runs.budgets) == 10


def test_llama3_forecast_of_1e22_covers_the_loss() -> None:
    runs = table("llama3")
    curve = law("llama3").curves[-1]
    measured = float(np.median([minimum.loss for minimum in curve.minima]))
    prediction = fit(runs.select(runs.flops <= 1.01e21), holdout=False).predict(1e22)
    assert measured in prediction.loss_interval
    assert (prediction.loss_interval.high - prediction.loss_interval.low) / 2 < 0.03
    assert prediction.confidence in ("medium", "low")


def test_cs336_synthetic_runs_give_back_their_surface() -> None:
    """The data is E + A/N^0.34 + B/D^0.36 without noise."""
    additive = next(surface for surface in law("cs336").surfaces if surface.name == "additive")
    assert additive.parameters["alpha"] == pytest.approx(0.34, abs=1e-3)
    assert additive.parameters["beta"] == pytest.approx(0.36, abs=1e-3)
    p = additive.parameters
    for flops in (1e23, 1e24):
        balance = p["alpha"] * p["A"] / (p["beta"] * p["B"]) * (flops / 6) ** p["beta"]
        truth = balance ** (1 / (p["alpha"] + p["beta"]))
        prediction = law("cs336").predict(flops)
        assert prediction.params == pytest.approx(truth, rel=0.02)
        assert truth in prediction.params_interval


@pytest.mark.parametrize("name", ["chinchilla", "llama3", "cs336"])
def test_the_loss_of_held_out_budgets_is_mostly_covered(name: str) -> None:
    far = [record for record in law(name).holdout if record.extrapolation >= 3]
    assert len(far) >= 5
    assert np.mean([record.loss_covered for record in far]) >= 0.8


def test_limited_data_never_does_better_with_less_of_it() -> None:
    """3 × 10⁹ tokens were said to reach 3.00, 2 × 10⁹ 2.99, and 7 × 10⁸ 3.20, with N to and fro."""
    found = law("porian_rw_cosine_chinchilla")
    answers = [best_with_limited_data(found, 2.56e19, float(unique)) for unique in np.geomspace(3e7, 6e9, 24)]
    losses, log_n = np.array([answer.loss for answer in answers]), np.log([answer.params for answer in answers])
    assert (np.diff(losses) < 0).all()
    assert np.abs(np.diff(log_n)[8:]).max() < 0.1
