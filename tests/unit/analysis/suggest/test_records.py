"""Targets: what they demand and when it is reached."""

from __future__ import annotations

import math

from analysis.suggest.records import Precision, Target

NARROW, WIDE = Precision(math.log(1.1), 0.01), Precision(math.log(1.5), 0.1)


def test_a_target_is_reached_where_nothing_is_missed() -> None:
    both = Target(params_factor=1.2, loss=0.02)
    assert both.reached(NARROW)
    assert both.missed(WIDE) == (True, True)
    assert Target(params_factor=1.2).missed(WIDE) == (True, False)
    assert not Target().any
    assert not Target().reached(NARROW)
