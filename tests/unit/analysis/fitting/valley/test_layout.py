"""The layout: its rows are the derivatives of the fit's own predictions, and its new effects have the fit's scales."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitting.valley.hyper import Scales
from analysis.fitting.valley.layout import Layout
from analysis.fitting.valley.posterior import Valley, optima
from tests.unit.analysis.fitting.valley.made import jacobian, learnt
from tests.unit.analysis.law_tables import table


@pytest.fixture(scope="module")
def valley() -> Valley:
    return learnt(table(noise=0.005))


def test_rows_of_runs_that_were_fitted_are_those_of_the_fit(valley: Valley) -> None:
    linear = valley.mode.linearised
    model = linear.model
    params, flops = np.exp(model.x + valley.origin.n), np.exp(model.c + valley.origin.c)
    found = Layout.of(model, linear.beta, params, flops, flops)
    assert np.allclose(found.rows[:, : model.parameters], jacobian(linear.at), atol=1e-8)
    assert np.allclose(found.loss, linear.at.loss, atol=1e-8)
    assert np.allclose(found.rows[:, model.parameters : model.parameters + sum(found.sizes[:6])], 0, atol=1e-6)
    assert found.known.all()


def test_a_new_budget_has_an_offset_and_sides_of_its_own(valley: Valley) -> None:
    linear = valley.mode.linearised
    flops = np.repeat([1e18, 3e20, 1e21], 4)
    found = Layout.of(linear.model, linear.beta, np.tile(np.geomspace(1e8, 8e8, 4), 3), flops, flops)
    assert found.known.tolist() == [True] * 4 + [False] * 8
    assert found.sizes[2:6] == (2,) * 4
    assert np.all(found.added[4:] == 0)
    scales = Scales(*np.log([0.01, 0.1, 0.5, 0.3, 1.0, 0.5, 0.2, 0.1, 20.0, 0.5]))
    variances = found.variances(scales, 0.0)
    assert len(variances) == found.rows.shape[1] - linear.model.parameters
    assert np.isclose(variances[sum(found.sizes[:2])], (0.01 * 0.5) ** 2)


def test_the_answers_are_those_of_the_form(valley: Valley) -> None:
    solved, log_c = valley.mode.solved, float(np.log(1.1e21))
    flops = np.array([1e21])
    layout = Layout.of(valley.mode.linearised.model, solved.beta, np.array([5e8]), flops, flops)
    values, gradient = layout.answers(solved.beta, log_c - valley.origin.c)
    own = optima(valley, np.array([log_c]))
    assert values == pytest.approx([float(own.log_params[0]), float(own.loss[0])], abs=0.05)
    step = 1e-5 * np.eye(len(solved.beta))[1]
    up, down = (layout.answers(solved.beta + sign * step, log_c - valley.origin.c)[0] for sign in (1, -1))
    assert (up - down) / 2e-5 == pytest.approx(gradient[:, 1], rel=1e-5, abs=1e-9)
