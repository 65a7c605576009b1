"""Standings of a leaderboard: scores with intervals, and how surely each entry beats the one below it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.answers.frontier import Frontier
from analysis.answers.verdict import MOST_SEEDS, SETTLED, Verdict, judge
from analysis.fitting.interval import student
from analysis.interval_score import interval_score
from analysis.records import Interval

DRAWS = 400
"""Equally likely outcomes over which forecasts are compared."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spread:
    """How much equal runs differ by their seed."""

    sigma: float
    """Standard deviation, in the unit of the scores."""
    freedom: int
    """Degrees of freedom of that."""


@dataclass(frozen=True, slots=True)
class Margin:
    """How surely an entry beats the one below it."""

    p_better: float
    """Probability that it is better."""
    settled: bool
    """Whether that is above 97.5 %."""
    further_seeds: int | None
    """Further seeds of each that would settle it in 80 % of the cases if the difference is as it seems, of forecasts
    further seeds of the runs that decide; 0 where it is settled, None above MOST_SEEDS."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What the runs that decide on forecasts have shown."""

    loss: float
    """Mean loss over the seeds of the best size."""
    seeds: int
    """How many runs that is."""
    spread: Spread | None
    """Between seeds; None where no cell was repeated."""


def pooled(groups: Sequence[Sequence[float]]) -> Spread | None:
    """The spread of the scores within groups of runs that differ by their seed alone; None without repeats."""
    repeated = [np.asarray(group) for group in groups if len(group) > 1]
    freedom = sum(len(group) - 1 for group in repeated)
    squares = sum(float(((group - group.mean()) ** 2).sum()) for group in repeated)
    return Spread(math.sqrt(squares / freedom), freedom) if squares > 0 else None


def mean_interval(mean: float, count: int, spread: Spread | None) -> Interval | None:
    """The 95 % interval of what a recipe reaches on average, from `count` seeds; None where the spread is unknown."""
    if spread is None:
        return None
    half = float(student(spread.freedom)) * spread.sigma / math.sqrt(count)
    return Interval(mean - half, mean + half)


def over_baseline(frontier: Frontier, flops: float, mean: float, interval: Interval | None) -> Verdict | None:
    """The compute multiplier of a score over a baseline, as `compare` gives it; None beyond the baseline's reach.

    Without an interval of the score, that of the baseline is all that is known.
    """
    if not frontier.losses[-1] < mean < frontier.losses[0]:
        return None
    base, half = frontier.compute(mean)
    slope = frontier.slope(base)
    own = 0.0 if interval is None else (interval.high - mean) / slope
    return judge(math.exp(base), mean, base - math.log(flops), min(math.hypot(half, own), 300.0), slope, None)


def margin_of_scores(better: tuple[float, int], worse: tuple[float, int], spread: Spread | None) -> Margin | None:
    """How surely the lower of two mean scores, each with its number of seeds, is better; None without a spread."""
    if spread is None:
        return None
    gap, error = worse[0] - better[0], spread.sigma * math.sqrt(1 / better[1] + 1 / worse[1])
    half = float(student(spread.freedom)) * error
    # A gap of scores is judged as one of losses is; no compute is compared.
    verdict = judge(math.nan, better[0], gap, half, 1.0, (math.sqrt(2) * spread.sigma, spread.freedom))
    return Margin(verdict.p_better, verdict.settled, verdict.further_seeds)


def score_range(interval: Interval, decided: Decided) -> Interval | None:
    """The 95 % interval of an interval score, given how well the outcome is known; None where that is not known."""
    if decided.spread is None:
        return None
    scores = interval_score(interval, _outcomes(decided, 0))
    return Interval(float(np.quantile(scores, 0.025)), float(np.quantile(scores, 0.975)))


def margin_of_forecasts(better: Interval, worse: Interval, decided: Decided) -> Margin | None:
    """How surely the one forecast scores lower than the other, given how well the outcome is known."""
    if decided.spread is None:
        return None

    def share(further: int) -> float:
        """Share of the possible outcomes for which it is better, after so many further seeds."""
        outcomes = _outcomes(decided, further)
        first, second = interval_score(better, outcomes), interval_score(worse, outcomes)
        return float(np.mean(first < second) + np.mean(first == second) / 2)

    p = share(0)
    if p >= 1 - SETTLED:
        return Margin(p, True, 0)
    return Margin(p, False, _fewest(lambda seeds: share(seeds) >= 1 - SETTLED))


def _outcomes(decided: Decided, further: int) -> Floats:
    """Equally likely values of the mean loss, were there so many further seeds with the same mean."""
    from scipy.special import stdtrit

    assert decided.spread is not None
    shares = (np.arange(DRAWS) + 0.5) / DRAWS
    error = decided.spread.sigma / math.sqrt(decided.seeds + further)
    return np.asarray(decided.loss + error * stdtrit(decided.spread.freedom + further, shares))


def _fewest(enough: Callable[[int], bool]) -> int | None:
    """The smallest number of seeds that is enough, where more are never worse; None above MOST_SEEDS."""
    if not enough(MOST_SEEDS):
        return None
    low, high = 0, MOST_SEEDS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
