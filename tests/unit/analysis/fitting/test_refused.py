"""RefusedError: carries its refusal, and reads as its sentence."""

from __future__ import annotations

from analysis.fitting.refused import RefusedError, refusals_text
from analysis.names import EstimatorName
from analysis.records import LawError
from analysis.refusals import FitRunsOff, TooFewMinima


def test_an_error_carries_its_refusal() -> None:
    error = RefusedError(FitRunsOff(EstimatorName.JOINT_SKEW))
    assert isinstance(error, LawError)
    assert error.refusal == FitRunsOff(EstimatorName.JOINT_SKEW)
    assert str(error) == "the joint skew fit ran off to infinity"


def test_refusals_are_sentences_of_which_the_first_follows_a_colon() -> None:
    text = refusals_text([TooFewMinima(name, 1, 3, 3) for name in (EstimatorName.CUBIC, EstimatorName.AKIMA)] * 2)
    assert text == (
        "the Akima spline has a minimum at 1 of 3 budgets; power laws need 3. "
        "The cubic has a minimum at 1 of 3 budgets; power laws need 3."
    )
