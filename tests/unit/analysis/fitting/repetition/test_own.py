"""What a table says of R*: draws of both, and which models its runs say overfit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.fitting.repetition.own import OwnWorth
from tests.unit.analysis.fitting.repetition.learnt import fitted


def test_draws_lie_where_the_runs_say() -> None:
    drawn = fitted().drawn(2000, np.random.default_rng(0))
    low, high = np.percentile(drawn.tokens, [2.5, 97.5])
    assert fitted().tokens.low == pytest.approx(low, rel=0.1) and fitted().tokens.high == pytest.approx(high, rel=0.1)
    assert fitted().best.tokens.item() == fitted().tokens.value


def test_a_bound_on_either_side_is_knowledge() -> None:
    assert OwnWorth(5.0, None, 7.0).known and OwnWorth(5.0, 2.0, None).known
    assert not OwnWorth(5.0, None, None).known


def test_models_overfit_that_are_as_far_as_a_run_that_did() -> None:
    worth = replace(fitted(), epochs=8.0, worse=np.array([[1.0, 8.0, 0.3]]))
    params, tokens = np.array([90.0, 110.0, 110.0, 60.0]), np.array([800.0, 800.0, 700.0, 1600.0])
    assert worth.overfits(params, tokens, 100.0).tolist() == [False, True, False, True]
    assert not replace(worth, worse=np.empty((0, 3))).overfits(params, tokens, 1.0).any()
