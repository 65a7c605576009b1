"""The verdict of a comparison: which recipe is better at a budget, how surely, and how many seeds would settle it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from analysis.evidence import Noise
from analysis.fitting.interval import NORMAL, student
from analysis.records import Interval
from analysis.wording import format_flops, format_interval, format_multiplier, plural

SETTLED: Final = 0.025
"""A verdict is settled where the probability that the other is better lies below this, or above one minus it."""
POWER: Final = 0.84
"""Standard errors that a true difference must exceed for a test to find it in 80 % of the cases."""
MOST_SEEDS: Final = 1000
"""More seeds than anybody trains."""


@dataclass(frozen=True)
class Verdict:
    """Which of two recipes is better at a budget."""

    flops: float
    """The budget, which is the baseline's, training FLOPs."""
    loss: float
    """Loss of the baseline there, in the unit compared in."""
    multiplier: float
    """Compute of the baseline over that of the other for this loss."""
    interval: Interval
    """Interval of the multiplier."""
    p_better: float
    """Probability that the other is better, with the error of ln of the multiplier normal as in its interval."""
    settled: bool
    """Whether that lies outside 2.5 % to 97.5 %: the interval does not hold 1."""
    further_seeds: int | None
    """Further seeds of each recipe's optimum at this budget with which the verdict would be settled in 80 % of the
    cases if the difference is as estimated; 0 where it is settled, None where the noise is unknown or more than
    MOST_SEEDS are needed."""
    noise: float | None
    """Standard deviation of the difference of one run of each, in the unit compared in; None where it is unknown."""


def judge(
    flops: float, loss: float, ratio: float, half: float, slope: float, noise: tuple[float, int] | None
) -> Verdict:
    """The verdict on a multiplier.

    Args:
        flops: budget of the baseline.
        loss: its loss there.
        ratio: ln of the multiplier.
        half: half-width of its 95 % interval.
        slope: fall of the loss for one more ln C.
        noise: standard deviation of the difference of one run of each, with its degrees of freedom.
    """
    p = normal_share(NORMAL * ratio / half)
    settled = not SETTLED <= p <= 1 - SETTLED
    seeds: int | None = 0 if settled else None
    if not settled and noise is not None:
        seeds = seeds_to_settle(abs(ratio) * slope, half / NORMAL * slope, *noise)
    return Verdict(
        flops=flops,
        loss=loss,
        multiplier=math.exp(ratio),
        interval=Interval(math.exp(ratio - half), math.exp(ratio + half)),
        p_better=p,
        settled=settled,
        further_seeds=seeds,
        noise=None if noise is None else noise[0],
    )


def normal_share(z: float) -> float:
    """The probability that a standard normal variable lies below z."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


def seeds_to_settle(gap: float, error: float, noise: float, freedom: int) -> int | None:
    """Fewest further seeds of each side that tell a gap from zero with a power of 80 %; None above MOST_SEEDS.

    What is known of the gap, with standard error `error`, is joined with the mean of n differences of one run of each,
    whose standard deviation is `noise`, estimated with `freedom` degrees of freedom; so much less is known of it as
    Student's quantile is above the normal one.
    """

    def enough(seeds: int) -> bool:
        wide = noise * float(student(freedom + 2 * (seeds - 1))) / NORMAL
        known, new = error**-2, seeds * wide**-2
        joint = (known + new) ** -0.5
        return bool(gap - POWER * (new * joint**2) * wide / math.sqrt(seeds) >= NORMAL * joint)

    if not enough(MOST_SEEDS):
        return None
    low, high = 0, MOST_SEEDS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def difference_noise(sides: Sequence[tuple[Noise, float]]) -> tuple[float, int] | None:
    """Standard deviation of the difference of one run of each of two laws, and its degrees of freedom.

    Each side is its noise with the factor of its losses. That between seeds counts, where there are repeats, else the
    scatter about the curves; a side without either is taken to be as noisy as the other. None where neither is known.
    """
    known = [_of_run(noise, scale) for noise, scale in sides]
    found = [each for each in known if each is not None]
    if not found:
        return None
    (first, freedom), (second, more) = (found * 2)[:2] if len(found) == 1 else found
    return math.hypot(first, second), freedom if len(found) == 1 else freedom + more


def _of_run(noise: Noise, scale: float) -> tuple[float, int] | None:
    """Standard deviation between runs of one cell, and its degrees of freedom."""
    if noise.seed_sigma:
        return scale * noise.seed_sigma, noise.seed_degrees_of_freedom
    if noise.sigma:
        return scale * noise.sigma, noise.degrees_of_freedom
    return None


def verdict_sentence(baseline: str, other: str, verdict: Verdict) -> str:
    """The verdict in one line."""
    p = verdict.p_better
    better, share, factor, interval = other, p, verdict.multiplier, verdict.interval
    worse = baseline
    if p < 0.5:
        better, worse, share, factor = baseline, other, 1 - p, 1 / verdict.multiplier
        interval = Interval(1 / interval.high, 1 / interval.low, interval.level)
    sure = f"{share:.1%}" if share < 0.9995 else "above 99.9%"
    told = f"settled: {better} is better" if verdict.settled else _open(verdict)
    return (
        f"Verdict at {format_flops(verdict.flops)} FLOPs: {worse} needs {format_multiplier(factor)} "
        f"({format_interval(interval, format_multiplier)}) the compute of {better}; p that {better} is better {sure}; "
        f"{told}"
    )


def _open(verdict: Verdict) -> str:
    """What would settle a verdict that is open."""
    if verdict.noise is None:
        return "open, and the noise between runs is unknown: repeat a cell with other seeds"
    if verdict.further_seeds is None:
        return f"open, and {MOST_SEEDS:,} further seeds would not settle it: they are as good as equal"
    seeds = plural(verdict.further_seeds, "further seed")
    return f"open: {seeds} of each at this budget would settle it, if the difference is as it seems"
