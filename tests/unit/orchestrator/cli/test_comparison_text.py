"""Comparisons in words: verdicts, and variants ranked by compute."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.answers.best_value import BestValue
from analysis.answers.compare import Comparison, Multiplier
from analysis.answers.total_parameters import TotalParameters
from analysis.answers.verdict import judge
from analysis.records import Interval
from orchestrator.cli.comparison_text import (
    describe_best,
    describe_comparison,
    describe_total,
    ranking,
    verdict,
)

VERDICT = judge(1e12, 3.0, 0.4, 0.5, 0.1, (0.05, 9999))


def _point(multiplier: float, low: float, high: float, loss: float = 3.0, extrapolation: float = 1.0) -> Multiplier:
    return Multiplier(loss, multiplier * 1e12, 1e12, multiplier, Interval(low, high), extrapolation)


def _comparison(other: str, multiplier: float, low: float, high: float, **changes: float) -> Comparison:
    point = _point(multiplier, low, high, **changes)
    points = tuple(replace(point, loss=4 - n / 24) for n in range(25))
    return Comparison("lr=1", other, "nats/token", points, point, VERDICT, ("A warning.",))


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(1.01, 2, "better"), (0.5, 0.99, "worse"), (0.9, 1.1, "no clear difference"), (1.0, 2, "no clear difference"),
     (0.5, 1.0, "no clear difference")],
)  # fmt: skip
def test_the_interval_decides(low: float, high: float, said: str) -> None:
    assert verdict(_comparison("lr=2", 1.5, low, high)) == said


def test_a_comparison_says_where_both_were_fitted_and_follows_the_loss() -> None:
    lines = describe_comparison(_comparison("lr=2", 1.5, 1.2, 1.8))
    assert lines[0] == "lr=2 against lr=1: how much more compute lr=1 needs for the same loss (nats/token)"
    assert lines[1] == "  at loss 3.000: ×1.5 (×1.2 to ×1.8), 1.5×10¹² against 10¹² FLOPs: lr=2 is better"
    assert [line.split(":")[0].strip() for line in lines[3:12]][::8] == ["4.000", "3.000"]
    assert len(lines) == 14 and lines[-2] == "  A warning."
    assert lines[-1].startswith("Verdict at 10¹² FLOPs: lr=1 needs ×1.49") and "open: 8 further seeds" in lines[-1]
    far = describe_comparison(_comparison("lr=2", 1.5, 1.2, 1.8, extrapolation=3.0))
    assert "×3 the largest fitted budget" in far[1]
    assert "largest fitted budget" not in lines[1]
    assert describe_comparison(_comparison("lr=2", 1.1, 0.9, 1.3))[1].endswith("FLOPs: no clear difference")


def test_variants_are_ranked_with_the_baseline_among_them() -> None:
    compared = [
        _comparison("lr=4", 0.5, 0.4, 0.6),
        _comparison("lr=2", 1.5, 1.2, 1.8),
        _comparison("lr=3", 1.1, 0.9, 1.3, extrapolation=2.0),
    ]
    lines = ranking("lr=1", compared, ["lr=9"], 80)
    assert lines[0] == "Compute that lr=1 needs for the same loss, over that of each variant"
    rows = [line.split() for line in lines[2:]]
    assert [row[1] if row[0].isdigit() else row[0] for row in rows] == ["lr=2", "lr=3", "lr=1", "lr=4", "lr=9"]
    assert [row[0] for row in rows[:4]] == ["1", "2", "3", "4"]
    assert lines[2].split()[2:6] == ["×1.5", "×1.2", "to", "×1.8"]
    assert lines[2].endswith("better") and lines[3].endswith("no clear difference, extrapolated")
    assert lines[4].endswith("the baseline") and lines[5].endswith("worse") and lines[6].endswith("not compared")
    assert max(map(len, lines)) <= 80


def test_on_a_narrow_terminal_the_verdict_stays() -> None:
    header = ranking("lr=1", [_comparison("lr=2", 1.5, 1.2, 1.8)], [], 44)[1]
    assert header.split() == ["variant", "multiplier", "verdict"]


def test_the_best_value_is_told_with_its_interval_and_where_it_ends() -> None:
    best = BestValue(
        1e12, 904.4, Interval(512.0, 1500.0), "bits/byte", (512.0, 1024.0, 2048.0), (1.25, 1.2, 1.3), "smallest"
    )
    first, line = describe_best("tokenizer.vocab", "qk_norm=True", [best])
    assert first == "best tokenizer.vocab with qk_norm=True by budget (bits/byte):"
    assert line.startswith("  10¹²: 904 (512 to 1,500); it may lie beyond the smallest that was tried; loss 512: 1.250")
    both = replace(best, at_edge="both")
    assert "reaches both ends" in describe_best("lr", "", [both])[1]
    assert "beyond" not in describe_best("lr", "", [replace(best, at_edge="")])[1]


def test_the_weight_of_all_parameters_is_said_with_what_it_means() -> None:
    found = TotalParameters("1", 0.12, Interval(-0.05, 0.29), 54, 2.4, 0.006, {})
    first, second = describe_total("experts", "lr=1", found)
    assert first.startswith("one law for all values of experts with lr=1: N counts as N·r^0.12 (-0.05 to 0.29), r: all")
    assert first.endswith("all parameters over those of experts=1 at the same N, here up to 2.4")
    assert second == "  0: those that a token uses count alone; 1: all count (54 cells, within 0.6%)"
    assert " with " not in describe_total("experts", "", found)[0].split(":")[0]
