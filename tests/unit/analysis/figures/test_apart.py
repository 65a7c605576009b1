"""Marks moved apart: no closer than asked, in order, and no further from their places than needed."""

from __future__ import annotations

from itertools import pairwise

import pytest

from analysis.figures.apart import moved_apart


def test_places_that_lie_apart_stay_where_they_are() -> None:
    assert moved_apart([0.0, 1.0, 3.0], 0.5) == [0.0, 1.0, 3.0]
    assert moved_apart([], 1.0) == []


def test_a_crowd_is_spread_about_its_middle() -> None:
    assert moved_apart([2.0, 2.0, 2.0], 1.0) == pytest.approx([1.0, 2.0, 3.0])


def test_crowds_that_touch_once_spread_share_the_move() -> None:
    moved = moved_apart([0.0, 0.1, 1.0, 1.1, 5.0], 1.0)
    assert all(after - before >= 1 - 1e-12 for before, after in pairwise(moved))
    assert sum(moved[:4]) == pytest.approx(sum([0.0, 0.1, 1.0, 1.1])) and moved[4] == 5.0
