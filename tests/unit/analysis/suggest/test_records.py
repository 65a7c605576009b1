"""Targets: what they demand and when it is reached."""

from __future__ import annotations

import math

import pytest

from analysis.suggest.records import Precision, Target

NARROW, WIDE = Precision(math.log(1.1), 0.01), Precision(math.log(1.5), 0.1)


def test_a_target_is_reached_where_nothing_is_missed() -> None:
    both = Target(params_factor=1.2, loss=0.02)
    assert both.reached(NARROW)
    assert both.missed(WIDE) == (True, True)
    assert Target(params_factor=1.2).missed(WIDE) == (True, False)
    assert not Target().any
    assert not Target().reached(NARROW)


def test_the_nearest_target_is_typed_so_that_it_is_reached() -> None:
    missed, known = Target(params_factor=1.0001, loss=1e-6), Precision(math.log(1.0953), 0.01853)
    assert missed.typed(known) == "params=1.0953 and loss=0.0186"
    assert Target(1.1, 0.0186).reached(known)
    assert Target(params_factor=1.5, loss=1e-6).typed(known) == "params=1.5 and loss=0.0186", "what is reached stays"
    assert Target(loss=1e-6).typed(Precision(0.1, 2.345e-5)) == "loss=2.35e-05"
    assert Target(loss=0.1).typed(Precision(math.inf, 1.0)) == ""


def test_hopes_that_came_out_wider_are_asked_for_more_strictly() -> None:
    target, hoped, came = Target(1.2, 0.02), Precision(math.log(1.2), 0.02), Precision(2 * math.log(1.2), 0.01)
    stricter = target.stricter(hoped, came)
    assert stricter.params_factor is not None
    assert math.log(stricter.params_factor) / math.log(1.2) == pytest.approx(0.97 / 2)
    assert stricter.loss == 0.02, "what came true stays"
    assert not target.out_of_reach.reached(Precision(1e-9, 1e-9))
    assert Target(loss=0.02).out_of_reach.params_factor is None
