"""Suggestions: their records add up, equal input gives equal output, and bad questions are refused with the nearest."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.law import Law
from analysis.records import OutOfReachError, QuestionError
from analysis.suggest.cells import Cells
from analysis.suggest.records import Outcome, Suggestion, Target, Why
from analysis.suggest.suggest import suggest
from tests.unit.analysis.suggest.conftest import ASKED

SPEND = 2e20


@pytest.fixture(scope="module")
def found(law: Law, cells: Cells) -> Suggestion:
    return suggest(law, cells, ASKED, spend=SPEND)


def test_the_runs_add_up_within_the_spend(found: Suggestion) -> None:
    assert np.allclose([run.spent for run in found.runs], np.cumsum([run.flops for run in found.runs]))
    assert found.spent <= SPEND * 1.000001
    assert found.now is not None
    assert found.expected is not None
    assert found.expected.loss_half < found.now.loss_half
    assert [run.why for run in found.runs[:3]] == [Why.NOISE] * 3
    assert found.outcome in (Outcome.SPENT, Outcome.EXHAUSTED)


def test_the_order_of_cells_changes_nothing(law: Law, cells: Cells, found: Suggestion) -> None:
    shuffled = cells.select(np.random.default_rng(0).permutation(len(cells)))
    assert suggest(law, shuffled, ASKED, spend=SPEND) == found


def test_a_target_ends_the_order_where_it_is_reached(law: Law, cells: Cells, found: Suggestion) -> None:
    assert found.now is not None
    half = Target(loss=found.now.loss_half * 0.8)
    reached = suggest(law, cells, ASKED, target=half)
    assert reached.outcome is Outcome.REACHED
    assert half.reached(reached.runs[-1].expected or found.now)
    assert not half.reached(reached.runs[-2].expected or found.now)
    none = suggest(law, cells, ASKED, target=Target(params_factor=50.0))
    assert (none.outcome, none.runs) == (Outcome.REACHED, ())


def test_a_target_out_of_reach_is_said_to_be(law: Law, cells: Cells) -> None:
    found = suggest(law, cells, ASKED, spend=1e19, target=Target(loss=1e-5))
    assert found.outcome is not Outcome.REACHED


@pytest.mark.parametrize(
    ("flops", "spend", "target", "said"),
    [
        (1e17, None, Target(), "can be asked about is 1e18"),
        (ASKED, 1e12, Target(), "the cheapest cell costs 1e18"),
        (ASKED, None, Target(params_factor=0.9), "a factor above 1"),
        (ASKED, None, Target(loss=0.0), "a half-width above 0"),
    ],
)
def test_bad_questions_name_the_nearest(
    law: Law, cells: Cells, flops: float, spend: float | None, target: Target, said: str
) -> None:
    with pytest.raises(QuestionError, match=said):
        suggest(law, cells, flops, spend=spend, target=target)


def test_hours_must_be_known_to_count(law: Law, cells: Cells) -> None:
    with pytest.raises(QuestionError, match="leave per hour out"):
        suggest(law, cells, ASKED, per_hour=True)


def test_a_budget_beyond_any_law_is_refused_as_a_prediction_of_it_is(law: Law, cells: Cells) -> None:
    with pytest.raises(OutOfReachError, match="so far from its runs a law says nothing") as refused:
        suggest(law, cells, 1.01e5 * law.largest_budget)
    with pytest.raises(OutOfReachError) as predicted:
        law.predict(1.01e5 * law.largest_budget)
    if law.limits.highest == pytest.approx(1e5 * law.largest_budget):
        assert str(refused.value) == str(predicted.value)
    assert refused.value.highest == pytest.approx(1e5 * law.largest_budget)
