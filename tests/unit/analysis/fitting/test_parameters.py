"""Names of parameters: in the order of the vectors that the solver moves."""

from __future__ import annotations

import numpy as np

from analysis.fitting.estimators import FRONTIER
from analysis.fitting.forms import ADDITIVE, JOINT_SKEW, JOINT_SKEW_BENT, SKALING
from analysis.fitting.parameters import FrontierTheta, LineTheta, SkalingTheta, columns

FORMS = (ADDITIVE, SKALING, JOINT_SKEW, JOINT_SKEW_BENT)


def test_parameters_are_named_in_the_vectors_order() -> None:
    for form in FORMS:
        named = form.parameters(*range(len(form.prior_mean)))
        assert list(named) == list(range(len(form.prior_sd))) and named.floor == 0
    assert JOINT_SKEW_BENT.parameters(*range(8)).kappa == 7
    assert JOINT_SKEW_BENT.prior_mean[7] == 0 and JOINT_SKEW.parameters(*JOINT_SKEW.prior_mean).exponent == 0.5
    columns_of = [column.shape for column in columns(np.zeros((4, 5)))]
    assert columns_of == [(4, 1)] * 5


def test_a_frontier_is_the_end_of_a_line() -> None:
    assert LineTheta._fields[2:] == FrontierTheta._fields == ("middle", "log_slope", "flattening")
    assert FRONTIER.parameters(*FRONTIER.prior_sd).flattening == 0.15
    assert SkalingTheta(*range(6)).log_gamma == 5 and LineTheta(*range(5)).exponent == 1
    assert [float(column[0, 0]) for column in columns(np.array([[1.0, 2.0]]))] == [1.0, 2.0]
