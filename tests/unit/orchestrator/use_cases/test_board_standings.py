"""The table: the best entry of each member, its interval, its multiplier, and whether it beats the one below."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from orchestrator.boards import Baseline, Forecast, NewEntry, Outcome
from orchestrator.store import EntryRecord
from orchestrator.use_cases.board_standings import ranked_forecasts, ranked_runs

BASELINE = Baseline(
    "lab@1", tuple(math.log(c) for c in (1e9, 1e10, 1e11)), (3.0, 2.0, 1.0), (0.05, 0.05, 0.05), 1e11, 0.02, 8
)


def runs(number: int, user: str, *scores: float) -> EntryRecord:
    names = tuple(f"run{number}-{i}" for i in range(len(scores)))
    return EntryRecord(number, user, 0.0, NewEntry(names, "", 5e9, scores))


def forecast(number: int, user: str, low: float, high: float) -> EntryRecord:
    return EntryRecord(number, user, 0.0, NewEntry(flops=1e9, forecast=Forecast(1e4, 1e5, (low + high) / 2, low, high)))


def test_the_best_entry_of_each_member_is_ranked() -> None:
    entries = [runs(1, "ann", 2.1, 2.12), runs(2, "bob", 2.0, 2.02), runs(3, "ann", 1.9, 1.92)]
    table = ranked_runs(entries, BASELINE)
    assert [(row.place, row.user) for row in table] == [(1, "ann"), (2, "bob")]
    assert [row.score for row in table] == pytest.approx([1.91, 2.01])
    first, last = table
    assert first.multiplier is not None and first.multiplier > 2.4
    assert first.multiplier_interval is not None and first.multiplier in first.multiplier_interval
    assert first.score_interval is not None and 1.91 in first.score_interval
    assert (first.settled, first.further_seeds, last.p_better, last.settled) == (True, 0, None, None)


def test_one_seed_each_takes_the_spread_of_the_baseline() -> None:
    entries = [runs(1, "ann", 2.0), runs(2, "bob", 2.01)]
    first = ranked_runs(entries, BASELINE)[0]
    assert first.settled is False and first.further_seeds is not None and first.further_seeds > 1
    unknown = ranked_runs(entries, None)[0]
    assert (unknown.score_interval, unknown.p_better, unknown.multiplier) == (None, None, None)


def test_the_spread_between_own_seeds_comes_before_that_of_the_baseline() -> None:
    wide, narrow = (ranked_runs([runs(1, "ann", 2.0, 2.0 + gap)], BASELINE)[0].score_interval for gap in (0.4, 0.004))
    assert wide is not None and narrow is not None
    assert wide.high - wide.low == pytest.approx(100 * (narrow.high - narrow.low))


def test_a_margin_counts_the_seeds_of_both_and_a_multiplier_the_flops_of_the_run() -> None:
    one, four = (
        ranked_runs([runs(1, "ann", 2.0), runs(2, "bob", *more)], BASELINE)[0] for more in ([2.03], [2.03] * 4)
    )
    assert one.p_better is not None and four.p_better is not None
    assert 0.5 < one.p_better < four.p_better - 0.02
    cheap = replace(runs(1, "ann", 2.0), entered=NewEntry(("run1-0",), "", 5e8, (2.0,)))
    multiplier = ranked_runs([cheap], BASELINE)[0].multiplier
    assert one.multiplier is not None and multiplier == pytest.approx(10 * one.multiplier)


def test_a_forecast_leads_as_surely_as_the_loss_is_known() -> None:
    entries = [forecast(1, "ann", 2.95, 3.05), forecast(2, "bob", 2.98, 3.1)]
    few, many = (ranked_forecasts(entries, Outcome("truth@1", 1, 2, 3.0, seeds, 0.05, 6))[0] for seeds in (1, 16))
    assert (few.user, few.settled, few.further_seeds is not None and few.further_seeds > 0) == ("ann", False, True)
    assert few.score_interval is not None and many.score_interval is not None
    assert many.score_interval.high < few.score_interval.high
    assert few.p_better is not None and many.p_better is not None and 0.5 < few.p_better < many.p_better


def test_forecasts_wait_in_the_order_of_their_entry_and_are_then_ranked_by_their_score() -> None:
    entries = [forecast(1, "ann", 3.1, 3.2), forecast(2, "bob", 2.9, 3.1), forecast(3, "cy", 2.0, 4.0)]
    waiting = ranked_forecasts(entries, None)
    assert [(row.place, row.user, row.score) for row in waiting] == [(None, n, None) for n in ("ann", "bob", "cy")]
    table = ranked_forecasts(entries, Outcome("truth@1", 1, 2, 3.0, 3, 0.01, 6))
    assert [row.user for row in table] == ["bob", "cy", "ann"]
    assert [row.score for row in table] == pytest.approx([0.2, 2.0, 0.1 + 40 * 0.1])
    assert table[0].settled and table[0].loss_interval is not None and table[0].params == 1e4
