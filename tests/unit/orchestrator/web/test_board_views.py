"""Rows of a board in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from analysis.records import Interval
from orchestrator.use_cases.board_standings import Standing
from orchestrator.use_cases.board_table import OwnEntry
from orchestrator.web.board_views import board_row, own_sentence, verdict_words

ROW = Standing(
    place=1,
    user="ann",
    score=2.05,
    score_interval=Interval(2.0, 2.1),
    multiplier=1.5,
    multiplier_interval=Interval(1.2, 1.9),
    p_better=0.9,
    settled=False,
    further_seeds=3,
    seeds=2,
    flops=1e12,
    params=None,
    tokens=None,
    loss=None,
    loss_interval=None,
)
SEALED = OwnEntry(0.0, (), "lab@1", 1e9, None, None, None, None, None)


def test_a_row_has_its_score_with_its_interval() -> None:
    row = board_row(ROW, last=False)
    assert (row.place, row.forecast, row.seeds) == ("1", "", "2")
    assert row.score.startswith("2.05") and "2.1" in row.score and "1.5" in row.multiplier
    last = board_row(replace(ROW, multiplier=None, multiplier_interval=None), last=True)
    assert (last.verdict, last.multiplier) == ("–", "–")


def test_a_forecast_has_its_numbers_in_the_row() -> None:
    made = replace(ROW, params=2e5, tokens=7e6, loss=2.9, loss_interval=Interval(2.8, 3.0), seeds=0, place=None)
    row = board_row(made, last=False)
    assert row.forecast.startswith("N ") and "2.9" in row.forecast and (row.place, row.verdict) == ("–", "–")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "open: p 90.0%; 3 further seeds would settle it"),
        ({"further_seeds": None}, "open: p 90.0%; 1,000 further seeds would not settle it"),
        ({"p_better": 0.9999, "settled": True}, "better than the one below: p above 99.9%"),
        ({"p_better": None}, "unknown: no recipe was entered with two seeds"),
    ],
)
def test_a_verdict_says_what_would_settle_it(changes: dict[str, Any], words: str) -> None:
    assert verdict_words(replace(ROW, **changes)) == words


def test_ones_own_entries_are_sentences() -> None:
    runs = OwnEntry(0.0, ("a", "b"), "", 1e9, 2.5, None, None, None, None)
    assert own_sentence(runs).startswith("2 runs (a, b): 2.5")
    assert (
        own_sentence(SEALED) == "the law of lab@1; what it says of the hidden budget is sealed until the board closes"
    )
    typed = replace(SEALED, sweep="", params=1e5, tokens=1e6, loss=3.0, loss_interval=Interval(2.9, 3.1))
    assert own_sentence(typed).startswith("your forecast: N ")
