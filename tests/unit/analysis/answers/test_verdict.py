"""Verdicts: p as the interval has it, and the seeds that would settle one, against a simulation."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from analysis.answers.verdict import (
    MOST_SEEDS,
    Verdict,
    difference_noise,
    judge,
    normal_share,
    seeds_to_settle,
    verdict_sentence,
)
from analysis.evidence import Noise
from analysis.fitting.interval import NORMAL


def _judged(ratio: float, half: float, noise: tuple[float, int] | None = (0.01, 1000)) -> Verdict:
    return judge(1e12, 3.0, ratio, half, 0.1, noise)


@pytest.mark.parametrize(("ratio", "settled"), [(0.501, True), (0.499, False), (-0.499, False), (-0.501, True)])
def test_a_verdict_is_settled_exactly_where_the_interval_leaves_out_1(ratio: float, settled: bool) -> None:
    found = _judged(ratio, 0.5)
    assert (found.settled, 1 not in found.interval) == (settled, settled)
    assert (found.p_better > 0.5) == (ratio > 0)
    assert found.p_better == pytest.approx(normal_share(ratio / (0.5 / NORMAL)))
    assert (found.further_seeds == 0) == settled
    assert (found.multiplier, found.flops, found.loss, found.noise) == (math.exp(ratio), 1e12, 3.0, 0.01)


def test_the_two_sides_have_probabilities_that_sum_to_one() -> None:
    assert _judged(0.2, 0.5).p_better + _judged(-0.2, 0.5).p_better == pytest.approx(1)
    assert _judged(0.0, 0.5).p_better == 0.5


def test_so_many_seeds_settle_four_of_five_cases() -> None:
    """Simulated: a gap of 0.02 that is known to ±0.02 so far, and runs whose difference scatters by 0.05."""
    gap, error, noise = 0.02, 0.02, 0.05
    seeds = seeds_to_settle(gap, error, noise, 10_000)
    assert seeds is not None and 5 < seeds < 200
    generator = np.random.default_rng(0)

    def power(count: int) -> float:
        means = generator.normal(gap, noise / math.sqrt(count), 20_000)
        known, new = error**-2, count / noise**2
        joint = (known * gap + new * means) / (known + new)
        return float((joint * math.sqrt(known + new) > NORMAL).mean())

    assert power(seeds) == pytest.approx(0.8, abs=0.03)
    assert power(seeds // 2) < 0.75


def test_more_noise_or_a_smaller_gap_takes_more_seeds() -> None:
    few = seeds_to_settle(0.02, 0.02, 0.02, 100)
    noisy, small = seeds_to_settle(0.02, 0.02, 0.06, 100), seeds_to_settle(0.01, 0.02, 0.02, 100)
    assert few is not None and noisy is not None and small is not None
    assert noisy > 2 * few and small > 2 * few
    assert (seeds_to_settle(0.02, 0.02, 0.02, 1) or 0) > few, "noise from two runs is hardly known"
    assert seeds_to_settle(0.0, 0.02, 0.02, 100) is None
    assert seeds_to_settle(0.02, 0.0101, 1e-6, 100) == 1


def test_noise_between_seeds_comes_before_the_scatter_about_the_curves() -> None:
    none = Noise(None, 0, None, 0, None)
    curves = replace(none, sigma=0.03, degrees_of_freedom=9)
    seeds = replace(curves, seed_sigma=0.02, seed_degrees_of_freedom=4)
    assert difference_noise([(seeds, 1.0), (curves, 0.5)]) == (pytest.approx(math.hypot(0.02, 0.015)), 13)
    assert difference_noise([(none, 1.0), (seeds, 2.0)]) == (pytest.approx(math.hypot(0.04, 0.04)), 4)
    assert difference_noise([(none, 1.0), (none, 1.0)]) is None


@pytest.mark.parametrize(
    ("ratio", "noise", "said"),
    [
        (1.0, (0.01, 99), "a needs ×2.72 (×1.65 to ×4.48) the compute of b; p that b is better above 99.9%; settled: b is"),
        (-1.0, (0.01, 99), "b needs ×2.72 (×1.65 to ×4.48) the compute of a; p that a is better above 99.9%; settled: a"),
        (0.4, (0.01, 9999), "p that b is better 94.2%; open: 1 further seed of each at this budget would settle it, if"),
        (0.4, (0.05, 9999), "open: 8 further seeds of each at this budget"),
        (0.001, (0.01, 99), f"open, and {MOST_SEEDS:,} further seeds would not settle it: they are as good as equal"),
        (0.4, None, "open, and the noise between runs is unknown: repeat a cell with other seeds"),
    ],
)  # fmt: skip
def test_a_verdict_in_one_line(ratio: float, noise: tuple[float, int] | None, said: str) -> None:
    line = verdict_sentence("a", "b", _judged(ratio, 0.5, noise))
    assert line.startswith("Verdict at 10¹² FLOPs: ") and "\n" not in line
    assert said in line
