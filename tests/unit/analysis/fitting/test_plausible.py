"""An exponent of N* that was never found is warned of, with the usual causes, in whatever a law says."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitting.plausible import exponent_warnings, implausible_exponent
from analysis.law import fit
from analysis.names import EstimatorName
from analysis.records import PowerLaw
from tests.unit.analysis.law_tables import Floats, Truth, table


def law(exponent: float, quantity: str = "params", estimator: EstimatorName = EstimatorName.HEADLINE) -> PowerLaw:
    return PowerLaw(quantity, estimator, 1.0, exponent, None)


@pytest.mark.parametrize(
    ("exponent", "warned"), [(0.29, True), (0.3, False), (0.5, False), (0.75, False), (0.76, True)]
)
def test_only_an_exponent_outside_is_warned_of(exponent: float, warned: bool) -> None:
    assert implausible_exponent([law(exponent)]) == (exponent if warned else None)
    said = exponent_warnings([law(exponent)])
    assert len(said) == warned


def test_the_warning_has_the_number_and_the_usual_causes() -> None:
    (said,) = exponent_warnings([law(0.9, "tokens"), law(0.5, estimator=EstimatorName.CUBIC), law(0.213)])
    assert said.startswith("N* grows as C^0.21 over the fitted budgets; 0.3 to 0.75 is plausible.")
    for cause in ("without the head or the embedding", "warmup", "schedule that did not match the length"):
        assert cause in said


def test_tokens_and_single_estimators_are_not_judged() -> None:
    assert exponent_warnings([law(0.9, "tokens"), law(0.1, estimator=EstimatorName.CUBIC), law(0.4)]) == ()
    assert exponent_warnings([]) == ()


def tilted(exponent: float) -> Truth:
    """A surface whose N* grows with this power of C."""

    def truth(params: Floats, tokens: Floats) -> Floats:
        log_c = np.log(6 * params * tokens / 1e19)
        u = np.log(params / 2.3e8) - exponent * log_c
        return np.asarray(1.7 + 1.3 * np.exp(-0.15 * log_c) * (0.25 * np.exp(-0.5 * u) + 0.5 * np.exp(0.25 * u)) / 0.75)

    return truth


@pytest.mark.parametrize(("exponent", "warned"), [(0.2, True), (0.45, False)])
def test_a_law_and_its_predictions_have_the_warning(exponent: float, warned: bool) -> None:
    fitted = fit(table(truth=tilted(exponent)), holdout=False)
    for warnings in (fitted.warnings, fitted.predict(1e21).warnings):
        assert any(sentence.startswith("N* grows as C^0.20") for sentence in warnings) is warned
