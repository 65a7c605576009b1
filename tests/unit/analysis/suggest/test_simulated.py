"""A design's simulated losses: the same for the same runs, narrower with more of them, and where they are no law."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.records import LawError
from analysis.suggest.records import Precision, SuggestedRun, Why
from analysis.suggest.simulated import FITTED, Design
from tests.unit.analysis.law_tables import SMALL_COST

ASKED = 1e13
HOPED = Precision(0.2, 0.05)
FIRST = 15
"""Runs of the first curves."""


def runs(budgets: tuple[float, ...] = (1e11, 3e11, 1e12, 3e12)) -> list[SuggestedRun]:
    """Five sizes of each budget; something is expected from the end of the third on."""
    found: list[SuggestedRun] = []
    for budget in budgets:
        for params in 5e4 * (budget / 3e11) ** 0.5 * np.exp(np.linspace(-1, 1, 5)):
            tokens = float(SMALL_COST.tokens(np.array([budget]), np.array([params]))[0])
            hoped = HOPED if len(found) >= FIRST - 1 else None
            found.append(SuggestedRun(budget, float(params), tokens, budget, 0, Why.FIRST, 0.0, None, hoped))
    return found


def test_equal_runs_have_equal_losses_and_more_of_them_narrow() -> None:
    one, two = Design.of(runs(), ASKED, 0.01), Design.of(runs(), ASKED, 0.01)
    assert one.known(FIRST) == two.known(FIRST)
    assert one.known(20).loss_half < one.known(FIRST).loss_half
    assert Design.of(runs(), ASKED, 0.05).known(20).loss_half > one.known(20).loss_half


def test_a_course_passes_through_what_is_fitted_and_ends_at_the_last() -> None:
    design, last = Design.of(runs(), ASKED, 0.01), Precision(0.1, 0.02)
    course = design.course(last)
    assert [run.expected for run in course[: FIRST - 1]] == [None] * (FIRST - 1)
    begun = course[FIRST - 1].expected
    assert begun is not None and begun.loss_half == pytest.approx(design.known(FIRST).loss_half)
    assert course[-1].expected is not None and course[-1].expected.loss_half == pytest.approx(last.loss_half)
    halves = [run.expected.loss_half for run in course[FIRST - 1 :] if run.expected]
    assert len(halves) == 6 > FITTED, "those between are interpolated"
    assert min(halves) > 0 and len(set(halves)) == 6


def test_an_answer_too_far_away_is_refused() -> None:
    with pytest.raises(LawError, match="optimum"):
        Design.of(runs(), 1e300, 0.01).known(20)
