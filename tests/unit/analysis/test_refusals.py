"""Refusals: every kind has a code, equal ones are one, and none can be changed."""

from __future__ import annotations

import dataclasses

import pytest

from analysis import refusals
from analysis.names import EstimatorName
from analysis.refusals import EdgeMinimum, Reason, Refusal, TooFewSizes

KINDS = [kind for kind in vars(refusals).values() if isinstance(kind, type) and issubclass(kind, Refusal)]
KINDS.remove(Refusal)

CODES = {
    "TooFewSizes": "too_few_sizes",
    "TooFewSplineSizes": "too_few_sizes",
    "TooFewRuns": "too_few_sizes",
    "SizesTooAlike": "too_few_sizes",
    "TooFewCrossings": "too_few_sizes",
    "TooFewBudgets": "too_few_budgets",
    "TooFewMinima": "too_few_budgets",
    "TooFewCurves": "too_few_budgets",
    "EdgeMinimum": "edge_minimum",
    "OutermostSize": "edge_minimum",
    "NoCubicMinimum": "no_curvature",
    "CurvatureNotEstablished": "no_curvature",
    "BendsBack": "no_parabola",
    "FarFromLowest": "no_parabola",
    "NoMinimum": "no_solution",
    "NoFiniteFit": "no_solution",
    "FitRunsOff": "no_solution",
    "OptimumRunsOff": "no_solution",
    "ErrorsUnknown": "no_solution",
    "OneLossARun": "one_loss_a_run",
    "UnknownSchedule": "wrong_schedule",
    "UnfinishedSchedule": "wrong_schedule",
    "ScheduleTooLong": "wrong_schedule",
}


def test_every_kind_has_the_code_that_json_promises() -> None:
    assert {kind.__name__: kind.reason.value for kind in KINDS} == CODES
    assert {reason.value for reason in Reason} == set(CODES.values())


def test_equal_refusals_are_one_and_others_are_not() -> None:
    edge = EdgeMinimum(EstimatorName.CUBIC, 1e5, "largest")
    assert len({edge, EdgeMinimum(EstimatorName.CUBIC, 1e5, "largest")}) == 1
    assert edge != EdgeMinimum(EstimatorName.CUBIC, 1e5, "smallest")
    assert TooFewSizes(1e12, 4, 5) != TooFewSizes(1e12, 3, 5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        edge.params = 2e5  # type: ignore[misc]
