"""Uncertainty: influences become covariances, and answers know their variance and freedom."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitting.estimators import ADDITIVE, CUBIC, Estimator
from analysis.fitting.interval import LEAST_FREEDOM, NoiseSources
from analysis.fitting.uncertainty import Uncertainty

RUNS = 40


def noise() -> NoiseSources:
    """Independent noise of variance 4 in the runs, and 9 shared by halves of them."""
    shared = np.repeat(np.eye(2), RUNS // 2, axis=0)
    return NoiseSources(("run", "trunk"), np.array([4.0, 9.0]), (shared,), np.eye(2) / RUNS, np.eye(2) * RUNS)


def estimators() -> list[Estimator]:
    mean = np.full((1, RUNS), 1 / RUNS)
    contrast = np.concatenate([np.full(RUNS // 2, 1.0), np.full(RUNS // 2, -1.0)])[None] / RUNS
    return [
        Estimator(ADDITIVE, np.zeros(1), mean, np.array([[0.5]])),
        Estimator(CUBIC, np.zeros(2), np.vstack([mean, contrast]), np.zeros((2, 2))),
    ]


def test_covariances_are_those_of_the_shared_noise() -> None:
    found = Uncertainty.of(estimators(), noise())
    assert found.covariances.shape == (2, 3, 3)
    run, trunk = 1 / RUNS, 0.5
    assert found.covariances[0] == pytest.approx(np.array([[run, run, 0], [run, run, 0], [0, 0, run]]))
    assert found.covariances[1] == pytest.approx(np.array([[trunk, trunk, 0], [trunk, trunk, 0], [0, 0, trunk]]))
    assert found.prior == pytest.approx(np.diag([0.5, 0, 0]))
    assert np.diag(found.total) == pytest.approx([4 * run + 9 * trunk + 0.5, 4 * run + 9 * trunk, 4 * run + 9 * trunk])


def test_an_answer_s_variance_adds_its_sources_and_priors() -> None:
    found = Uncertainty.of(estimators(), noise())
    gradient = np.array([[1.0, 0, 0], [0, 1.0, 0], [0.5, 0.5, 0]])
    variance, freedom = found.variance(gradient)
    base = 4 / RUNS + 4.5
    assert variance == pytest.approx([base + 0.5, base, base + 0.125])
    assert (freedom >= LEAST_FREEDOM).all() and freedom[0] > freedom[2] > freedom[1]


def test_nothing_is_known_without_estimators_or_noise() -> None:
    for empty in (Uncertainty.of([], noise()), Uncertainty.of(estimators(), None), Uncertainty()):
        assert empty.total.shape == (0, 0) and empty.variances.shape == (0,)
