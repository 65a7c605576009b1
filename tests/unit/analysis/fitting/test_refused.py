"""RefusedError: carries its refusal, and reads as its sentence."""

from __future__ import annotations

from analysis.fitting.refused import RefusedError
from analysis.names import EstimatorName
from analysis.records import LawError
from analysis.refusals import FitRunsOff


def test_an_error_carries_its_refusal() -> None:
    error = RefusedError(FitRunsOff(EstimatorName.JOINT_SKEW))
    assert isinstance(error, LawError)
    assert error.refusal == FitRunsOff(EstimatorName.JOINT_SKEW)
    assert str(error) == "the joint skew fit ran off to infinity"
