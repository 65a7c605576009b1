"""Standings: spreads, intervals, the interval score and what is said of two neighbours in a table."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.answers.frontier import Frontier
from analysis.answers.standings import (
    Decided,
    Spread,
    margin_of_forecasts,
    margin_of_scores,
    mean_interval,
    over_baseline,
    pooled,
    score_range,
)
from analysis.records import Interval

LINE = Frontier(np.log([1e9, 1e10, 1e11]), np.array([3.0, 2.0, 1.0]), np.array([0.1, 0.1, 0.1]), 1e11)


def test_the_spread_pools_what_differs_within_groups_alone() -> None:
    spread = pooled([[1.0, 3.0], [10.0, 10.0, 13.0], [99.0]])
    assert spread is not None
    assert spread.sigma == pytest.approx(math.sqrt((2 + 6) / 3)) and spread.freedom == 3
    assert pooled([[1.0], [2.0]]) is None and pooled([[2.0, 2.0]]) is None


def test_more_seeds_narrow_the_interval_of_a_mean() -> None:
    spread = Spread(0.1, 1000)
    one, four = mean_interval(2.0, 1, spread), mean_interval(2.0, 4, spread)
    assert one is not None and four is not None
    assert one.high - 2.0 == pytest.approx(0.196, abs=2e-3) and four.high - 2.0 == pytest.approx(0.098, abs=1e-3)
    assert mean_interval(2.0, 1, None) is None


def test_the_multiplier_is_the_baselines_compute_over_ones_own() -> None:
    verdict = over_baseline(LINE, 5e9, 2.0, None)
    assert verdict is not None and verdict.multiplier == pytest.approx(2.0)
    slope = 1 / math.log(10)
    assert math.log(verdict.interval.high / 2.0) == pytest.approx(0.1 / slope)
    wider = over_baseline(LINE, 5e9, 2.0, Interval(1.7, 2.3))
    assert wider is not None and math.log(wider.interval.high / 2.0) == pytest.approx(math.hypot(0.1, 0.3) / slope)
    assert over_baseline(LINE, 5e9, 0.9, None) is None and over_baseline(LINE, 5e9, 3.1, None) is None


def test_a_difference_of_scores_is_settled_or_says_what_would_settle_it() -> None:
    clear = margin_of_scores((2.0, 4), (2.3, 4), Spread(0.02, 30))
    assert clear is not None and clear.settled and clear.further_seeds == 0
    close = margin_of_scores((2.0, 1), (2.03, 1), Spread(0.02, 30))
    assert close is not None and not close.settled
    assert 0.7 < close.p_better < 0.975 and close.further_seeds is not None and 2 <= close.further_seeds <= 20
    assert margin_of_scores((2.0, 1), (2.03, 1), None) is None


def test_forecasts_are_compared_over_what_the_outcome_may_be() -> None:
    narrow, wide, off = Interval(1.98, 2.02), Interval(1.5, 2.5), Interval(2.4, 2.6)
    known = Decided(2.0, 3, Spread(0.001, 10))
    sure = margin_of_forecasts(narrow, wide, known)
    assert sure is not None and (sure.p_better, sure.settled, sure.further_seeds) == (1.0, True, 0)
    vague = Decided(2.0, 1, Spread(0.05, 20))
    margin = margin_of_forecasts(narrow, wide, vague)
    assert margin is not None and not margin.settled and 0.1 < margin.p_better < 0.9
    assert margin.further_seeds is not None and margin.further_seeds >= 2
    equal = margin_of_forecasts(off, off, vague)
    assert equal is not None and (equal.p_better, equal.further_seeds) == (0.5, None)
    assert margin_of_forecasts(narrow, wide, Decided(2.0, 1, None)) is None


def test_a_score_is_as_sure_as_the_outcome() -> None:
    inside = score_range(Interval(1.0, 3.0), Decided(2.0, 1, Spread(0.01, 50)))
    assert inside is not None and (inside.low, inside.high) == (2.0, 2.0)
    edge = score_range(Interval(1.0, 2.0), Decided(2.0, 1, Spread(0.01, 50)))
    assert edge is not None and edge.low == 1.0 and edge.high == pytest.approx(1 + 40 * 0.02, rel=0.02)
    assert score_range(Interval(1.0, 2.0), Decided(2.0, 1, None)) is None
