"""The surface: it finds the rules of a valley it can describe, says how well, and keeps to the start without trials."""

from __future__ import annotations

import numpy as np
import pytest

from sweeps.tune.surface import Prior, Trials, _finite, fit_surface

RULE = np.array([[0.4, 0.1, 0.5], [-1.0, -0.4, 0.1]])
PRIOR = Prior(np.array([[0.0, 0.0, 0.4], [0.0, -0.3, 0.0]]), np.log([16.0, 16.0]), np.array([0.12, 0.12]))


def trials_of(seed: int, count: int, noise: float = 0.01) -> Trials:
    """Trials of six cells about the start."""
    rng = np.random.default_rng(seed)
    cell = np.arange(count) % 6
    at = np.column_stack(
        [np.ones(6), np.tile([-1.2, 0.0, 1.2], 2), np.repeat([0.0, 0.8], 3) - np.tile([-1.2, 0, 1.2], 2)]
    )
    settings = rng.uniform(-2, 2, (count, 2))
    away = settings - at[cell] @ RULE.T
    square = 0.08 * (away**2).sum(axis=1) + 0.04 * away.prod(axis=1)
    loss = 4 + 0.1 * cell + 0.3 * (np.sqrt(1 + 2 * square / 0.3) - 1) + rng.normal(0, noise, count)
    return Trials(cell, at[cell], settings, loss)


def test_rules_are_found_within_their_intervals() -> None:
    surfaces = [fit_surface(trials_of(seed, 60), PRIOR, 6) for seed in range(3)]
    misses = np.array([np.abs(surface.rule - RULE) / surface.half for surface in surfaces])
    assert (misses < 1).mean() > 0.8 and misses.max() < 2
    assert np.max([np.abs(surface.rule - RULE) for surface in surfaces]) < 0.25
    assert surfaces[0].lowest == pytest.approx(4 + 0.1 * np.arange(6), abs=0.02)
    assert 0.006 < surfaces[0].noise < 0.02


def test_the_noise_is_that_of_the_trials() -> None:
    assert fit_surface(trials_of(0, 60, noise=0.04), PRIOR, 6).noise == pytest.approx(0.04, rel=0.4)


def test_diverged_trials_repel() -> None:
    trials = trials_of(0, 60)
    trials.loss[trials.settings[:, 1] > 0.5] = np.inf
    found = fit_surface(trials, PRIOR, 6)
    assert np.abs(found.rule[:, 0] - RULE[:, 0]).max() < 0.3


def test_a_diverged_trial_counts_as_worse_than_all_others_of_its_cell() -> None:
    losses, nothing = np.array([3.0, 5.0, np.inf, 4.0, np.inf]), np.zeros((5, 1))
    trials = Trials(np.array([0, 0, 0, 1, 2]), nothing, nothing, losses)
    assert _finite(trials, 3) == pytest.approx([3, 5, 5.3, 4, 5.3]), "in a cell of none but diverged ones: of all"


def test_few_trials_leave_the_start_and_wide_intervals() -> None:
    few, many = fit_surface(trials_of(0, 6), PRIOR, 6), fit_surface(trials_of(0, 60), PRIOR, 6)
    assert (few.half > 1.5 * many.half).all()
    usual = [np.log(16) / 1.5, 0.15, 0.15]
    assert few.half == pytest.approx(3.182 * np.array([usual, usual]), rel=0.01), "95 % of Student's t, 3 degrees"
    assert np.abs(few.rule - PRIOR.rule)[:, 1:].max() < 0.15, "exponents stay near the usual ones"
