"""The table of a board: the best entry of each member, how sure its score is, and whether it beats the one below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.answers.frontier import Frontier
from analysis.answers.standings import (
    Decided,
    Margin,
    Spread,
    margin_of_forecasts,
    margin_of_scores,
    mean_interval,
    over_baseline,
    pooled,
    score_range,
)
from analysis.interval_score import interval_score
from analysis.records import Interval
from orchestrator.boards import Baseline, Outcome
from orchestrator.store import EntryRecord


@dataclass(frozen=True, slots=True)
class Standing:
    """A row of the table: the best entry of one member."""

    place: int | None
    """Its place, from 1; None while forecasts wait for what decides."""
    user: str
    """Who entered it."""
    score: float | None
    """Bits per byte, or the interval score of a forecast; the lower the better."""
    score_interval: Interval | None
    """95 % interval of the score; None where the spread between seeds is unknown."""
    multiplier: float | None
    """How much more compute the baseline needs for the score; None without a baseline, or beyond its reach."""
    multiplier_interval: Interval | None
    """95 % interval of that."""
    p_better: float | None
    """Probability that it is better than the entry below; None for the last one or an unknown spread."""
    settled: bool | None
    """Whether that is above 97.5 %."""
    further_seeds: int | None
    """Further seeds that would settle it; 0 where it is settled, None where it is unknown or above 1,000."""
    seeds: int
    """Seeds of the entry; 0 for a forecast."""
    flops: float | None
    """FLOPs of one run, or of all runs behind the forecast."""
    params: float | None
    """N that was forecast; None for runs."""
    tokens: float | None
    """D that was forecast; None for runs."""
    loss: float | None
    """Loss that was forecast; None for runs."""
    loss_interval: Interval | None
    """Interval of the loss that was forecast; None for runs."""


def ranked_runs(entries: Sequence[EntryRecord], baseline: Baseline | None) -> tuple[Standing, ...]:
    """The best entry of each member by bits per byte."""
    spread = pooled([entry.entered.scores for entry in entries])
    if spread is None and baseline is not None and baseline.sigma:
        spread = Spread(baseline.sigma, baseline.freedom)
    best: dict[str, EntryRecord] = {}
    for entry in sorted(entries, key=mean_of):
        best.setdefault(entry.user, entry)
    ranked = list(best.values())
    rows = []
    for i, entry in enumerate(ranked):
        below = [(mean_of(each), len(each.entered.scores)) for each in ranked[i + 1 : i + 2]]
        mean, seeds = mean_of(entry), len(entry.entered.scores)
        margin = margin_of_scores((mean, seeds), below[0], spread) if below else None
        rows.append(_run_row(i + 1, entry, mean_interval(mean, seeds, spread), baseline, margin))
    return tuple(rows)


def _run_row(
    place: int, entry: EntryRecord, interval: Interval | None, baseline: Baseline | None, margin: Margin | None
) -> Standing:
    """The row of an entry of runs."""
    mean, verdict = mean_of(entry), None
    if baseline is not None and entry.entered.flops is not None:
        frontier = Frontier(
            np.array(baseline.log_flops), np.array(baseline.losses), np.array(baseline.halves), baseline.largest
        )
        verdict = over_baseline(frontier, entry.entered.flops, mean, interval)
    return Standing(
        place=place,
        user=entry.user,
        score=mean,
        score_interval=interval,
        multiplier=verdict.multiplier if verdict else None,
        multiplier_interval=verdict.interval if verdict else None,
        p_better=margin.p_better if margin else None,
        settled=margin.settled if margin else None,
        further_seeds=margin.further_seeds if margin else None,
        seeds=len(entry.entered.scores),
        flops=entry.entered.flops,
        params=None,
        tokens=None,
        loss=None,
        loss_interval=None,
    )


def ranked_forecasts(entries: Sequence[EntryRecord], outcome: Outcome | None) -> tuple[Standing, ...]:
    """The best forecast of each member by its interval score; without an outcome, all in the order of their entry."""
    if outcome is None:
        return tuple(_forecast_row(None, entry, None, None) for entry in entries)
    spread = Spread(outcome.sigma, outcome.freedom) if outcome.sigma else None
    decided = Decided(outcome.loss, outcome.seeds, spread)
    best: dict[str, EntryRecord] = {}
    for entry in sorted(entries, key=lambda each: float(interval_score(interval_of(each), decided.loss))):
        best.setdefault(entry.user, entry)
    ranked = list(best.values())
    rows = []
    for i, entry in enumerate(ranked):
        below = ranked[i + 1 : i + 2]
        margin = margin_of_forecasts(interval_of(entry), interval_of(below[0]), decided) if below else None
        rows.append(_forecast_row(i + 1, entry, decided, margin))
    return tuple(rows)


def _forecast_row(place: int | None, entry: EntryRecord, decided: Decided | None, margin: Margin | None) -> Standing:
    """The row of a forecast."""
    forecast, interval = entry.entered.forecast, interval_of(entry)
    assert forecast is not None
    return Standing(
        place=place,
        user=entry.user,
        score=float(interval_score(interval, decided.loss)) if decided else None,
        score_interval=score_range(interval, decided) if decided else None,
        multiplier=None,
        multiplier_interval=None,
        p_better=margin.p_better if margin else None,
        settled=margin.settled if margin else None,
        further_seeds=margin.further_seeds if margin else None,
        seeds=0,
        flops=entry.entered.flops,
        params=forecast.params,
        tokens=forecast.tokens,
        loss=forecast.loss,
        loss_interval=interval,
    )


def mean_of(entry: EntryRecord) -> float:
    """The mean score over the seeds of an entry of runs."""
    return sum(entry.entered.scores) / len(entry.entered.scores)


def interval_of(entry: EntryRecord) -> Interval:
    """The interval of a forecast's loss."""
    assert entry.entered.forecast is not None
    return Interval(entry.entered.forecast.low, entry.entered.forecast.high)
