"""The worth of repetition: equation 5 of Muennighoff et al. 2023, its slope, and draws of how well R* is known."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitting.repetition.published import LOG_WORTH_SD, PUBLISHED, diminished, drawn


def test_what_is_repeated_is_worth_less_each_time() -> None:
    worth, _ = diminished(np.log([[1.0, 2.0, 4.0, 2e9]]), np.array(np.log(2.0)), np.array([[15.0]]))
    expected = [1.0, 2.0, 2 + 2 * 15 * (1 - np.exp(-1 / 15)), 2 * 16.0]
    assert np.exp(worth[0]) == pytest.approx(expected)


def test_the_slope_is_that_of_the_worth() -> None:
    log_amount = np.linspace(-3, 5, 33)[None]
    unique, rate, step = np.array(0.1), np.array([[5.3], [15.4]]), 1e-5
    up, down = (diminished(log_amount + sign * step, unique, rate)[0] for sign in (1, -1))
    away = np.abs(log_amount - unique) > 2 * step
    slope = np.exp(diminished(log_amount, unique, rate)[1])
    assert (slope - (up - down) / (2 * step))[np.broadcast_to(away, slope.shape)] == pytest.approx(0, abs=1e-8)


def test_the_slope_stays_known_where_the_worth_no_longer_changes() -> None:
    worth, slope = diminished(np.array([[20.0, 21.0]]), np.array(0.0), np.array([[5.0]]))
    assert worth[0, 0] == worth[0, 1] == pytest.approx(np.log(6))
    assert slope[0, 1] - slope[0, 0] == pytest.approx(1 - (np.exp(21.0) - np.exp(20.0)) / 5)
    assert np.isfinite(slope).all()


def test_the_published_worth_is_known_to_a_factor_of_two_and_that_to_ten_degrees_of_freedom() -> None:
    assert (PUBLISHED.tokens.item(), PUBLISHED.params.item()) == (15.387756, 5.309743)
    assert np.exp(LOG_WORTH_SD) == pytest.approx(2)
    found = drawn(2000, np.random.default_rng(0))
    logs = np.log(np.hstack([found.tokens / PUBLISHED.tokens, found.params / PUBLISHED.params]))
    assert logs.shape == (2000, 2)
    assert np.median(logs, axis=0) == pytest.approx([0, 0], abs=0.01)
    assert np.percentile(logs, [2.5, 97.5], axis=0) == pytest.approx(
        np.array([[-1, -1], [1, 1]]) * 2.228 * np.log(2), abs=0.03
    )
    assert abs(np.corrcoef(logs.T)[0, 1]) < 0.1, "the two are drawn apart"
